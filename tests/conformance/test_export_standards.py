"""`kms-insights export` over the demo's lake: every finding in each format, valid by the schema that whoever made the format publishes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import botocore.session
import jsonschema
import pytest
from botocore.validate import ParamValidator
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

import sarif_schema
from collector import EXIT_DONE, EXIT_FAILED, EXIT_USAGE, Program

# Security Hub takes so many findings at once, of so many bytes each.
MOST_FINDINGS, MOST_BYTES = 100, 240 * 1024


@dataclass(frozen=True)
class Demo:
    """The demo's lake, with a finding that somebody puts up with."""

    program: Program
    lake: Path

    def export(self, form: str, *more: str) -> str:
        return self.program.run("export", "--lake", str(self.lake), "--format", form, *more, credentials=None).expect(EXIT_DONE).stdout

    def rows(self, sql: str) -> list[dict[str, Any]]:
        return self.program.query(sql, str(self.lake), credentials=None)


@pytest.fixture(scope="module")
def demo(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("demo") / "lake"
    program.run("demo", "--lake", str(folder), "--seed", "7", "--accounts", "12", credentials=None, timeout=300).expect(EXIT_DONE)
    return Demo(program, folder)


@pytest.fixture(scope="module")
def ids(demo: Demo) -> list[str]:
    found = [row["finding_id"] for row in demo.rows("SELECT finding_id FROM findings")]
    assert len(found) > 300
    return sorted(found)


def test_sarif_is_valid_and_has_every_finding_and_what_is_not_known(demo: Demo, ids: list[str]) -> None:
    log = json.loads(demo.export("sarif"))
    assert [error.message for error in sarif_schema.validator().iter_errors(log)] == []
    (run,) = log["runs"]
    assert sorted(result["partialFingerprints"]["kmsInsightsFinding/v1"] for result in run["results"]) == ids
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[result["ruleIndex"]]["id"] == result["ruleId"] for result in run["results"])
    (told,) = run["invocations"][0]["toolExecutionNotifications"]
    assert (told["level"], "facts could not be read" in told["message"]["text"]) == ("warning", True)


def test_ocsf_events_are_valid_compliance_findings(demo: Demo, ids: list[str]) -> None:
    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.8.0")).get_class_schema("compliance_finding", profiles=["cloud"])
    validator = jsonschema.Draft202012Validator(schema)
    events = [json.loads(line) for line in demo.export("ocsf").splitlines()]
    wrong = {f"{'/'.join(map(str, error.absolute_path))}: {error.message[:200]}" for event in events for error in validator.iter_errors(event)}
    assert wrong == set()
    assert sorted(event["finding_info"]["uid"] for event in events) == ids
    unknown = {event["finding_info"]["types"][0] for event in events if event["compliance"]["status"] == "Unknown"}
    assert unknown == {"policy-unreadable", "usage-unknown"}
    assert {event["compliance"]["status"] for event in events} <= {"Unknown", "Warning", "Fail"}


def test_asff_findings_are_what_security_hub_takes(demo: Demo, ids: list[str]) -> None:
    findings = json.loads(demo.export("asff"))
    operation = botocore.session.get_session().get_service_model("securityhub").operation_model("BatchImportFindings")
    for start in range(0, len(findings), MOST_FINDINGS):
        report = ParamValidator().validate({"Findings": findings[start : start + MOST_FINDINGS]}, operation.input_shape)
        assert not report.has_errors(), report.generate_report()
    assert max(len(json.dumps(finding)) for finding in findings) < MOST_BYTES
    assert sorted(finding["Id"].removeprefix("kms-insights/") for finding in findings) == ids
    for finding in findings:
        partition, region, account = finding["Resources"][0]["Id"].split(":")[1], finding["Region"], finding["AwsAccountId"]
        assert finding["ProductArn"] == f"arn:{partition}:securityhub:{region}:{account}:product/{account}/default"
        assert finding["Resources"][0]["Id"].split(":")[3:5] == [region, account]
        assert len(finding["Title"]) <= 256 and len(finding["Description"]) <= 1024
        assert all(len(value) <= 2048 for value in finding["ProductFields"].values())


def test_only_findings_as_bad_as_asked_for_are_written_to_a_file_that_is_whole(demo: Demo, tmp_path: Path) -> None:
    into = tmp_path / "findings.jsonl"
    finished = demo.program.run("export", "--lake", str(demo.lake), "--format", "ocsf", "--at-least", "high", "--output", str(into), credentials=None).expect(EXIT_DONE)
    events = [json.loads(line) for line in into.read_text().splitlines()]
    (counted,) = demo.rows("SELECT count(*) AS findings FROM findings WHERE severity IN ('high', 'critical')")
    assert ({event["severity"] for event in events}, len(events)) == ({"High", "Critical"}, counted["findings"])
    assert (finished.stdout, finished.stderr) == ("", f"{counted['findings']} findings in {into}\n")
    assert list(tmp_path.iterdir()) == [into]


def test_mistakes_are_said(demo: Demo, tmp_path: Path) -> None:
    wrong = demo.program.run("export", "--lake", str(demo.lake), "--format", "xml", credentials=None).expect(EXIT_USAGE)
    assert "is not a format of findings (sarif, ocsf, asff)" in wrong.stderr
    empty = demo.program.run("export", "--lake", str(tmp_path), "--format", "sarif", credentials=None).expect(EXIT_FAILED)
    assert empty.stdout == "" and "error:" in empty.stderr
