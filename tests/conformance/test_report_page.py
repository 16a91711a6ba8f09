"""The report as a page, in a real browser: texts from AWS are text, sections can be read, filtered and reached by keyboard, and nothing leaves the page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

import report_lakes
from collector import Program
from report_browser import Reading, reading
from report_fixtures import Hostile

pytest_plugins = ["report_fixtures"]

SECTIONS = ("unknown", "findings", "access", "keys", "costs", "unused", "stale", "rotation", "deletion", "changes", "accounts", "trails")
# What a control or a hidden character is shown as.
HIDDEN_SHOWN = "pay\\u{202e}gnp.exe\\u{2028}\\u{200b}\\u{7}end"


@pytest.fixture
def report(browser: Browser, hostile: Hostile) -> Iterator[Reading]:
    with reading(browser, hostile.page) as made:
        yield made


def rows_of(program: Program, hostile: Hostile, sql: str) -> list[dict[str, Any]]:
    return program.query(sql, str(hostile.lake))


def key_route(arn: str) -> str:
    return f"key/{quote(arn, safe='')}"


def test_no_section_runs_what_aws_says_or_asks_a_network(report: Reading, hostile: Hostile) -> None:
    routes = ["", *SECTIONS, "print?severity=critical,high", *(key_route(arn) for arn in hostile.aliases)]
    for route in routes:
        report.go(route)
        assert report.page.evaluate("[document.images.length, document.querySelectorAll('iframe, object, embed, form[action]').length]") == [0, 0], route
        # One that runs; the others are data.
        assert report.page.evaluate("[...document.scripts].filter(({ type }) => type === '').length") == 1, route
        assert "owned" not in report.page.title().partition("–")[2], route
        shown = report.page.locator("body").inner_text()
        assert [wrong for wrong in ("[object ", "undefined", "NaN") if wrong in shown] == [], route
    assert report.misdeeds() == []


def test_the_policy_of_the_page_refuses_scripts_and_requests(report: Reading) -> None:
    """Without it, the other tests would hold for a page that merely happens not to do such things."""
    report.go("")
    report.page.evaluate("document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.ran = true' }))")
    assert report.page.evaluate("window.ran") is None
    assert report.page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'asked', () => 'refused')") == "refused"
    assert report.page.evaluate("window.violations").count("connect-src") == 1
    assert report.requests == []


def test_hostile_names_are_shown_as_they_are(report: Reading, hostile: Hostile) -> None:
    for arn, alias in hostile.aliases.items():
        report.go(key_route(arn))
        shown = report.page.locator("#view h1").inner_text()
        assert shown == alias.replace(report_lakes.HIDDEN, HIDDEN_SHOWN)
        tags = report.page.locator("#view table", has_text="Tags").locator("tbody tr").all_inner_texts()
        assert f"{report_lakes.SCRIPT}\t{report_lakes.IMAGE}" in tags, tags
        assert f"{report_lakes.FORMULA}\t{HIDDEN_SHOWN}" in tags


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_barrier(browser: Browser, hostile: Hostile, scheme: str) -> None:
    with reading(browser, hostile.page, color_scheme=scheme) as report:
        routes = ["", *SECTIONS, "print?severity=critical", key_route(next(iter(hostile.aliases))), "key/arn:aws:kms:none"]
        found = {}
        for route in routes:
            report.go(route)
            if route == "findings":
                report.page.locator(".expand").first.click()
                report.page.locator(".details .finding-body").first.wait_for()
            found[route] = report.barriers()
        assert {route: barriers for route, barriers in found.items() if barriers} == {}
        assert report.misdeeds() == []


def test_what_the_page_counts_is_what_the_views_have(report: Reading, program: Program, hostile: Hostile) -> None:
    views = {
        "unknown": "coverage_gaps",
        "findings": "findings WHERE run_id IN (SELECT run_id FROM latest_run)",
        "access": "external_access",
        "keys": "key_overview",
        "costs": "monthly_savings",
        "unused": "unused_keys",
        "stale": "stale_keys_90d",
        "rotation": "rotation_gaps",
        "deletion": "pending_deletion",
        "changes": "changes_since_previous",
        "accounts": "accounts WHERE run_id IN (SELECT run_id FROM latest_run)",
        "trails": "trail_recording WHERE run_id IN (SELECT run_id FROM latest_run)",
    }
    sql = " UNION ALL ".join(f"SELECT '{section}' AS section, count(*) AS counted FROM {view}" for section, view in views.items())
    counted = {row["section"]: row["counted"] for row in rows_of(program, hostile, sql)}
    shown = {}
    for section in views:
        report.go(section)
        shown[section] = int(re.match(r"[\d,]+", report.count())[0].replace(",", ""))
    assert shown == counted
    assert min(counted.values()) > 0, "a section without rows shows nothing of itself"


def test_what_is_waived_is_told_apart(report: Reading, program: Program, hostile: Hostile) -> None:
    (counted,) = rows_of(program, hostile, "SELECT sum(findings) AS open, sum(waived_findings) AS waived FROM key_overview")
    report.go("findings?waived=true")
    assert report.count().startswith(f"{counted['waived']} of ")
    assert set(report.column("Waived")) == {"waived until 2999-12-31"}
    report.go("findings?waived=false")
    assert report.count().startswith(f"{counted['open']} of ")
    report.go("")
    assert f"{counted['waived']} waived" in report.page.locator(".tile").first.inner_text()


def test_findings_are_filtered_sorted_and_opened_by_keyboard(report: Reading, program: Program, hostile: Hostile) -> None:
    report.go("findings")
    page = report.page
    page.locator("#q").focus()
    page.keyboard.type("grants anybody")
    found = rows_of(
        program,
        hostile,
        "SELECT count(*) AS counted FROM findings WHERE run_id IN (SELECT run_id FROM latest_run) AND lower(title) LIKE '%grants%' AND lower(title) LIKE '%anybody%'",
    )[0]["counted"]
    expect(page.locator("#view .count")).to_have_text(re.compile(f"^{found} of "))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "filter-severity"
    page.keyboard.type("low")
    expect(page.locator("#filter-severity")).to_have_value("low")
    expect(page.locator("#view .count")).not_to_have_text(re.compile(f"^{found} of "))
    assert set(report.column("Severity")) == {"low"}

    button = page.locator("#view th", has_text="Account").locator("button")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#view th", has_text="Account")).to_have_attribute("aria-sort", "ascending")
    ascending = report.column("Account")
    assert ascending == sorted(ascending)
    page.keyboard.press("Enter")
    expect(page.locator("#view th", has_text="Account")).to_have_attribute("aria-sort", "descending")
    assert report.column("Account") == sorted(ascending, reverse=True)
    assert page.locator("[aria-sort]").count() == 1

    expand = page.locator(".expand").first
    expand.focus()
    page.keyboard.press("Enter")
    expect(expand).to_have_attribute("aria-expanded", "true")
    details = page.locator(".details:not([hidden])")
    details.locator("dt").first.wait_for()
    assert [name for name in details.locator("dt").all_inner_texts() if name != "Waiver"][:3] == ["What to do", "Cause", "Evidence"]
    page.keyboard.press("Enter")
    expect(expand).to_have_attribute("aria-expanded", "false")
    assert report.misdeeds() == []


def test_a_row_that_was_searched_for_is_opened_by_one_click(report: Reading) -> None:
    report.go("findings")
    report.page.locator("#q").fill("grants anybody")
    expect(report.page.locator("#view .count")).to_have_text(re.compile(" of "))
    report.page.locator(".expand").first.click()
    expect(report.page.locator(".details:not([hidden]) .finding-body")).to_be_visible()


def test_the_address_leads_back_to_the_same_rows(report: Reading, browser: Browser, hostile: Hostile) -> None:
    report.go("findings?severity=high&sort=account_id&size=200")
    rows, address = report.column("Finding"), report.page.url
    report.page.locator("table.many tbody a").first.click()
    report.page.locator("#view h2", has_text="Who can use it").wait_for()
    assert report.page.evaluate("document.activeElement.tagName") == "H1"
    report.page.go_back()
    report.page.locator("#filter-severity").wait_for()
    expect(report.page.locator("#filter-severity")).to_have_value("high")
    assert report.column("Finding") == rows
    with reading(browser, hostile.page) as other:
        other.page.goto(address)
        other.page.locator("table.many tbody tr").first.wait_for()
        assert other.column("Finding") == rows


def test_a_key_has_a_page_with_all_that_is_known_and_not_known_of_it(report: Reading, program: Program, hostile: Hostile) -> None:
    (key,) = rows_of(
        program,
        hostile,
        "SELECT k.key_arn, k.policy, o.findings, o.waived_findings, (SELECT count(*) FROM grants g WHERE g.run_id = k.run_id AND g.key_arn = k.key_arn) AS grants "
        "FROM keys k JOIN key_overview o ON o.run_id = k.run_id AND o.key_arn = k.key_arn WHERE k.grant_count BETWEEN 1 AND 20 AND o.findings > 1 ORDER BY k.key_arn LIMIT 1",
    )
    report.go(key_route(key["key_arn"]))
    page = report.page
    assert page.locator(".arn").inner_text() == key["key_arn"]
    assert page.locator(".findings > li").count() == key["findings"] + key["waived_findings"]
    assert page.locator("table", has_text="Grantee").locator("tbody tr").count() == key["grants"]
    assert '"Statement"' in page.locator("pre[aria-label='Key policy']").inner_text()

    (lacking,) = rows_of(program, hostile, "SELECT key_arn, count(*) AS gaps FROM collection_errors WHERE run_id IN (SELECT run_id FROM latest_run) AND fact = 'policy' GROUP BY 1 ORDER BY 1 LIMIT 1")
    report.go(key_route(lacking["key_arn"]))
    assert page.locator("#view .not-known tbody tr", has_text="policy").count() > 0
    assert "not known: denied" in page.locator("section.part", has_text="Key policy").last.inner_text()

    report.go("key/arn:aws:kms:eu-central-1:111122223333:key/none")
    assert "No key of this ARN is in this report" in page.locator("#view .notice").inner_text()


def test_a_changed_policy_is_shown_line_by_line(report: Reading) -> None:
    report.go("findings?rule=outside-organization")
    for at in range(min(10, report.page.locator(".expand").count())):
        report.page.locator(".expand").nth(at).click()
        body = report.page.locator(".details:not([hidden]) .finding-body").last
        body.wait_for()
        if body.locator(".change").count():
            break
    change = body.locator(".change")
    assert change.locator("del, ins").count() > 0
    assert all(text.startswith("- ") for text in change.locator("del").all_inner_texts())
    assert all(text.startswith("+ ") for text in change.locator("ins").all_inner_texts())


def test_whoever_comes_by_keyboard_can_skip_to_the_content(report: Reading) -> None:
    report.go("keys")
    page = report.page
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    assert page.locator(".skip").bounding_box()["x"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.url.partition("#")[2].startswith("/keys")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "q"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert float(outline.removesuffix("px")) >= 2


def test_colours_are_those_of_the_system_until_somebody_chooses(browser: Browser, hostile: Hostile) -> None:
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    with reading(browser, hostile.page, color_scheme="dark") as report:
        report.go("")
        dark = report.page.evaluate(ground)
        report.page.locator("#theme").select_option("light")
        light = report.page.evaluate(ground)
        assert (dark, light) == ("rgb(15, 20, 25)", "rgb(255, 255, 255)")
        report.page.reload()
        assert report.page.evaluate(ground) == light
        report.page.locator("#theme").select_option("")
        assert report.page.evaluate(ground) == dark
        assert report.misdeeds() == []


def test_paper_has_the_summary_and_every_finding_and_no_controls(report: Reading, program: Program, hostile: Hostile, tmp_path: Path) -> None:
    findings = rows_of(program, hostile, "SELECT count(*) AS counted FROM findings WHERE run_id IN (SELECT run_id FROM latest_run)")[0]["counted"]
    report.go("print")
    page = report.page
    page.emulate_media(media="print", color_scheme="dark")
    assert page.locator(".printed-finding").count() == findings
    assert page.locator(".printed-finding", has=page.locator("dt", has_text="Evidence")).count() == findings
    assert page.locator("#view .not-known").is_visible()
    assert [page.locator(control).first.is_visible() for control in (".top", ".skip", ".screen-only")] == [False, False, False]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.pdf(path=tmp_path / "report.pdf", format="A4")
    assert (tmp_path / "report.pdf").read_bytes().startswith(b"%PDF")
    assert report.misdeeds() == []


def test_a_narrow_window_scrolls_tables_and_not_the_page(browser: Browser, hostile: Hostile) -> None:
    with reading(browser, hostile.page, viewport={"width": 360, "height": 740}) as report:
        for route in ("", *SECTIONS, key_route(next(iter(hostile.aliases)))):
            report.go(route)
            assert report.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), route


def test_without_scripts_the_summary_is_there_and_says_what_is_not(browser: Browser, hostile: Hostile) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(hostile.page.as_uri())
    assert "Scripts are off in this browser" in page.locator("noscript").inner_text()
    assert page.locator("#summary h1").is_visible()
    assert page.locator("#summary .not-known li").count() > 0
    assert page.locator("#summary .chart").count() == 11
    assert [page.locator(control).is_visible() for control in ("#sections", "#theme")] == [False, False]
    context.close()


def test_each_chart_is_a_table_whose_links_lead_to_rows(report: Reading) -> None:
    report.go("")
    links = report.page.locator("#summary .tile a, #summary .chart a, #summary .not-known a")
    routes = sorted({link.get_attribute("href").removeprefix("#/") for link in links.all()})
    assert len(routes) > 30
    for route in routes:
        report.go(route)
        assert not report.count().startswith("0 "), route
        assert report.page.locator("#view [role=alert]").count() == 0, route
    report.go("")
    assert report.page.locator("#summary .chart svg:not([aria-hidden])").count() == 0
    assert report.misdeeds() == []
