"""kms-insights beside Cloud Custodian, Prowler and a boto3 script: one account and Region, no quotas, no latency, the same sandbox, turn by turn."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Callable, Dict, List

from machine import BENCHES, Failed, OtherWork, clean_environment, median, run
from sandbox import Sandbox

REGION = "us-east-1"
UV = "uv==0.13.9"
# The Python for which the pinned sets of packages were resolved.
PYTHON = (3, 11)


def virtual_environment(cache: Path, peer: str) -> Path:
    """The folder of programs of a peer's own environment: Cloud Custodian and Prowler pin packages that exclude each other."""
    pinned = BENCHES / "peers" / f"{peer}.txt"
    place = cache / peer
    stamp = hashlib.sha256(pinned.read_bytes()).hexdigest()
    mark = place / "pinned.sha256"
    if mark.exists() and mark.read_text() == stamp:
        return place / "bin"
    if sys.version_info[:2] != PYTHON:
        raise Failed(f"the peers need Python {PYTHON[0]}.{PYTHON[1]}: run benches/run.py with it")
    tool = cache / "uv"
    if not (tool / "bin" / "uv").exists():
        subprocess.run([sys.executable, "-m", "venv", str(tool)], check=True)
        subprocess.run([str(tool / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", UV], check=True)
    uv = str(tool / "bin" / "uv")
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)], check=True)
    subprocess.run([uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(place / "bin" / "python"), "-r", str(pinned)], check=True)
    mark.write_text(stamp)
    return place / "bin"


def custodian_policies(truth: List[Dict]) -> Dict:
    """Cloud Custodian reading what it can of a key: metadata, tags, rotation status, rotations, policy. Its filters for keys read no grants.

    It gives up altogether at a key whose policy it may not read, or whose `Statement` is a single object: such keys are spared it before it comes to policies.
    """
    unfit = []
    for record in truth:
        key = record.get("key")
        if not key:
            continue
        try:
            fit = isinstance(json.loads(key["policy"]["value"])["Statement"], list)
        except (KeyError, TypeError, ValueError):
            fit = False
        if not fit:
            unfit.append(key["arn"].rsplit("/", 1)[1])
    filters = [
        {"type": "value", "key": "KeyId", "op": "not-in", "value": unfit},
        # Values that no key has, so that every key passes and the next filter reads it too.
        {"type": "key-rotation-status", "key": "KeyRotationEnabled", "op": "ne", "value": "none"},
        {"type": "last-rotation", "key": "RotationType", "op": "ne", "value": "none"},
        {"type": "cross-account"},
    ]
    return {"policies": [{"name": "keys", "resource": "aws.kms-key", "filters": filters}]}


def measure(binary: Path, runs: int, keys: int, cache: Path) -> Dict:
    programs = {peer: virtual_environment(cache, peer) for peer in ("boto3", "custodian", "prowler")}
    arguments = ["--accounts", "1", "--keys", str(keys), "--regions", REGION]
    with Sandbox(binary, arguments) as sandbox, tempfile.TemporaryDirectory() as scratch:
        policies = Path(scratch) / "custodian.json"
        policies.write_text(json.dumps(custodian_policies(list(sandbox.truth()))))
        commands: Dict[str, Callable[[Path], List[object]]] = {
            # As for quotas that AWS raised beyond reach: the peers do not pace themselves either.
            "kms-insights": lambda folder: [binary, "collect", "--lake", folder / "lake", "--regions", REGION, "--quota-share", "100000", "--quiet"],
            "boto3, 8 threads": lambda folder: [programs["boto3"] / "python", BENCHES / "peers" / "read_with_boto3.py"],
            "Cloud Custodian 0.9.53": lambda folder: [programs["custodian"] / "custodian", "run", "--cache-period", "0", "-r", REGION, "-s", folder / "out", policies],
            "Prowler 5.46.0": lambda folder: [
                *(programs["prowler"] / "prowler", "aws", "--service", "kms", "--region", REGION, "--no-banner"),
                *("--output-formats", "csv", "--output-directory", folder / "out"),
            ],
        }
        # Partial for the keys that hide; checks that fail.
        good = {"kms-insights": (0, 3), "Prowler 5.46.0": (0, 3)}
        taken: Dict[str, List[Dict]] = {name: [] for name in commands}
        for number in range(runs):
            for name, command in commands.items():
                folder = Path(scratch) / f"{number}-{name.split()[0].strip(',')}"
                folder.mkdir()
                sandbox.reset_requests()
                before, served = OtherWork.now(), sandbox.cpu()
                one = run(command(folder), clean_environment(sandbox.endpoint, home=folder), folder, good.get(name, (0,)))
                served = sandbox.cpu() - served
                requests = sandbox.requests()
                taken[name].append(
                    {
                        "wall": one.wall,
                        "cpu": one.cpu,
                        "peak_mib": one.peak_mib,
                        "sandbox_cpu": served,
                        "requests": requests["total"],
                        "by_operation": {operation: sum(outcomes.values()) for operation, outcomes in requests["operations"].items()},
                        "others_cores": before.cores_of_others(one.cpu + served),
                    }
                )
                print(f"  {name}: {one.wall:.2f} s, {one.cpu:.2f} s CPU, {one.peak_mib:.0f} MiB, {requests['total']} requests", flush=True)
    result: Dict = {"command": f"kms-insights sandbox {' '.join(arguments)}", "keys": keys, "runs": runs, "programs": {}}
    for name, series in taken.items():
        figures = {field: median([one[field] for one in series]) for field in ("wall", "cpu", "peak_mib", "requests", "others_cores")}
        result["programs"][name] = {**figures, "keys_per_cpu_second": keys / figures["cpu"], "by_operation": series[-1]["by_operation"]}
    return result
