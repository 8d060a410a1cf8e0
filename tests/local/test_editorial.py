"""The code location `editorial` on the platform: its first run."""

from support.platform import Platform


def test_the_first_run_made_the_reports_of_all_publishers(platform: Platform) -> None:
    with platform.connect("newsroom") as warehouse:
        rows = warehouse.execute(
            "SELECT publisher, shown FROM editorial.publisher_overview ORDER BY publisher"
        ).fetchall()
    assert [row[0] for row in rows] == ["adressa", "ebnerd", "mind"]
    assert all(row[1] > 0 for row in rows)
    found = {asset.name: asset.rows for asset in platform.web.assets("editorial")}
    assert found["publisher_overview"] == 3
