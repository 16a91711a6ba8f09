"""Arguments, exit codes and messages of the command line: 0 done, 1 failed, 2 usage, 3 partial (4, findings, is in test_cli_policy_check.py); data on stdout, everything else on stderr."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector import EXIT_DONE, EXIT_FAILED, EXIT_PARTIAL, EXIT_USAGE, Finished, Program

ROLE = ("--role-name", "Auditor")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["collekt"], id="a command that does not exist"),
        pytest.param(["collect", "--no-such-option"], id="an option that does not exist"),
        pytest.param(["collect", "--lake", "LAKE", *ROLE, "--regions", "https://evil.example"], id="a Region that is none"),
        pytest.param(["collect", "--lake", "LAKE", *ROLE, "--accounts", "1234"], id="an account id that is none"),
        pytest.param(["collect", "--lake", "LAKE", *ROLE, "--concurrency", "0"], id="no account at a time"),
        pytest.param(["collect", "--lake", "LAKE", *ROLE, "--last-usage-budget", "soon"], id="a duration that is none"),
        pytest.param(["collect", "--lake", "LAKE", *ROLE, "--account-deadline", "0s"], id="a deadline in which nothing can be read"),
        pytest.param(["collect", "--lake", "LAKE", "--role-name", ""], id="a role without a name"),
        pytest.param(["collect", "--lake", "LAKE", "--role-name", "the auditor"], id="a role's name with a space"),
        pytest.param(["collect", "--lake", "s3://bucket", *ROLE, "--s3-kms-key", "my-key"], id="a KMS key that is no ARN"),
        pytest.param(["collect", "--lake", "s3://bucket", *ROLE, "--s3-region", "mars"], id="a Region of the bucket that is none"),
        pytest.param(["collect", "--lake", "s3://bucket", *ROLE, "--s3-bucket-owner", "me"], id="a bucket's owner that is no account"),
        pytest.param(["demo", "--lake", "s3://bucket/demo"], id="a demo among real snapshots"),
        pytest.param(["collect", "--lake", "LAKE", *ROLE, "--format", "yaml"], id="a format that does not exist"),
        pytest.param(["collect", "--lake", "s3://", *ROLE], id="a bucket without a name"),
        pytest.param(["collect", "--lake", "LAKE", *ROLE, "--resume", "../../etc"], id="a run id that is none"),
        pytest.param(["query", "SELECT 1"], id="no lake"),
        pytest.param(["query", "SELECT 1", "--lake", "LAKE", "--view", "keys"], id="a statement and a view"),
    ],
)
def test_wrong_arguments_end_with_2_and_write_nothing(program: Program, tmp_path: Path, arguments: list[str]) -> None:
    lake = tmp_path / "lake"
    finished = program.run(*(str(lake) if argument == "LAKE" else argument for argument in arguments)).expect(EXIT_USAGE)
    assert finished.stdout == ""
    assert finished.stderr.startswith("error: "), finished.stderr
    assert not lake.exists()


def test_help_and_version_are_data(program: Program) -> None:
    for option in ("--help", "--version"):
        finished = program.run(option).expect(EXIT_DONE)
        assert (finished.stdout != "", finished.stderr) == (True, "")


@pytest.fixture
def nobody_listens() -> Iterator[str]:
    """An endpoint that refuses connections: the port is bound, so nobody else can listen there, but does not listen."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


def test_an_unreachable_endpoint_is_a_failure_that_names_it(program: Program, tmp_path: Path, nobody_listens: str) -> None:
    lake = tmp_path / "lake"
    finished = program.run("collect", "--lake", str(lake), *ROLE, "--regions", "us-east-1", endpoint=nobody_listens, timeout=120)
    assert one_error(finished.expect(EXIT_FAILED))
    assert not list(tmp_path.rglob("*.parquet")), "nothing was published"


def test_missing_credentials_are_a_failure_with_advice(program: Program, tmp_path: Path, nobody_listens: str) -> None:
    finished = program.run("collect", "--lake", str(tmp_path), *ROLE, "--regions", "us-east-1", endpoint=nobody_listens, credentials=None, timeout=120)
    assert "credentials" in one_error(finished.expect(EXIT_FAILED)).lower()


@pytest.mark.parametrize("arguments", [["query", "SELECT 1"], ["collect", *ROLE]], ids=["query", "collect"])
def test_what_s3_does_not_answer_is_told_in_a_sentence(program: Program, nobody_listens: str, moto_endpoint: str, arguments: list[str]) -> None:
    lake = ("--lake", "s3://nobodys-bucket-of-this-name")
    unreachable = program.run(*arguments, *lake, endpoint=nobody_listens, timeout=120).expect(EXIT_FAILED)
    assert "connect" in one_error(unreachable).lower()
    unsigned = program.run(*arguments, *lake, endpoint=nobody_listens, credentials=None, timeout=120).expect(EXIT_FAILED)
    assert "credentials" in one_error(unsigned).lower()
    missing = program.run(*arguments, *lake, endpoint=moto_endpoint, timeout=120).expect(EXIT_FAILED)
    assert "NoSuchBucket" in one_error(missing)


