"""docs/benchmarks.md, from the figures in benches/results."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Dict, List, Optional

HEAD = """# Benchmarks

Figures, how they were taken, and what is not met. This page is written by `python3 benches/run.py`; the figures are in `benches/results`, and the reasons in the text are kept by hand in
`benches/report.py`. No test asserts any of them.

"Others" is how many cores' worth of work other programs took of the machine during the measurement: what is far above 0 was measured on a busy machine, and is worse than it would be on a quiet one.
"""

NOTES = {
    "floor": """The floor knows only what AWS imposes: each operation's quota per account and Region, read as "no more than the rate in any window of one second", so that the first second's requests go at
once and *n* requests take ⌊(*n* − 1) / rate⌋ seconds; 30 ms for every round trip that needs an earlier one's answer; and ten accounts at once, in the best order: the greater of all accounts' time divided by
ten and of the longest one's. Before that come GetCallerIdentity, DescribeOrganization and the pages of ListAccounts. Processors are free. Last usage holds up no account: its longest queue can
begin with the first accounts. The figures of each account and Region come from the sandbox's own truth. The wall time is that of the whole `kms-insights collect`: staging, analysis, Parquet and publication included.
Sandbox and collector share the machine's cores, and AWS's quotas admit more requests a second here than two cores serve and take: where the row's CPU and the sandbox's together come near twice its wall
time, the processors are the limit. The last row asks for a quarter of each quota from the same organization, so that the pacing alone is measured.""",
    "peers": """500 keys in one account and Region, one sandbox, no quotas, no latency, turn by turn. The peers read less: boto3 reads metadata, default policy, grants, tags and rotation status; Cloud Custodian metadata,
tags, rotation status, rotations and policies, and no grants, for its filters for keys have none; Prowler metadata, policies, tags and rotation status of the customer managed keys. kms-insights reads all of that, the AWS_RAM
policies, aliases, custom key stores and last usage, and writes the lake. Cloud Custodian gives up altogether at a key whose policy it may not read or whose `Statement` is a single object: it is
spared those keys.""",
    "memory": """The peak of resident memory of `kms-insights collect`, from an organization whose accounts have 125 keys in each of four Regions. Without quotas or latency, so that as much as ever can
arrives at once. The aim is at most 256 MiB for 100,000 keys, and at most 1.3 times what 10,000 keys take.""",
    "policies": """From the text of a key policy to its ways in and the workshop's concerns, on one core, without grants: what publishing does for each key, without the lake. policyuniverse, a Python library, answers from the same
texts whether the policy is open to the internet, which is one of the things that the ways in say. The policies are the account's own statement alone (4 of 12), what the console makes (3), what AWS writes for its managed keys (2), a log
group's, an organization's with a Deny, and a vendor's. The aim is 100,000 a second.""",
    "sizes": """The aim is less than 80 MB with the SQL engine and less than 25 MB without it.""",
    "clean": """From `git clone` to the demo's tables with an empty target folder. The crates' sources are in cargo's cache already: the network is not measured. The aim is at most 8 minutes on two cores.""",
}


def write(results: Path, page: Path) -> None:
    sections = [HEAD]
    for name, title, body in (
        ("floor", "The quota is the limit", _floor),
        ("peers", "Beside its peers", _peers),
        ("memory", "Memory", _memory),
        ("policies", "Key policies", _policies),
        ("clean", "From clone to answers", _clean),
        ("sizes", "Size of the binary", _sizes),
    ):
        path = results / f"{name}.json"
        sections.append(f"\n## {title}\n\n{NOTES[name]}\n")
        if not path.exists():
            sections.append(f"\nNot measured yet: `python3 benches/run.py {name}`.\n")
            continue
        taken = json.loads(path.read_text())
        sections.append(f"\n{_where(taken)}\n\n{body(taken['figures'])}\n")
        remark = results / f"{name}.md"
        if remark.exists():
            sections.append(f"\n{remark.read_text().strip()}\n")
    page.parent.mkdir(exist_ok=True)
    page.write_text("".join(sections))


def _where(taken: Dict) -> str:
    machine = taken["machine"]
    return (
        f"`{taken['command']}`, {machine['date']}, commit {machine['commit']}; {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, "
        f"{machine['rustc'].rsplit(' (', 1)[0]}; load average before: {machine['load_before']}."
    )


