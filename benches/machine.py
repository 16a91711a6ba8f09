"""Where and how a benchmark ran: the machine, the programs, the load beside it; and the running of programs with their time and memory taken."""

from __future__ import annotations

import datetime
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Sequence

ROOT = Path(__file__).resolve().parent.parent
BENCHES = ROOT / "benches"


class Failed(Exception):
    """A benchmark that could not be run; the message says why."""


@dataclass(frozen=True)
class Taken:
    """What one run of a program took."""

    wall: float
    cpu: float
    peak_mib: float
    exit: int


def clean_environment(endpoint: Optional[str] = None, home: Optional[Path] = None) -> Dict[str, str]:
    """The caller's environment without any AWS or kms-insights setting of theirs; with static credentials for `endpoint`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KMS_INSIGHTS_"))}
    # Loopback never goes through a proxy.
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        environment.pop(name, None)
    environment["AWS_EC2_METADATA_DISABLED"] = "true"
    if home:
        environment["HOME"] = str(home)
    if endpoint:
        environment |= {"AWS_ENDPOINT_URL": endpoint, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    return environment


def run(command: Sequence[object], environment: Dict[str, str], folder: Path, good: Sequence[int] = (0,), answer: Optional[Path] = None) -> Taken:
    """Runs a program to its end; its output is kept in a file that an unexpected end names, and what it answers in `answer` if that is wanted."""
    with tempfile.TemporaryDirectory() as scratch:
        result = Path(scratch) / "taken.json"
        log = folder / "output.log"
        with log.open("w") as output, (answer or Path(os.devnull)).open("w") as answered:
            launcher = [sys.executable, "-S", "-E", str(BENCHES / "measured.py"), str(result), *map(str, command)]
            subprocess.run(launcher, env=environment, cwd=folder, stdout=answered if answer else output, stderr=output, check=True)
        taken = json.loads(result.read_text())
    if taken["exit"] not in good:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise Failed(f"{shlex.join(map(str, command))} ended with {taken['exit']}:\n{tail}")
    return Taken(taken["wall"], taken["user"] + taken["system"], taken["peak_kib"] / 1024, taken["exit"])


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def first_line(command: List[str]) -> str:
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip().splitlines()[0]
    except (OSError, subprocess.CalledProcessError, IndexError):
        return "unknown"


def _after(path: str, key: str) -> str:
    for line in Path(path).read_text().splitlines():
        if line.startswith(key):
            return line.split(":", 1)[1].strip()
    return "unknown"


def refuse_uncommitted() -> None:
    """A figure belongs to a commit. What the benchmarks write themselves does not count."""
    changed = ["git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!benches/results", ":!docs/benchmarks.md"]
    if subprocess.run(changed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip():
        raise Failed("there are changes that are not committed: a figure must belong to a commit")


def describe() -> Dict[str, object]:
    """The machine and the moment."""
    memory_kib = int(_after("/proc/meminfo", "MemTotal").split()[0])
    return {
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC"),
        "processor": _after("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gib": round(memory_kib / 1024 / 1024),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "rustc": first_line(["rustc", "--version"]),
        "commit": first_line(["git", "rev-parse", "--short", "HEAD"]),
        "load_before": round(os.getloadavg()[0], 2),
    }


@dataclass(frozen=True)
class OtherWork:
    """The processor time of the whole machine at one moment."""

    busy: float
    at: float

    @staticmethod
    def now() -> OtherWork:
        fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        user, nice, system, _idle, _wait, irq, soft, stolen = fields
        return OtherWork((user + nice + system + irq + soft + stolen) / os.sysconf("SC_CLK_TCK"), datetime.datetime.now().timestamp())

    def cores_of_others(self, own_cpu: float) -> float:
        """How many cores others kept busy since this moment, `own_cpu` seconds being the benchmark's."""
        after = OtherWork.now()
        return max(0.0, (after.busy - self.busy - own_cpu) / max(after.at - self.at, 0.001))
