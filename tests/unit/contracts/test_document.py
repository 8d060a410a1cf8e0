"""The file: valid by the standard's own schema, the same bytes every time, and read back as it was."""

import datetime as dt
import json
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files
from pathlib import Path

import jsonschema
import pyarrow as pa
import pytest
import yaml

from slipway.columns import Column
from slipway.contracts import Contract, DeclarationError, Published
from slipway.contracts.document import from_bytes, from_document, to_bytes, to_document
from slipway.contracts.errors import DocumentError

ROOT = Path(__file__).resolve().parents[3]
INSTANT = pa.timestamp("us", "UTC")
EVERYTHING = Contract(
    "2.10.3",
    (
        Column("day", pa.date32(), "d", nullable=False, minimum=dt.date(2026, 1, 1)),
        Column("at", INSTANT, "a", maximum=dt.datetime(2030, 1, 1, 12, 30, tzinfo=dt.UTC)),
        Column("plain", pa.timestamp("ns"), "p", minimum=dt.datetime(2020, 1, 1)),  # noqa: DTZ001
        Column("n", pa.int32(), "n", minimum=-5, maximum=5, allowed=(-1, 1)),
        Column("x", pa.float64(), "x", minimum=0.1),
        Column("euros", pa.decimal128(18, 2), "e", minimum=Decimal("0.01"), maximum=Decimal(10)),
        Column("wide", pa.decimal256(60, 0), "w"),
        Column("flag", pa.bool_(), "f"),
        Column("clock", pa.time64("us"), "c"),
        Column("name", pa.string(), "ü: \"q\" 'r'", pattern=r"^\S+$", allowed=("a", "b: c")),
    ),
    unique=(("n",), ("day", "name")),
    minimum_rows=1,
    maximum_rows=10,
)
PUBLISHED = Published(
    "a/b", "north", EVERYTHING, "a/b/<partition>.parquet", "Words: many.", ("team:x", "me@x.de"), ("day",)
)


def schema() -> dict:
    return json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())


@pytest.mark.parametrize(("least", "greatest"), [(1, 10), (1, None), (None, 9), (3, 3), (None, None)])
def test_it_is_read_back_as_it_was(least: int | None, greatest: int | None) -> None:
    contract = replace(EVERYTHING, minimum_rows=least, maximum_rows=greatest)
    made = replace(PUBLISHED, contract=contract)
    assert from_document(to_document(made)) == made
    assert from_bytes(to_bytes(to_document(made)), "x") == made
    jsonschema.validate(yaml.safe_load(to_bytes(to_document(made))), schema())


def test_the_schema_of_the_standard_would_complain() -> None:
    document = to_document(PUBLISHED)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**document, "colour": "red"}, schema())


@pytest.mark.parametrize(
    "file", sorted(ROOT.glob("code_locations/*/contracts/**/*.odcs.yaml")), ids=lambda f: f.stem
)
def test_committed_files_are_valid_by_the_standard(file: Path) -> None:
    jsonschema.validate(yaml.safe_load(file.read_text()), schema())
    assert from_bytes(file.read_bytes(), str(file)).asset == file.name.removesuffix(".odcs.yaml")


def test_the_same_contract_gives_the_same_bytes() -> None:
    again = from_bytes(to_bytes(to_document(PUBLISHED)), "x")
    assert to_bytes(to_document(again)) == to_bytes(to_document(PUBLISHED))


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b"schema: []", b"\xff\xfe", b"kind: DataContract"])
def test_a_damaged_file_is_named(data: bytes) -> None:
    with pytest.raises(DocumentError, match=r"bucket assets, key a\.odcs\.yaml is no contract file"):
        from_bytes(data, "bucket assets, key a.odcs.yaml")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": "1.0"}, "'1.0' is no version"),
        ({"columns": (EVERYTHING.columns[0], EVERYTHING.columns[0]), "unique": ()}, "names a column twice"),
        ({"unique": (("nothing",),)}, "has no such column: nothing"),
        ({"columns": (Column("l", pa.list_(pa.int64()), ""),), "unique": ()}, "can't name the type list"),
        ({"columns": (Column("n", pa.int64(), "", pattern="x"),), "unique": ()}, "a pattern is for strings"),
        ({"columns": (Column("s", pa.string(), "", pattern="("),), "unique": ()}, "the pattern '(' is none"),
        (
            {"columns": (Column("s", pa.string(), "", minimum=1),), "unique": ()},
            "minimum and maximum are for",
        ),
        ({"columns": (Column("n", pa.int64(), "", allowed=("x",)),), "unique": ()}, "'x' is no int64"),
        (
            {"columns": (Column("e", pa.decimal128(18, 2), "", minimum=0.5),), "unique": ()},
            "0.5 is no decimal128",
        ),
    ],
)
def test_what_can_not_be_kept_can_not_be_declared(change: dict, said: str) -> None:
    with pytest.raises(DeclarationError) as raised:
        replace(EVERYTHING, **change)
    assert said in str(raised.value)
