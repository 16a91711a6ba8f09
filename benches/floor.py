"""The least time in which an organization can be read, and what `kms-insights collect` takes.

The floor knows only what AWS imposes: request quotas in their strictest reading (no more than the rate in any window of one second), one latency for every round trip that depends on an earlier
one, and `--concurrency` accounts at once. Processors are free and the order of accounts is the best there is, known beforehand.
"""

from __future__ import annotations

import json
import math
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, Iterable, List, Tuple

from machine import Failed, OtherWork, clean_environment, median, run
from sandbox import REGIONS, Sandbox, with_outcome

CONCURRENCY = 10
ACCOUNTS_PER_PAGE = 20
# FACTS: KMS request quotas, per second; the other quotas do not bind here.
RATE = {"DescribeKey": 2000, "ListResourceTags": 2000, "GetKeyPolicy": 1000, "GetKeyRotationStatus": 1000, "ListGrants": 100, "ListKeyRotations": 100, "GetKeyLastUsage": 5}
# What is left of each quota in the series in which processors do not bind.
SHARE = 0.25
PAGE = {"grants": 100, "tags": 50, "rotations": 1000, "keys": 1000, "aliases": 100}


def pages(items: int, of: str) -> int:
    return max(1, math.ceil(items / PAGE[of]))


def windows(requests: int, operation: str, share: float) -> int:
    """The whole seconds that lie between the first and the last of so many requests: the first `rate` go at once."""
    return max(0, requests - 1) // int(RATE[operation] * share)


@dataclass
class Unit:
    """One account in one Region: how many requests each operation needs."""

    keys: int = 0
    aliases: int = 0
    first: Dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Requests that can be asked as soon as the keys are listed."""
    second: Dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Requests that depend on what `DescribeKey` said."""
    usages: int = 0

    def add(self, key: Dict) -> None:
        self.keys += 1
        observed = {name: key[name].get("value") for name in ("metadata", "aliases", "grants", "tags", "rotations")}
        self.aliases += len(observed["aliases"] or [])
        self.first["DescribeKey"] += 1
        self.first["GetKeyPolicy"] += 1
        self.first["ListGrants"] += pages(len(observed["grants"] or []), "grants")
        self.first["ListResourceTags"] += pages(len(observed["tags"] or []), "tags")
        metadata = observed["metadata"]
        if metadata is None or metadata.get("manager") != "AWS":
            self.second["GetKeyPolicy"] += 1
        if key["rotation"]["status"] != "not_applicable":
            self.second["GetKeyRotationStatus"] += 1
            self.second["ListKeyRotations"] += pages(len(observed["rotations"] or []), "rotations")

    def floor(self, latency: float, share: float) -> float:
        """Seconds from the moment when the account's Regions are known."""
        ends = [pages(self.keys, "keys") * latency, (pages(self.aliases, "aliases") if self.keys else 0) * latency]
        listed = ends[0]
        for operation in self.first.keys() | self.second.keys():
            alone = self.second[operation]
            if alone:
                # What waits for DescribeKey comes one round trip later.
                ends.append(listed + latency + windows(alone, operation, share) + latency)
            ends.append(listed + windows(self.first[operation] + alone, operation, share) + latency)
        return max(ends)

    def usage_floor(self, latency: float) -> float:
        return (pages(self.keys, "keys") * latency + windows(self.usages, "GetKeyLastUsage", 1) + latency) if self.usages else 0.0

    def requests(self) -> int:
        return sum(self.first.values()) + sum(self.second.values())


@dataclass
class Floor:
    """The floor of a run, with the parts it is made of."""

    accounts: int
    read: int
    units: int
    keys: int
    requests: int
    start: float
    work: float
    longest: float
    work_at_share: float
    longest_at_share: float
    longest_usage: float

    def without_usage(self) -> float:
        return self.start + max(self.work / CONCURRENCY, self.longest)

    def at_share(self) -> float:
        """The same with `SHARE` of each quota: the work is spread over so much time that two cores can keep up with it."""
        return self.start + max(self.work_at_share / CONCURRENCY, self.longest_at_share)

    def with_usage(self) -> float:
        """Last usage holds up no account, so its longest reading can begin with the first accounts."""
        return max(self.without_usage(), self.start + self.longest_usage)


