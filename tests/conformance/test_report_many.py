"""The report of more than 100,000 keys: it is written in bounded memory, and a browser shows, filters and sorts it."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import duckdb
import pytest
from playwright.sync_api import Browser, expect

import report_lakes
from collector import EXIT_DONE, Program
from report_browser import Reading, reading

pytest_plugins = ["report_fixtures"]

KEYS = 100_000


@dataclass(frozen=True)
class Many:
    """The lake's keys and findings, as Parquet files, and its report."""

    keys: Path
    findings: Path
    page: Path

    def rows(self, sql: str) -> list[tuple]:
        with duckdb.connect() as connection:
            for name, file in (("keys", self.keys), ("findings", self.findings)):
                connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{file}', hive_partitioning = false)")
            return connection.sql(sql).fetchall()


@pytest.fixture(scope="module")
def many(program: Program, demo_lake: Path, tmp_path_factory: pytest.TempPathFactory) -> Many:
    folder = tmp_path_factory.mktemp("many")
    (keys,) = report_lakes.files_of(demo_lake, "keys")
    ((counted,),) = duckdb.sql(f"SELECT count(*) FROM read_parquet('{keys}')").fetchall()
    report_lakes.many(demo_lake, folder / "lake", -(-KEYS // counted))
    page = folder / "report.html"
    finished = program.run("report", "--lake", str(folder / "lake"), "--output", str(page), timeout=1800).expect(EXIT_DONE)
    # Of the greatest of all programs that were run: of this one, which is by far that.
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"\nreport of {counted * -(-KEYS // counted)} keys: {finished.seconds:.0f} s, {page.stat().st_size / 1e6:.0f} MB, peak of resident memory {peak} MiB")
    (keys,), (findings,) = report_lakes.files_of(folder / "lake", "keys"), report_lakes.files_of(folder / "lake", "findings")
    return Many(keys, findings, page)


@pytest.fixture
def report(browser: Browser, many: Many) -> Iterator[Reading]:
    with reading(browser, many.page) as made:
        yield made


class Watch:
    """Tells how long steps take. No test asserts it."""

    def __init__(self) -> None:
        self.at = time.monotonic()

    def tell(self, what: str) -> None:
        now = time.monotonic()
        print(f"{what}: {now - self.at:.2f} s")
        self.at = now


def test_very_many_keys_are_shown_filtered_and_sorted(report: Reading, many: Many, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        watch = Watch()
        report.go("")
        watch.tell("\nsummary")
        report.go("keys")
        watch.tell("table of keys")
        (counted,) = many.rows("SELECT count(*) FROM keys")[0]
        assert counted >= KEYS
        assert report.count() == f"{counted:,} keys"

        region, found = many.rows("SELECT region, count(*) FROM keys GROUP BY region ORDER BY 2 LIMIT 1")[0]
        report.page.locator("#filter-region").select_option(region)
        expect(report.page.locator("#view .count")).to_have_text(f"{found:,} of {counted:,} keys")
        watch.tell("filter")
        assert set(report.column("Region")) == {region}

        (arn, key_id) = many.rows("SELECT key_arn, key_id FROM keys ORDER BY account_id DESC, region DESC, key_id DESC LIMIT 1")[0]
        report.page.locator("#filter-region").select_option("")
        report.page.locator("#q").fill(key_id)
        matching = many.rows(f"SELECT count(*) FROM keys WHERE key_id = '{key_id}'")[0][0]
        expect(report.page.locator("#view .count")).to_have_text(f"{matching:,} of {counted:,} keys")
        watch.tell("search")

        report.go("keys?sort=-created_at")
        latest = many.rows("SELECT strftime(max(created_at), '%Y-%m-%d') FROM keys")[0][0]
        assert report.column("Created")[0] == latest
        watch.tell("sort")

        report.go(f"key/{quote(arn, safe='')}")
        assert report.page.locator(".arn").inner_text() == arn
        assert report.page.locator(".findings > li").count() == many.rows(f"SELECT count(*) FROM findings WHERE key_arn = '{arn}'")[0][0]
        watch.tell("the last key's page")
    assert report.misdeeds() == []


def test_very_many_findings_are_filtered_and_opened(report: Reading, many: Many, capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        watch = Watch()
        report.go("findings?severity=critical")
        watch.tell("\ncritical findings")
        (counted,) = many.rows("SELECT count(*) FROM findings")[0]
        (critical,) = many.rows("SELECT count(*) FROM findings WHERE severity = 'critical'")[0]
        assert report.count() == f"{critical:,} of {counted:,} findings"
        report.page.locator("[data-does=last]").click()
        report.page.locator(".expand").last.click()
        body = report.page.locator(".details:not([hidden]) .finding-body")
        body.wait_for()
        watch.tell("the last of them opened")
        identity = body.locator("code").first.inner_text()
        assert many.rows(f"SELECT severity FROM findings WHERE finding_id = '{identity}'") == [("critical",)]

        # More than paper is for: it says how many are left out.
        report.go("print?severity=info")
        (info,) = many.rows("SELECT count(*) FROM findings WHERE severity = 'info'")[0]
        assert report.count() == f"2,000 findings of {info:,}"
        assert f"{info - 2000:,} more findings are not printed" in report.page.locator(".printed > .notice").inner_text()
        watch.tell("2,000 findings for printing")
    assert report.misdeeds() == []
