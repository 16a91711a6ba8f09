"""The peak memory of `kms-insights collect` as the organization grows tenfold."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Dict, List

from machine import clean_environment, median, run
from sandbox import REGIONS, Sandbox

KEYS_PER_REGION = 125
LIMIT_MIB = 256


def measure(binary: Path, runs: int, sizes: List[int], with_usage: bool) -> Dict:
    result: Dict = {"limit_mib": LIMIT_MIB, "sizes": []}
    for keys in sizes:
        accounts = keys // KEYS_PER_REGION // len(REGIONS)
        arguments = ["--accounts", str(accounts), "--keys", str(KEYS_PER_REGION), "--regions", ",".join(REGIONS)]
        series: Dict[str, List[Dict]] = {}
        with Sandbox(binary, arguments) as sandbox:
            wanted = {"without last usage": ["--last-usage-budget", "0s"]}
            if with_usage:
                wanted["with last usage"] = []
            for name, extra in wanted.items():
                for _ in range(runs):
                    with tempfile.TemporaryDirectory() as scratch:
                        folder = Path(scratch)
                        # No quotas here: the more arrives at once, the more memory it takes.
                        command = [binary, "collect", "--lake", folder / "lake", "--quota-share", "100000", "--quiet", *extra]
                        one = run(command, clean_environment(sandbox.endpoint), folder, good=(0, 3))
                    series.setdefault(name, []).append({"peak_mib": one.peak_mib, "wall": one.wall, "cpu": one.cpu})
                    print(f"  {keys} keys in {accounts} accounts, {name}: {one.peak_mib:.0f} MiB, {one.wall:.1f} s", flush=True)
        figures = {name: {field: median([one[field] for one in taken]) for field in ("peak_mib", "wall", "cpu")} for name, taken in series.items()}
        result["sizes"].append({"keys": keys, "accounts": accounts, "series": figures, "command": f"kms-insights sandbox {' '.join(arguments)}"})
    return result