def _table(head: List[str], rows: List[List[object]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines)


def _met(value: float, limit: float) -> str:
    return "met" if value <= limit else "**not met**"


def _floor(figures: Dict) -> str:
    least = figures["floor"]
    rows = []
    for name, series in figures["series"].items():
        runs = series["runs"]
        rows.append(
            [
                name,
                f"{series['floor']:.1f} s",
                f"{series['wall']:.1f} s",
                f"{series['ratio']:.3f}",
                _met(series["ratio"], 1.15),
                f"{_median(runs, 'cpu'):.1f} s",
                f"{_median(runs, 'sandbox_cpu'):.1f} s",
                f"{_median(runs, 'others_cores'):.2f}",
                f"{_median(runs, 'peak_mib'):.0f} MiB",
                f"{_median(runs, 'requests'):,.0f}",
                f"{_median(runs, 'throttled'):.0f}",
                ", ".join(f"{one['wall']:.1f}" for one in runs),
            ]
        )
    head = ["", "floor", "wall, median", "ratio", "≤ 1.15", "CPU", "sandbox's CPU", "others, cores", "peak memory", "requests", "throttled", "each run, s"]
    text = (
        f"`{figures['command']}`: {least['accounts']} accounts, {least['read']} of them active, {least['units']} account-Regions with keys, {least['keys']:,} keys. The floor: {least['start']:.2f} s to the list of accounts, "
        f"{least['work']:.1f} s of account time over ten, {least['longest']:.2f} s for the longest account, {least['longest_usage']:.1f} s for the longest queue of last usages.\n\n"
    )
    return text + _table(head, rows)


def _median(runs: List[Dict], field: str) -> float:
    values = sorted(one[field] for one in runs)
    middle = len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def _peers(figures: Dict) -> str:
    own = figures["programs"]["kms-insights"]
    rows = []
    for name, one in figures["programs"].items():

        def times(field: str, taken: Dict = one) -> str:
            return "" if taken is own else f" ({taken[field] / own[field]:.1f} ×)"

        rows.append(
            [
                name,
                f"{one['wall']:.2f} s{times('wall')}",
                f"{one['cpu']:.2f} s{times('cpu')}",
                f"{one['peak_mib']:.0f} MiB{times('peak_mib')}",
                f"{one['requests']:,.0f}",
                f"{one['keys_per_cpu_second']:,.0f}",
                f"{one['others_cores']:.2f}",
            ]
        )
    ahead = all(own[field] < other[field] for other in figures["programs"].values() if other is not own for field in ("wall", "cpu", "peak_mib"))
    head = ["", "wall", "CPU", "peak memory", "requests", "keys per second and core", "others, cores"]
    verdict = "kms-insights is ahead of all in wall time, processor time and memory." if ahead else "**Not met**: kms-insights is not ahead of all in all three."
    return f"`{figures['command']}`; medians of {figures['runs']} rounds.\n\n{_table(head, rows)}\n\n{verdict}"


def _memory(figures: Dict) -> str:
    names = list(figures["sizes"][0]["series"])
    rows = []
    for name in names:
        peaks = [size["series"][name]["peak_mib"] for size in figures["sizes"]]
        ratio = peaks[-1] / peaks[0]
        ok = peaks[-1] <= figures["limit_mib"] and ratio <= 1.3
        rows.append([name, *(f"{peak:.0f} MiB" for peak in peaks), f"{ratio:.2f}", "met" if ok else "**not met**", *(f"{size['series'][name]['wall']:.1f} s" for size in figures["sizes"])])
    sizes = [f"{size['keys']:,} keys" for size in figures["sizes"]]
    return _table(["", *sizes, "ratio", "≤ 256 MiB, ≤ 1.3", *(f"wall, {size}" for size in sizes)], rows)


def _clean(figures: Dict) -> str:
    rows = [[step, f"{seconds:.0f} s"] for step, seconds in figures["steps"].items()]
    rows.append(["in all", f"{figures['wall']:.0f} s ({_met(figures['wall'], figures['limit'])})"])
    longest = _table(["crate", "seconds under way"], [[one["name"], f"{one['seconds']:.0f}"] for one in figures["crates"]])
    return (
        f"{_table(['step', 'wall'], rows)}\n\nThe build took {figures['build_cpu']:.0f} s of processor time for {figures['crate_count']} units; others took {figures['others_cores']:.2f} cores meanwhile. "
        f"The binary has {figures['debug_mib']:.0f} MiB. Where the time goes (units that run at the same time share the cores):\n\n{longest}"
    )


def _sizes(figures: Dict) -> str:
    # MB as people count them, which is a little stricter than MiB.
    return _table(["release, stripped", "size", "limit", ""], [[name, f"{_mb(one['mib']):.1f} MB", f"{one['limit_mib']} MB", _met(_mb(one["mib"]), one["limit_mib"])] for name, one in figures.items()])


def _mb(mib: Optional[float]) -> float:
    return (mib or 0.0) * 1.048576


def _policies(figures: Dict) -> str:
    rates = figures["per_second"]
    ours, theirs = rates["kms-insights"], rates["policyuniverse"]
    rows = [
        f"Policies of {figures['bytes_each']:,.0f} bytes on average; medians of {len(figures['runs']['kms-insights'])} runs, turn by turn; others {figures['others_cores']:.2f} cores.",
        "",
        "|  | policies per second and core | ≥ 100,000 |",
        "|---|---|---|",
        f"| kms-insights | {ours:,.0f} | {'met' if ours >= 100_000 else '**not met**'} |",
        f"| policyuniverse | {theirs:,.0f} ({ours / theirs:.0f} × slower) |  |",
        "",
        "How it goes with the number of statements: one role and one service each, and a Deny for everyone outside the organization.",
        "",
        "| statements | bytes | µs | µs per statement |",
        "|---|---|---|---|",
    ]
    rows += [
        f"| {one['statements']} | {one['bytes']:,} | {one['microseconds']:.1f} | {one['microseconds'] / one['statements']:.2f} |" for one in figures["growth"]
    ]
    return "\n".join(rows)
