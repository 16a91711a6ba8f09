"""`policy check`: its SARIF against the published schema, and its exit codes and outputs as a pipeline sees them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import sarif_schema
from collector import EXIT_DONE, EXIT_FAILED, EXIT_FINDINGS, EXIT_USAGE, Program

HERE = Path(__file__).resolve().parent
CORPUS = HERE.parent / "policies"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OWN = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "kms:*", "Resource": "*"}
OPEN = {"Sid": "Open", "Effect": "Allow", "Principal": "*", "Action": "kms:Decrypt", "Resource": "*"}


@pytest.fixture(scope="module")
def schema() -> jsonschema.protocols.Validator:
    return sarif_schema.validator()


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [OWN, *statements]}, indent=2)


def corpus_files(folder: Path) -> list[str]:
    """The labelled policies as files, and texts that are none."""
    files = []
    for path in sorted(CORPUS.glob("*/*.json")):
        case = json.loads(path.read_text())
        if "policy" in case:
            file = folder / f"{path.parent.name} {path.name}"
            file.write_text(json.dumps(case["policy"], indent=2))
            files.append(str(file))
    for name, text in {"empty": "", "cut": policy()[:-3], "list": "[]", "wrong": policy({"Effect": "Alow"}), "answer": json.dumps({"Policy": policy(OPEN)})}.items():
        file = folder / f"{name} ä.json"
        file.write_text(text)
        files.append(str(file))
    return files


def test_sarif_of_every_labelled_policy_is_valid(program: Program, tmp_path: Path, schema: jsonschema.protocols.Validator) -> None:
    settings = tmp_path / "settings.toml"
    settings.write_text('[[findings.waivers]]\nrule = "outside-account"\nreason = "a [test](x)"\nuntil = 2999-12-31\n')
    grants = tmp_path / "grants"
    grants.write_text(json.dumps({"Grants": [{"GrantId": "g1", "GranteePrincipal": "arn:aws:iam::444455556666:role/partner", "Operations": ["Decrypt"]}]}))
    files = corpus_files(tmp_path)
    assert len(files) > 150
    arguments = ("--config", str(settings), "policy", "check", "--key-arn", KEY, "--format", "sarif", "--grants", str(grants))
    log = json.loads(program.run(*arguments, *files).expect(EXIT_DONE).stdout)
    assert [error.message for error in schema.iter_errors(log)] == []
    [run] = log["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert {"public", "outside-account", "policy-unreadable"} <= {result["ruleId"] for result in run["results"]} <= set(rules)
    assert any("suppressions" in result for result in run["results"])
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        region = result["locations"][0]["physicalLocation"]["region"]
        assert (region["startLine"], region["startColumn"]) <= (region["endLine"], region["endColumn"])


def test_sarif_of_a_run_that_failed_is_valid_too(program: Program, tmp_path: Path, schema: jsonschema.protocols.Validator) -> None:
    finished = program.run("policy", "check", str(tmp_path / "none.json"), "--key-arn", KEY, "--format", "sarif").expect(EXIT_FAILED)
    log = json.loads(finished.stdout)
    assert [error.message for error in schema.iter_errors(log)] == []
    assert log["runs"][0]["invocations"][0]["executionSuccessful"] is False
    assert finished.stderr.count("error: ") == 1 and "none.json" in finished.stderr


def test_exit_codes_tell_a_pipeline_what_to_do(program: Program, tmp_path: Path) -> None:
    closed, opened, broken = tmp_path / "closed.json", tmp_path / "open.json", tmp_path / "broken.json"
    closed.write_text(policy())
    opened.write_text(policy(OPEN))
    broken.write_text("{")
    check = ("policy", "check", "--key-arn", KEY, "--format", "json")
    for files, flags, code in [
        ([opened], (), EXIT_DONE),
        ([closed], ("--fail-on", "high"), EXIT_DONE),
        ([closed, opened], ("--fail-on", "critical"), EXIT_FINDINGS),
        ([broken], ("--fail-on", "high"), EXIT_FINDINGS),
        ([opened, tmp_path / "none"], ("--fail-on", "critical"), EXIT_FAILED),
    ]:
        finished = program.run(*check, *flags, *map(str, files)).expect(code)
        assert [answer["file"] for answer in json.loads(finished.stdout)] == [str(file) for file in files]
    program.run("policy", "check", str(closed)).expect(EXIT_USAGE)
    program.run(*check, "--fail-on", "bad", str(closed)).expect(EXIT_USAGE)


def test_a_waived_finding_fails_no_check(program: Program, tmp_path: Path) -> None:
    file, settings = tmp_path / "open.json", tmp_path / "settings.toml"
    file.write_text(policy(OPEN))
    check = ("policy", "check", "--key-arn", KEY, "--format", "json", "--fail-on", "critical", str(file))
    settings.write_text('[[findings.waivers]]\nrule = "public"\nreason = "published on purpose"\nuntil = 2999-12-31\n')
    [answer] = json.loads(program.run("--config", str(settings), *check).expect(EXIT_DONE).stdout)
    [finding] = [finding for finding in answer["findings"] if finding["rule"] == "public"]
    assert finding["waiver"] == {"rule": "public", "reason": "published on purpose", "until": "2999-12-31"}
    settings.write_text('[[findings.waivers]]\nrule = "public"\nreason = "it is over"\nuntil = 2020-01-01\n')
    program.run("--config", str(settings), *check).expect(EXIT_FINDINGS)


def test_an_answer_goes_to_a_file_whole_or_not_at_all(program: Program, tmp_path: Path) -> None:
    file, output = tmp_path / "open.json", tmp_path / "answer.json"
    file.write_text(policy(OPEN))
    check = ("policy", "check", "--key-arn", KEY, "--format", "json", str(file))
    finished = program.run(*check, "--output", str(output)).expect(EXIT_DONE)
    assert (finished.stdout, json.loads(output.read_text())) == ("", json.loads(program.run(*check).expect(EXIT_DONE).stdout))
    assert "no/such" in program.run(*check, "--output", str(tmp_path / "no/such")).expect(EXIT_FAILED).stderr