def floor(records: Iterable[Dict], caller: str, latency: float) -> Floor:
    accounts: Dict[str, Dict] = {}
    units: Dict[Tuple[str, str], Unit] = defaultdict(Unit)
    for record in records:
        (kind, body), *_ = record.items()
        if kind == "account":
            accounts[body["account"]["id"]] = body
        elif kind == "unit":
            units[body["account"], body["region"]].keys += 0
        elif kind == "key":
            units[_place(body["arn"])].add(body)
        elif kind == "usage":
            units[_place(body["arn"])].usages += 1
    held: List[float] = []
    held_at_share: List[float] = []
    usage_ends: List[float] = []
    for account, record in accounts.items():
        if record["skipped"] is not None:
            continue
        # AssumeRole, where it is not the caller's own account; then ListRegions.
        opening = latency * (1 if account == caller else 2)
        own = [unit for (of, _), unit in units.items() if of == account]
        held.append(opening + max((unit.floor(latency, 1) for unit in own), default=0.0))
        held_at_share.append(opening + max((unit.floor(latency, SHARE) for unit in own), default=0.0))
        usage_ends.append(opening + max((unit.usage_floor(latency) for unit in own), default=0.0))
    # GetCallerIdentity, DescribeOrganization, the pages of ListAccounts: each needs the one before it. Twelve pages go at once (a burst of twelve).
    start = latency * (2 + math.ceil(len(accounts) / ACCOUNTS_PER_PAGE))
    everything = list(units.values())
    requests = sum(unit.requests() for unit in everything)
    return Floor(len(accounts), len(held), len(everything), sum(unit.keys for unit in everything), requests, start, sum(held), max(held), sum(held_at_share), max(held_at_share), max(usage_ends))


def _place(arn: str) -> Tuple[str, str]:
    _, _, _, region, account, _ = arn.split(":", 5)
    return account, region


def measure(binary: Path, runs: int, accounts: int, keys: str, latency_ms: int, usage_runs: int) -> Dict:
    """Both runs against one sandbox that has AWS's quotas."""
    arguments = ["--accounts", str(accounts), "--keys", keys, "--regions", ",".join(REGIONS), "--quotas", "--latency", str(latency_ms)]
    with Sandbox(binary, arguments) as sandbox, tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        records = sandbox.truth()
        management = None

        def remembered() -> Iterable[Dict]:
            nonlocal management
            for record in records:
                if "account" in record and record["account"]["account"]["is_management"]:
                    management = record["account"]["account"]["id"]
                yield record

        everything = list(remembered())
        least = floor(everything, management or "", latency_ms / 1000)
        del everything
        result: Dict = {"command": f"kms-insights sandbox {' '.join(arguments)}", "latency_ms": latency_ms, "floor": least.__dict__, "series": {}}
        without = ["--last-usage-budget", "0s"]
        wanted = [
            ("with last usage", [], least.with_usage(), usage_runs),
            ("without last usage", without, least.without_usage(), runs),
            (f"without last usage, {SHARE:.0%} of each quota", [*without, "--quota-share", str(SHARE)], least.at_share(), usage_runs),
        ]
        for name, extra, bound, times in wanted:
            taken = []
            for number in range(times):
                lake = folder / f"lake-{name.replace(' ', '-')}-{number}"
                sandbox.reset_requests()
                before, served = OtherWork.now(), sandbox.cpu()
                command = [binary, "collect", "--lake", lake, "--quiet", "--format", "json", *extra]
                # Some keys of the sandbox hide for ever: the run is partial, which is exit code 3.
                one = run(command, clean_environment(sandbox.endpoint), folder, good=(0, 3))
                served = sandbox.cpu() - served
                requests = sandbox.requests()
                summary = _summary(folder / "output.log")
                taken.append(
                    {
                        "wall": one.wall,
                        "ratio": one.wall / bound,
                        "cpu": one.cpu,
                        "sandbox_cpu": served,
                        "others_cores": before.cores_of_others(one.cpu + served),
                        "peak_mib": one.peak_mib,
                        "requests": requests["total"],
                        "throttled": with_outcome(requests, "throttled"),
                        "connections": requests["connections"],
                        "keys": summary["keys"],
                    }
                )
                print(f"  {name}: {one.wall:.1f} s, floor {bound:.1f} s, ratio {one.wall / bound:.3f}; {taken[-1]}", flush=True)
            result["series"][name] = {"floor": bound, "runs": taken, "wall": median([one["wall"] for one in taken]), "ratio": median([one["ratio"] for one in taken])}
    return result


def _summary(log: Path) -> Dict:
    """The summary, the one line of JSON on stdout; what went to stderr is in the same file."""
    text = log.read_text()
    for line in reversed(text.splitlines()):
        if line.startswith('{"run_id"'):
            return json.loads(line)
    raise Failed(f"the run printed no summary: {text[-500:]}")
