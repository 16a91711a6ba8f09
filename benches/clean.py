"""From a clone to the demo's tables, and the sizes of the binaries."""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, List

from machine import ROOT, Failed, OtherWork, clean_environment, run

LIMIT_SECONDS = 8 * 60
LIMIT_MIB = {"with the SQL engine": 80, "without it": 25}


def measure() -> Dict:
    """`git clone`, `cargo run -- demo`, with an empty target folder; what cargo downloads is downloaded before, for the network is not ours to measure."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        clone = folder / "kms-insights"
        environment = clean_environment()
        environment.pop("CARGO_TARGET_DIR", None)
        subprocess.run(["cargo", "fetch", "--locked"], cwd=ROOT, check=True)
        before = OtherWork.now()
        cloned = run(["git", "clone", "--quiet", ROOT, clone], environment, folder)
        built = run(["cargo", "build", "--locked", "--offline", "--timings"], environment, clone)
        # What is built is not built again: this is the start of the program and the demo itself.
        demo = run(["cargo", "run", "--quiet", "--locked", "--offline", "--", "demo"], environment, clone)
        others = before.cores_of_others(cloned.cpu + built.cpu + demo.cpu)
        report = next((clone / "target" / "cargo-timings").glob("cargo-timing-*.html"))
        size = (clone / "target" / "debug" / "kms-insights").stat().st_size / 1024 / 1024
        wall = cloned.wall + built.wall + demo.wall
        result = {
            "wall": wall,
            "limit": LIMIT_SECONDS,
            "others_cores": others,
            "steps": {"git clone": cloned.wall, "cargo build": built.wall, "the demo": demo.wall},
            "build_cpu": built.cpu,
            "debug_mib": size,
            "crates": crates(report)[:15],
            "crate_count": len(crates(report)),
        }
        print(f"  {wall:.0f} s: {result['steps']}, build CPU {built.cpu:.0f} s, others {others:.1f} cores", flush=True)
        return result


def crates(report: Path) -> List[Dict]:
    """The crates of a `cargo build --timings` report, the longest first."""
    found = re.search(r"const UNIT_DATA = (\[.*?\n\]);", report.read_text(), re.S)
    if not found:
        raise Failed(f"{report} has no UNIT_DATA")
    units = json.loads(found.group(1))
    named = [{"name": f"{unit['name']} {unit['version']}{unit['target']}", "seconds": unit["duration"]} for unit in units]
    return sorted(named, key=lambda unit: -unit["seconds"])


def sizes(target: Path) -> Dict:
    """Release builds, as they are shipped: stripped."""
    result = {}
    environment = {**clean_environment(), "CARGO_TARGET_DIR": str(target)}
    # Last the one that the other benchmarks run.
    for name, extra in (("without it", ["--no-default-features"]), ("with the SQL engine", [])):
        command = ["cargo", "build", "--release", "--locked", "-p", "kms-insights", *extra]
        if subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode:
            raise Failed(f"{' '.join(command)} failed")
        result[name] = {"mib": (target / "release" / "kms-insights").stat().st_size / 1024 / 1024, "limit_mib": LIMIT_MIB[name]}
        print(f"  {name}: {result[name]['mib']:.1f} MiB", flush=True)
    return result