def test_a_snapshot_that_cannot_be_summed_up_is_there_all_the_same(program: Program, moto_endpoint: str, tmp_path: Path) -> None:
    """A full disk behind stdout: a scheduler that saw a failure would collect once more."""
    with Path("/dev/full").open("w") as full:
        finished = program.run("collect", "--lake", str(tmp_path), *ROLE, "--regions", "us-east-1", "--quiet", endpoint=moto_endpoint, stdout=full)
    assert "is published, but its summary could not be printed" in finished.expect(EXIT_PARTIAL).stderr
    assert len(list(tmp_path.glob("runs/**/*.parquet"))) == 1


def test_a_lake_that_cannot_be_written_is_a_failure_before_anything_is_asked(program: Program, tmp_path: Path, nobody_listens: str) -> None:
    """A file stands where the folder would have to be: that stops root too, which permissions do not."""
    occupied = tmp_path / "lake"
    occupied.write_text("a file")
    finished = program.run("collect", "--lake", str(occupied), *ROLE, "--regions", "us-east-1", endpoint=nobody_listens, timeout=120)
    assert str(occupied) in one_error(finished.expect(EXIT_FAILED))
    assert occupied.read_text() == "a file"


def test_a_lake_in_a_folder_that_nobody_may_write_is_a_failure(program: Program, nobody_listens: str) -> None:
    """Below /proc not even root makes a folder, nor can it be made where there is no /proc and the root is read-only."""
    finished = program.run("collect", "--lake", "/proc/kms-insights/lake", *ROLE, "--regions", "us-east-1", endpoint=nobody_listens, timeout=120)
    assert "/proc/kms-insights" in one_error(finished.expect(EXIT_FAILED))


def test_a_query_of_a_lake_that_does_not_exist_is_a_failure(program: Program, tmp_path: Path) -> None:
    finished = program.run("query", "SELECT 1", "--lake", str(tmp_path / "none"), "--format", "json").expect(EXIT_FAILED)
    assert "none" in one_error(finished)
    assert not (tmp_path / "none").exists()


def test_without_an_organization_the_callers_own_account_is_collected(program: Program, moto_endpoint: str, tmp_path: Path) -> None:
    """moto begins without an organization. Its DescribeCustomKeyStores answers HTTP 500, so the run is partial."""
    lake = str(tmp_path)
    program.run("collect", "--lake", lake, *ROLE, "--regions", "us-east-1", endpoint=moto_endpoint).expect(EXIT_PARTIAL)
    rows = program.query("SELECT account_id, name, outcome, access_status FROM accounts", lake)
    assert rows == [{"account_id": "123456789012", "name": None, "outcome": "partial", "access_status": "observed"}]


def test_a_wrong_statement_is_a_usage_error_that_shows_where(program: Program, moto_endpoint: str, tmp_path: Path) -> None:
    lake = str(tmp_path)
    program.run("collect", "--lake", lake, *ROLE, "--regions", "us-east-1", endpoint=moto_endpoint).expect(EXIT_PARTIAL)
    assert "SELEKT" in one_error(program.run("query", "SELEKT 1", "--lake", lake).expect(EXIT_USAGE))
    assert "no_such_table" in one_error(program.run("query", "SELECT * FROM no_such_table", "--lake", lake).expect(EXIT_USAGE))


def test_with_format_json_stdout_is_one_summary_and_stderr_an_event_a_line(program: Program, moto_endpoint: str, tmp_path: Path) -> None:
    finished = program.run("collect", "--lake", str(tmp_path), *ROLE, "--regions", "us-east-1", "--format", "json", endpoint=moto_endpoint)
    assert isinstance(json.loads(finished.expect(EXIT_PARTIAL).stdout), dict)
    events = [json.loads(line) for line in finished.stderr.splitlines()]
    assert events and all(isinstance(event, dict) for event in events)


def one_error(finished: Finished) -> str:
    """The message: nothing on stdout, one `error:` on stderr, and no debugging output of types or backtraces."""
    assert finished.stdout == ""
    lines = [line for line in finished.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, finished.stderr
    message = finished.stderr[finished.stderr.index("error: ") :]
    for debris in ("panicked", "Error {", "Request {", "Response {", "DispatchFailure", "stack backtrace"):
        assert debris not in finished.stderr
    return message
