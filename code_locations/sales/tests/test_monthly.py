"""The monthly report: its page, its numbers, its schedule."""

import re
import subprocess
import sys
from datetime import UTC, date, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import dagster as dg
import matplotlib as mpl
import pyarrow as pa
import pytest

from sales.columns import ROWS
from sales.definitions import build_defs
from sales.defs.files.folder import CsvFolder
from sales.defs.monthly.figures import month_of
from sales.defs.monthly.report import monthly_report
from slipway.columns import arrow_schema
from slipway.environment import Environment
from slipway.resources import DocumentStore
from slipway.storage import ParquetIOManager

FIVE = [
    ("1", date(2026, 1, 31), "DE", Decimal(1000)),
    ("2", date(2026, 2, 1), "DE", Decimal("10.10")),
    ("3", date(2026, 2, 1), "FR", Decimal("20.20")),
    ("4", date(2026, 2, 28), "DE", Decimal("30.30")),
    ("5", date(2026, 3, 1), "PL", Decimal(1000)),
]
TABLE = pa.Table.from_pylist(
    [dict(zip(arrow_schema(ROWS).names, row, strict=True)) for row in FIVE], schema=arrow_schema(ROWS)
)


class Page(HTMLParser):
    """What a reader of the page gets: its tags, and the text of its cells by row."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict]] = []
        self.rows: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] in ("th", "td") and data.strip():
            self.rows[-1].append(data)


def make(folder: Path, month: str) -> tuple[str, dict]:
    """Return the month's page, and the metadata of its materialization."""

    @dg.asset
    def sales() -> pa.Table:
        return TABLE

    resources = {
        "io_manager": ParquetIOManager(base_url=folder.as_uri()),
        "documents": DocumentStore(url=folder.as_uri()),
    }
    result = dg.materialize([sales, monthly_report], partition_key=month, resources=resources)
    (event,) = result.asset_materializations_for_node("monthly_report")
    return (folder / "monthly_report" / f"{month}.html").read_text(), event.metadata


def test_a_month_has_its_own_days_and_no_others() -> None:
    month = month_of(TABLE, date(2026, 2, 1), date(2026, 3, 1))
    assert (month.name, month.sales, month.total_eur) == ("February 2026", 3, Decimal("60.60"))
    assert [day for day, amount in month.by_day if amount] == [date(2026, 2, 1), date(2026, 2, 28)]
    assert len(month.by_day) == 28
    assert month.by_country == (("DE", 2, Decimal("40.40")), ("FR", 1, Decimal("20.20")))


def test_the_page_is_whole_and_can_be_read_aloud(tmp_path: Path) -> None:
    text, metadata = make(tmp_path, "2026-02")
    page = Page(text)
    assert "<title>Sales of February 2026</title>" in text
    assert ("html", {"lang": "en"}) in page.tags
    assert ["DE", "2", "40.40"] in page.rows
    assert ["2026-02-28", "30.30"] in page.rows
    pictures = [attributes for tag, attributes in page.tags if tag == "img"]
    assert len(pictures) == 2
    for picture in pictures:
        assert picture["src"].startswith("data:image/png;base64,iVBOR")
        assert len(picture["alt"]) > 40
    assert not re.search(r'(src|href)="(?!data:)', text)
    assert sum(tag == "caption" for tag, _ in page.tags) == 2
    assert metadata["dagster/uri"].value == f"{tmp_path.as_uri()}/monthly_report/2026-02.html"
    assert (metadata["sales"].value, metadata["total_eur"].value) == (3, 60.60)
    assert len(metadata["picture"].value) < 30_000


def test_the_same_sales_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, _ = make(tmp_path / "one", "2026-02")
    # A user's own matplotlibrc.
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "red")
    second, _ = make(tmp_path / "two", "2026-02")
    assert first == second


def test_a_month_without_sales_says_so(tmp_path: Path) -> None:
    text, metadata = make(tmp_path, "2026-05")
    assert "There were no sales in this month." in text
    assert "picture" not in metadata


def schedule(environment: Environment = Environment.LOCAL) -> tuple[dg.Definitions, dg.ScheduleDefinition]:
    url = "file:///never/used"
    resources = {
        "io_manager": ParquetIOManager(base_url=url),
        "documents": DocumentStore(url=url),
        "sales_folder": CsvFolder(path="/never/used"),
    }
    defs = build_defs(resources=resources, environment=environment)
    return defs, defs.get_repository_def().get_schedule_def("monthly_report_schedule")


@pytest.mark.parametrize(
    ("tick", "month"),
    [
        ("2026-03-01T08:00:00", "2026-02"),
        ("2027-01-01T08:00:00", "2026-12"),
        ("2026-04-01T08:00:00", "2026-03"),  # clocks change in Europe
    ],
)
def test_a_tick_is_for_the_month_before(tick: str, month: str) -> None:
    defs, found = schedule()
    instant = datetime.fromisoformat(tick).replace(tzinfo=UTC)
    with dg.build_schedule_context(
        scheduled_execution_time=instant, repository_def=defs.get_repository_def()
    ) as context:
        requests = found.evaluate_tick(context).run_requests
    assert [request.partition_key for request in requests] == [month]


def test_it_ticks_at_eight_utc_on_the_first() -> None:
    _, found = schedule()
    assert (found.cron_schedule, found.execution_timezone) == ("0 8 1 * *", "UTC")


@pytest.mark.parametrize("environment", Environment)
def test_it_is_on_in_production_only(environment: Environment) -> None:
    running = schedule(environment)[1].default_status is dg.DefaultScheduleStatus.RUNNING
    assert running == (environment is Environment.PROD)


def test_a_code_server_does_not_load_matplotlib() -> None:
    code = "import sys, sales.definitions; sales.definitions.defs(); print('matplotlib' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"SLIPWAY_ENV": "local"}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
