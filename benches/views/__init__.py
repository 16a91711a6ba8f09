"""Each view on the embedded engine, beside DuckDB on the same Parquet files."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Dict, List

from machine import ROOT, Failed, OtherWork, clean_environment, median
from peers import virtual_environment

HERE = Path(__file__).parent
VIEWS = ROOT / "athena" / "views"
LIMIT = 1.2
# Where both are done in less, it is not the rows that take the time.
BRIEF = 0.1


def build(target: Path) -> Path:
    """The measuring program, as it is optimized in a release."""
    subprocess.run(["cargo", "build", "--release", "--locked", "-p", "kms-insights-query", "--example", "time_views"], cwd=ROOT, check=True)
    return target / "release" / "examples" / "time_views"


def measure(binary: Path, target: Path, runs: int, keys: int, statements: int, days: int, cache: Path) -> Dict:
    program = build(target)
    python = virtual_environment(cache, "views") / "python"
    with tempfile.TemporaryDirectory() as scratch:
        demo, lake = Path(scratch) / "demo", Path(scratch) / "lake"
        _done([binary, "demo", "--lake", demo, "--seed", "7", "--accounts", "12", "--quiet"])
        _done([python, "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'tests' / 'conformance')!r}); import earlier_snapshot, pathlib; earlier_snapshot.add(pathlib.Path({str(demo)!r}))"])
        print(f"  a lake of {keys:,} keys", flush=True)
        _done([python, HERE / "big_lake.py", demo, lake, keys, statements, days])
        return compare([program, lake], [python, HERE / "with_duckdb.py", lake, VIEWS], lake, runs)


def compare(embedded: List[object], duckdb: List[object], lake: Path, runs: int) -> Dict:
    """The two by turns, each in a process that does all views once; the first round only warms the system's cache."""
    taken: Dict[str, Dict[str, List[float]]] = {}
    rows: Dict[str, Dict[str, int]] = {}
    before, busy, started = OtherWork.now(), 0.0, time.monotonic()
    for turn in range(runs + 1):
        for name, command in (("kms-insights", embedded), ("DuckDB", duckdb)):
            began = _children()
            for line in _done(command).splitlines():
                one = json.loads(line)
                rows.setdefault(one["view"], {})[name] = one["rows"]
                if turn:
                    taken.setdefault(one["view"], {}).setdefault(name, []).append(one["seconds"])
            busy += _children() - began
        print(f"  round {turn}, {time.monotonic() - started:.0f} s", flush=True)
    differing = sorted(view for view, of in rows.items() if len(set(of.values())) > 1)
    if differing:
        raise Failed(f"the two give another number of rows of {', '.join(differing)}: {[rows[view] for view in differing]}")
    views = []
    for view, of in sorted(taken.items()):
        own, other = (median(of[name]) for name in ("kms-insights", "DuckDB"))
        views.append({"view": view, "rows": rows[view]["kms-insights"], "kms-insights": own, "DuckDB": other, "ratio": own / other, "runs": of})
    return {"runs": runs, "lake": _size(lake), "others_cores": before.cores_of_others(busy), "limit": LIMIT, "brief": BRIEF, "views": views}


def _size(lake: Path) -> Dict[str, int]:
    return {"files": sum(1 for _ in lake.glob("*/*/*.parquet")), "bytes": sum(file.stat().st_size for file in lake.glob("*/*/*.parquet"))}


def _children() -> float:
    import resource

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _done(command: List[object]) -> str:
    done = subprocess.run([str(part) for part in command], env=clean_environment(), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{' '.join(map(str, command))}: {done.stderr.strip()[-2000:]}")
    return done.stdout
