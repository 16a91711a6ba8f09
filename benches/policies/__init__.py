"""Key policies analyzed per second on one core, beside policyuniverse, and how that goes with the number of statements."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, List

from machine import ROOT, Failed, OtherWork, median
from peers import virtual_environment
from policies import typical

SECONDS = "3"
GROWTH = [1, 2, 4, 8, 16, 32, 64, 100]


def build(target: Path) -> Path:
    """The measuring program, as it is optimized in a release."""
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "kms-insights-policy", "--example", "throughput"], cwd=ROOT, check=True)
    return target / "release" / "examples" / "throughput"


def measure(target: Path, runs: int, cache: Path) -> Dict:
    program = build(target)
    python = virtual_environment(cache, "policyuniverse") / "python"
    peer = Path(__file__).parent / "with_policyuniverse.py"
    taken: Dict[str, List[Dict]] = {"kms-insights": [], "policyuniverse": []}
    growth: Dict[int, List[float]] = {statements: [] for statements in GROWTH}
    with tempfile.TemporaryDirectory() as scratch:
        mostly = Path(scratch) / "typical.jsonl"
        mostly.write_text(typical.lines(typical.typical()))
        before = OtherWork.now()
        busy = 0.0
        for _ in range(runs):
            for name, command in (("kms-insights", [program]), ("policyuniverse", [python, peer])):
                one = _run([str(part) for part in [*command, mostly, SECONDS]])
                busy += one["seconds"]
                taken[name].append({"per_second": one["policies"] / one["seconds"]})
                print(f"  {name}: {taken[name][-1]['per_second']:,.0f} policies a second", flush=True)
            for statements in GROWTH:
                file = Path(scratch) / f"{statements}.jsonl"
                file.write_text(typical.lines([typical.growing(statements)]))
                one = _run([str(program), str(file), "1"])
                busy += one["seconds"]
                growth[statements].append(one["seconds"] / one["policies"] * 1e6)
        others = before.cores_of_others(busy)
    bytes_each = sum(len(json.dumps(policy, separators=(",", ":"))) for policy in typical.typical()) / len(typical.typical())
    return {
        "bytes_each": bytes_each,
        "others_cores": others,
        "per_second": {name: median([one["per_second"] for one in each]) for name, each in taken.items()},
        "runs": taken,
        "growth": [
            {"statements": statements, "bytes": len(json.dumps(typical.growing(statements), separators=(",", ":"))), "microseconds": median(each)}
            for statements, each in growth.items()
        ],
    }


def _run(command: List[str]) -> Dict:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)}: {done.stderr.strip()}")
    return json.loads(done.stdout)
