"""Contract files on the running platform: beside the assets, and equal to the committed ones."""

from pathlib import Path

import pytest

from slipway.contracts import published_contract
from support.platform import ROOT, Platform

COMMITTED = ROOT / "code_locations" / "orders" / "contracts"
BUCKET = Path("buckets", "assets")
CHECK = """query ($key: AssetKeyInput!) { assetCheckExecutions(assetKey: $key, checkName: "contract", limit: 1) { status } }"""
SPEC = """query ($keys: [AssetKeyInput!]) { assetNodes(assetKeys: $keys) {
  assetChecksOrError { ... on AssetChecks { checks { name blocking } } } } }"""


def test_the_contracts_are_beside_the_assets_and_equal_to_the_committed_ones(platform: Platform) -> None:
    bucket = platform.state.s3 / BUCKET
    files = {file.name: file.read_bytes() for file in sorted(COMMITTED.iterdir())}
    assert len(files) >= 5
    for name, content in files.items():
        assert (bucket / name).read_bytes() == content, name
        asset = name.removesuffix(".odcs.yaml")
        assert (bucket / f"{asset}.parquet").is_file() or list((bucket / asset).glob("*.parquet")), name
    assert not (bucket / "raw_orders.odcs.yaml").exists()


def test_every_contract_was_kept_and_is_blocking(platform: Platform) -> None:
    for file in COMMITTED.iterdir():
        asset = file.name.removesuffix(".odcs.yaml")
        (check,) = platform.web.ask(CHECK, key={"path": [asset]})["assetCheckExecutions"]
        assert check["status"] == "SUCCEEDED", asset
        (node,) = platform.web.ask(SPEC, keys=[{"path": [asset]}])["assetNodes"]
        blocking = {each["name"]: each["blocking"] for each in node["assetChecksOrError"]["checks"]}
        assert blocking["contract"], asset


def test_another_location_reads_what_orders_promises(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = platform.settings("sales")
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION"):
        monkeypatch.setenv(name, settings[name])
    found = published_contract(settings["SLIPWAY_STORAGE_URL"], "daily_revenue")
    assert (found.domain, found.path, found.contract.unique) == (
        "orders",
        "daily_revenue.parquet",
        (("day",),),
    )


def test_the_command_compares_with_what_is_published(platform: Platform) -> None:
    done = platform.slipway("contracts", "orders")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"{len(list(COMMITTED.iterdir()))} contracts hold: cleaned_orders, daily_orders, daily_revenue"
        in done.stdout
    )
    assert "not compared" not in done.stdout
