"""Everything run over the demo's downloads, and compared with a computation of its own; and what the gates stop."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import expected
import pytest
from newsroom import Newsroom

from editorial.build import TARGET
from slipway.environment import Environment
from slipway.testing.postgres import Database


@pytest.fixture(scope="module")
def newsroom(
    new_database: Callable[[str], Database], downloads: Path, tmp_path_factory: pytest.TempPathFactory
) -> Newsroom:
    folder = tmp_path_factory.mktemp("own") / "raw-download"
    shutil.copytree(downloads, folder)
    return Newsroom(new_database("whole"), folder)


@pytest.fixture(scope="module")
def run(newsroom: Newsroom) -> dg.ExecuteInProcessResult:
    result = newsroom.run("editorial_daily")
    assert result.success, result.get_failed_step_keys()
    return result


@pytest.fixture(scope="module")
def shown(newsroom: Newsroom) -> list[expected.Shown]:
    return expected.impressions(newsroom.folder)


@pytest.mark.usefixtures("run")
class TestWholeRun:
    def test_impressions(self, newsroom: Newsroom, shown: list[expected.Shown]) -> None:
        rows = newsroom.warehouse.rows(
            "SELECT publisher, impression_id, article_id, user_id, shown_at, clicked, read_seconds"
            " FROM staging.stg_unified_impressions"
        )
        wanted = [(s.publisher, s.impression, s.article, s.user, s.at, s.clicked, s.seconds) for s in shown]
        assert len(rows) > 500
        assert sorted(rows, key=str) == sorted(wanted, key=str)

    def test_popularity_by_day(self, newsroom: Newsroom, shown: list[expected.Shown]) -> None:
        rows = newsroom.warehouse.rows(
            "SELECT publisher, article_id, day, shown, clicks, readers FROM marts.article_popularity_daily"
        )
        assert {row[:3]: row[3:] for row in rows} == expected.popularity(shown)

    def test_click_through_by_hour(self, newsroom: Newsroom, shown: list[expected.Shown]) -> None:
        rows = newsroom.warehouse.rows(
            "SELECT publisher, hour, shown, clicks, click_through FROM marts.click_through_hourly"
        )
        assert {row[:2]: row[2:4] for row in rows} == expected.hourly(shown)
        assert all(float(rate) == pytest.approx(clicks / all_, abs=1e-4) for *_, all_, clicks, rate in rows)

    def test_overview(self, newsroom: Newsroom, shown: list[expected.Shown]) -> None:
        rows = newsroom.warehouse.rows(
            "SELECT publisher, shown, clicks, users, articles, first_day, last_day, click_through IS NULL"
            " FROM editorial.publisher_overview"
        )
        assert {row[0]: row[1:7] for row in rows} == expected.overview(shown)
        # Adressa does not say what was shown: its click-through would be 1.
        assert {row[0] for row in rows if row[7]} == {"adressa"}

    def test_sections_and_top_articles(self, newsroom: Newsroom, shown: list[expected.Shown]) -> None:
        clicks: dict[tuple[str, str], int] = {}
        for one in shown:
            clicks[one.publisher, one.article] = clicks.get((one.publisher, one.article), 0) + one.clicked
        top = newsroom.warehouse.rows(
            "SELECT publisher, place, article_id, clicks FROM editorial.top_articles ORDER BY 1, 2"
        )
        for publisher in ("ebnerd", "adressa", "mind"):
            best = sorted((count for (name, _), count in clicks.items() if name == publisher), reverse=True)
            assert [row[3] for row in top if row[0] == publisher] == best[:10]
        assert all(clicks[row[0], row[2]] == row[3] for row in top)
        shares = newsroom.warehouse.rows(
            "SELECT publisher, sum(share), sum(clicks) FROM editorial.section_interest GROUP BY publisher"
        )
        for publisher, share, total in shares:
            assert float(share) == pytest.approx(1, abs=0.01)
            assert total == sum(count for (name, _), count in clicks.items() if name == publisher)

    def test_the_faults_are_counted_and_shown(
        self, run: dg.ExecuteInProcessResult, newsroom: Newsroom
    ) -> None:
        checks = {
            (check.asset_key.to_user_string(), check.check_name): check
            for check in run.get_asset_check_evaluations()
        }
        for publisher, rejected in (("ebnerd", 3), ("adressa", 4), ("mind", 4)):
            check = checks[f"raw/{publisher}", "files_taken"]
            assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
            assert check.metadata["rejected"].value == rejected
        reasons = {row[0] for row in newsroom.warehouse.rows("SELECT reason FROM raw.rejected_lines")}
        assert {"no user_id", "no JSON", "not UTF-8", "3 fields instead of 5"} <= reasons
        (unknown,) = (check for (_, name), check in checks.items() if name.startswith("known_articles"))
        assert (unknown.passed, unknown.severity) == (False, dg.AssetCheckSeverity.WARN)
        failed = {key for key, check in checks.items() if not check.passed}
        assert failed == {
            *((f"raw/{name}", "files_taken") for name in ("ebnerd", "adressa", "mind")),
            (
                "stg_unified_impressions",
                unknown.check_name,
            ),
        }

    def test_the_tables_say_how_many_rows_they_have(
        self, run: dg.ExecuteInProcessResult, newsroom: Newsroom
    ) -> None:
        counts = {
            event.asset_key.to_user_string(): event.materialization.metadata.get("dagster/row_count")
            for event in run.get_asset_materialization_events()
        }
        assert counts["stg_unified_impressions"].value == newsroom.count("staging.stg_unified_impressions")
        assert counts["publisher_overview"].value == 3

    def test_no_password_and_no_artifact_is_left(self, run: dg.ExecuteInProcessResult) -> None:
        assert {file.name for file in TARGET.iterdir()} == {
            "manifest.json",
            "partial_parse.msgpack",
            "sources.sha256",
        }
        for file in TARGET.iterdir():
            assert b"s3cret-word" not in file.read_bytes()
        assert not any("s3cret-word" in str(event) for event in run.all_events)


def gates(newsroom: Newsroom, environment: Environment) -> dict[str, dg.AssetCheckEvaluation]:
    """Evaluate the two gates as they are in an environment, and nothing else."""
    defs = newsroom.definitions(environment)
    graph = defs.resolve_asset_graph()
    keys = [key for key in graph.asset_check_keys if key.name in ("row_count", "freshness")]
    job = dg.define_asset_job("gates", dg.AssetSelection.checks(*keys))
    found = dg.Definitions.merge(defs, dg.Definitions(jobs=[job])).resolve_job_def("gates")
    result = found.execute_in_process(instance=newsroom.instance, raise_on_error=False)
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


@pytest.fixture
def checks_only(newsroom: Newsroom) -> Iterator[Callable[[Environment], dict[str, dg.AssetCheckEvaluation]]]:
    yield lambda environment: gates(newsroom, environment)
    newsroom.warehouse.run("UPDATE staging.stg_unified_impressions SET landed_at = now()")


def repeat(run: dg.ExecuteInProcessResult, instance: dg.DagsterInstance, times: int) -> None:
    """Let a run's loads and tables be followed by equal ones, as days that are like it would leave them behind."""
    for _ in range(times):
        for event in run.get_asset_materialization_events():
            instance.report_runless_asset_event(event.materialization)


