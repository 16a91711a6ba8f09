#!/usr/bin/env python3
"""The benchmarks of kms-insights. Each writes its figures to benches/results/ and docs/benchmarks.md from all of them.

    python3 benches/run.py floor     wall time against the floor that quotas, latency and --concurrency leave (about 6 minutes)
    python3 benches/run.py peers     beside Cloud Custodian, Prowler and a boto3 script (about 5 minutes, Python 3.11; installs them from PyPI into --cache)
    python3 benches/run.py memory    peak memory of 10,000 and 100,000 keys (about 5 minutes)
    python3 benches/run.py sizes     the release binaries (about 30 minutes when nothing is built yet)
    python3 benches/run.py policies  key policies analyzed per second and core, beside policyuniverse (about 3 minutes, Python 3.11)
    python3 benches/run.py trail     log files of a trail scanned, beside decompression alone, a full parse, chdb, DuckDB and orjson (about 5 minutes, Python 3.11); with --s3 from moto's S3 too
    python3 benches/run.py views     each view on a lake of 100,000 keys, beside DuckDB on the same files (about 10 minutes, Python 3.11)
    python3 benches/run.py clean     from a clone to the demo's tables
    python3 benches/run.py write     docs/benchmarks.md once more, from the figures there are

`--binary` names the release binary to measure, by default the one in the target folder; `--runs` how often each thing is measured. The machine should do nothing else: what others took of it
is measured too, and written beside the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import clean  # noqa: E402
import floor  # noqa: E402
import memory  # noqa: E402
import peers  # noqa: E402
import policies  # noqa: E402
import report  # noqa: E402
import trail  # noqa: E402
import views  # noqa: E402
from machine import BENCHES, ROOT, Failed, describe, refuse_uncommitted  # noqa: E402

RESULTS = BENCHES / "results"


def main() -> int:
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("benchmark", choices=["floor", "peers", "memory", "policies", "trail", "views", "sizes", "clean", "write"])
    parser.add_argument("--binary", type=Path, default=target / "release" / "kms-insights")
    parser.add_argument("--runs", type=int, help="3 by default, of trail 5")
    parser.add_argument("--accounts", type=int, default=200, help="floor: accounts of the organization")
    parser.add_argument("--keys", default="1-400", help="floor: keys in each account and Region")
    parser.add_argument("--latency", type=int, default=30, help="floor: milliseconds that every answer takes")
    parser.add_argument("--lake-keys", type=int, default=100_000, help="views: keys of the lake")
    parser.add_argument("--files", type=int, default=200, help="trail: log files of the corpus, of 5 MB each")
    parser.add_argument("--s3", action="store_true", help="trail: from moto's S3 too")
    parser.add_argument("--cache", type=Path, default=target / "peers", help="peers: where their environments are kept")
    options = parser.parse_args()
    options.runs = options.runs or (5 if options.benchmark == "trail" else 3)
    try:
        if options.benchmark not in ("clean", "policies", "sizes", "write") and not options.binary.is_file():
            raise Failed(f"{options.binary} is not there: cargo build --release -p kms-insights, or --binary")
        if options.benchmark != "write":
            refuse_uncommitted()
        binary = options.binary.resolve()
        machine = describe()
        print(f"{options.benchmark}: {machine}", flush=True)
        if options.benchmark == "floor":
            figures = floor.measure(binary, options.runs, options.accounts, options.keys, options.latency, max(1, options.runs - 1))
        elif options.benchmark == "peers":
            figures = peers.measure(binary, options.runs, 500, options.cache.resolve())
        elif options.benchmark == "memory":
            figures = memory.measure(binary, options.runs, [10_000, 100_000], with_usage=True)
        elif options.benchmark == "policies":
            figures = policies.measure(target.resolve(), options.runs, options.cache.resolve())
        elif options.benchmark == "trail":
            figures = trail.measure(binary, target.resolve(), options.runs, options.files, options.cache.resolve(), options.s3)
        elif options.benchmark == "views":
            figures = views.measure(binary, target.resolve(), options.runs, options.lake_keys, 600_000, 365, options.cache.resolve())
        elif options.benchmark == "sizes":
            figures = clean.sizes(target.resolve())
        elif options.benchmark == "clean":
            figures = clean.measure()
        else:
            figures = None
        if figures is not None:
            RESULTS.mkdir(exist_ok=True)
            # How often, too: the figures must come out again. --binary and --cache say where things lie, and no more.
            command = f"python3 benches/run.py {options.benchmark}" + (f" --runs {options.runs}" if options.benchmark in ("floor", "peers", "memory", "policies", "trail", "views") else "")
            if options.benchmark == "trail":
                command += (f" --files {options.files}" if options.files != 200 else "") + (" --s3" if options.s3 else "")
            taken = {"machine": machine, "command": command, "figures": figures}
            (RESULTS / f"{options.benchmark}.json").write_text(json.dumps(taken, indent=1) + "\n")
        report.write(RESULTS, ROOT / "docs" / "benchmarks.md")
    except Failed as failure:
        print(f"FAILED: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