@pytest.mark.usefixtures("run")
def test_freshness_is_judged_by_the_environments_budget(
    newsroom: Newsroom, checks_only: Callable[[Environment], dict[str, dg.AssetCheckEvaluation]]
) -> None:
    newsroom.warehouse.run(
        "UPDATE staging.stg_unified_impressions SET landed_at = now() - interval '37 hours' WHERE publisher = 'mind'"
    )
    assert checks_only(Environment.LOCAL)["freshness"].passed
    late = checks_only(Environment.PROD)["freshness"]
    assert (late.passed, late.severity, late.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    assert "mind (37.0 h)" in (late.description or "")
    assert "ebnerd" not in (late.description or "")


@pytest.mark.usefixtures("run")
def test_rows_that_break_a_contract_do_not_take_the_tables_place(newsroom: Newsroom) -> None:
    before = newsroom.warehouse.rows("SELECT * FROM editorial.publisher_overview ORDER BY 1")
    newsroom.warehouse.run(
        "UPDATE staging.stg_unified_impressions SET publisher = NULL WHERE publisher = 'mind'"
    )
    job = dg.define_asset_job("overview", dg.AssetSelection.assets("publisher_overview"))
    defs = dg.Definitions.merge(newsroom.definitions(), dg.Definitions(jobs=[job]))
    overview = defs.resolve_job_def("overview")
    result = overview.execute_in_process(instance=newsroom.instance, raise_on_error=False)
    newsroom.warehouse.run(
        "UPDATE staging.stg_unified_impressions SET publisher = 'mind' WHERE publisher IS NULL"
    )
    assert not result.success
    assert newsroom.warehouse.rows("SELECT * FROM editorial.publisher_overview ORDER BY 1") == before


@pytest.mark.parametrize(("tables", "passed"), [(7, True), (8, False)])
def test_a_table_that_lost_most_of_a_publisher_is_noticed_once_there_are_seven_before(
    run: dg.ExecuteInProcessResult, newsroom: Newsroom, tables: int, passed: bool
) -> None:
    known = Newsroom(newsroom.warehouse, newsroom.folder)
    repeat(run, known.instance, tables)
    newsroom.warehouse.run(
        "CREATE TABLE kept AS SELECT * FROM staging.stg_unified_impressions",
        "DELETE FROM staging.stg_unified_impressions WHERE publisher = 'mind' AND impression_key NOT IN"
        " (SELECT impression_key FROM kept WHERE publisher = 'mind' ORDER BY 1 LIMIT 20)",
    )
    check = gates(known, Environment.LOCAL)["row_count"]
    newsroom.warehouse.run(
        "TRUNCATE staging.stg_unified_impressions",
        "INSERT INTO staging.stg_unified_impressions SELECT * FROM kept",
        "DROP TABLE kept",
    )
    assert check.passed is passed
    if passed:
        assert (check.description or "").startswith("No verdict")
    else:
        assert (check.severity, check.blocking) == (dg.AssetCheckSeverity.ERROR, True)
        assert check.metadata["bad_partitions"].value == ["mind"]


def test_a_publisher_that_brings_a_part_of_what_is_usual_stops_what_is_downstream(
    run: dg.ExecuteInProcessResult, newsroom: Newsroom
) -> None:
    repeat(run, newsroom.instance, 7)
    before = newsroom.warehouse.rows("SELECT * FROM editorial.publisher_overview ORDER BY 1")
    for split in ("MINDsmall_train", "MINDsmall_dev"):
        file = newsroom.file(f"{split}/behaviors.tsv")
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[: len(lines) // 10]))
    # A new file of few rows, where the files that are there already are many.
    events = newsroom.file("one_week/20170102").read_bytes().splitlines(keepends=True)
    newsroom.file("one_week/20170109").write_bytes(events[0])
    result = newsroom.run("editorial_daily")
    assert not result.success
    (check,) = (each for each in result.get_asset_check_evaluations() if each.check_name == "row_count")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.ERROR)
    assert check.metadata["bad_partitions"].value == [
        "each new file of adressa",
        "mind",
        "each new file of mind",
    ]
    started = {event.step_key for event in result.all_events if event.is_step_start}
    assert "staging_models" in started
    assert "reporting_models" not in started
    assert newsroom.warehouse.rows("SELECT * FROM editorial.publisher_overview ORDER BY 1") == before


@pytest.mark.usefixtures("run")
def test_a_publisher_that_drops_out_stops_what_is_downstream(newsroom: Newsroom) -> None:
    before = newsroom.warehouse.rows("SELECT * FROM editorial.publisher_overview ORDER BY 1")
    for split in ("MINDsmall_train", "MINDsmall_dev"):
        newsroom.file(f"{split}/behaviors.tsv").write_bytes(b"")
    result = newsroom.run("editorial_daily")
    assert not result.success
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["row_count"].passed
    assert checks["row_count"].metadata["mind"].value == 0
    assert "mind" in (checks["row_count"].description or "")
    started = {event.step_key for event in result.all_events if event.is_step_start}
    assert "staging_models" in started
    assert "reporting_models" not in started
    assert newsroom.warehouse.rows("SELECT * FROM editorial.publisher_overview ORDER BY 1") == before
