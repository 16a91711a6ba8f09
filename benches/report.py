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
    "trail": """Who used which key when, for what: `kms-insights trail scan FOLDER --format json --quiet` over the log files of an organization's trail, a fifth of whose records are of KMS. The programs answer one question: for each
key, principal (the role, not its session), operation and resource that the encryption context names, the calls that succeeded, those that failed and the last of either; an event counts once however often it was
delivered, and where two accounts record it, as the caller's record tells it. Every answer is held against what the generator of the corpus knows, row by row; benches/trail has the programs. kms-insights' answer tells more: the days
apart, the services that called, whose log it was, and the resources of both sides of ReEncrypt, which the corpus has none of. libdeflate alone answers nothing: whoever reads these files must decompress them, so it
is the floor. It and the full parse are `crates/trail/examples/floor.rs`, for one core. The processes are pinned to one core and then to two, and take turns; the files are in the system's cache.""",
    "views": """`SELECT * FROM` each view of `athena/views`, every row fetched as Arrow and thrown away, over one lake: the demo's accounts copied under other numbers until there are 100,000 keys in each of two snapshots and 600,000
statements in the latest, and a year of daily usage and log files. The engines take turns, each in a process of its own with the files in the system's cache; opening the lake is not measured (the embedded engine lists the
published files and plans every view then, DuckDB makes views). DuckDB asks the same SQL with its own names of functions, and gives as many rows of each. The aim is at most 1.2 times DuckDB's time.""",
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
        ("trail", "Log files of a trail", _trail),
        ("views", "Views", _views),
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


def _views(figures: Dict) -> str:
    limit, brief = figures["limit"], figures["brief"]
    rows = []
    for one in figures["views"]:
        own, other = one["kms-insights"], one["DuckDB"]
        verdict = "both brief" if max(own, other) < brief else _met(one["ratio"], limit)
        rows.append([f"`{one['view']}`", f"{one['rows']:,}", f"{own * 1000:,.0f} ms", f"{other * 1000:,.0f} ms", f"{one['ratio']:.2f} ×", verdict])
    weighed = [one for one in figures["views"] if max(one["kms-insights"], one["DuckDB"]) >= brief]
    met = sum(1 for one in weighed if one["ratio"] <= limit)
    lake = figures["lake"]
    return (
        f"{lake['files']:,} files, {lake['bytes'] / 1e6:,.0f} MB; medians of {figures['runs']} rounds; others {figures['others_cores']:.2f} cores.\n\n"
        f"{_table(['view', 'rows', 'kms-insights', 'DuckDB', 'ratio', f'≤ {limit}'], rows)}\n\n"
        f"Of the {len(weighed)} views that take either {brief * 1000:.0f} ms or more, {met} are within the aim."
    )


def _trail(figures: Dict) -> str:
    programs, limits, corpus = figures["programs"], figures["limits"], figures["corpus"]
    floor, own = (programs[name] for name in ("libdeflate alone", "kms-insights"))
    rows = []
    for name, one in programs.items():
        single, double = one["one"], one.get("two")
        answer = "none" if one is floor else f"**{one['differing']} rows differ**" if one["differing"] else "the truth"
        times = "" if one is floor else f"{single['cpu'] / floor['one']['cpu']:.2f}"
        on_two = [f"{double['cpu']:.2f} s", f"{double['wall']:.2f} s", f"{single['wall'] / double['wall']:.2f} ×"] if double else ["", "", ""]
        peaks = [f"{each['peak_mib']:.0f} MiB" if each else "" for each in (single, double)]
        others = max(each["others_cores"] for each in (single, double) if each)
        rows.append([name, answer, f"{single['cpu']:.2f} s", times, f"{single['wall']:.2f} s", *on_two, *peaks, f"{others:.2f}"])
    head = ["", "answer", "CPU, one core", "of the floor's", "wall, one core", "CPU, two cores", "wall, two cores", "faster on two", "peak memory, one core", "peak memory, two cores", "others, cores"]
    aims = [
        [f"CPU on one core at most {limits['ratio']} × the floor's", f"{figures['ratio']:.2f} ×", _met(figures["ratio"], limits["ratio"])],
        [f"on two cores at least {limits['speedup']} × as fast", f"{figures['speedup']:.2f} ×", _met(-figures["speedup"], -limits["speedup"])],
        [f"peak memory at most {limits['peak_mib']} MiB", f"{figures['peak_mib']:.0f} MiB", _met(figures["peak_mib"], limits["peak_mib"])],
    ]
    packed, text = corpus["compressed_bytes"] / 1e6, corpus["bytes"] / 1e6
    parts = [
        f"`{figures['command']}`: {text:,.0f} MB in {packed:,.0f} MB, {corpus['records']:,} records, {corpus['kms_records']:,} of KMS, {corpus['repeated_kms_records']:,} of these telling an event again; "
        f"{corpus['keys']:,} keys used, {corpus['rows']:,} rows to find. Medians of {figures['rounds']} rounds.",
        _table(head, rows),
        _trail_verdict(programs),
        _table(["aim", "kms-insights", ""], aims),
        *_trail_remarks(figures),
        _trail_growth(figures),
    ]
    if "s3" in figures:
        parts.append(_trail_s3(figures["s3"]))
    return "\n\n".join(parts)


def _trail_verdict(programs: Dict) -> str:
    own = programs["kms-insights"]
    # Without an answer, or with a wrong one, nothing is won.
    others = {name: other for name, other in programs.items() if name not in ("libdeflate alone", "kms-insights") and not other["differing"]}
    ahead, behind = [], []
    for field, said in (("cpu", "processor time"), ("wall", "wall time"), ("peak_mib", "peak memory")):
        before = [name for name, other in others.items() if other["one"][field] <= own["one"][field]]
        if before:
            behind.append(f"in {said} it is **behind** {'; '.join(before)}")
        else:
            ahead.append(said)
    parts = [f"kms-insights is ahead of all that give the right answer in {' and '.join(ahead)}"] if ahead else []
    wrong = [name for name, other in programs.items() if other["differing"]]
    return f"On one core: {'. And '.join(parts + behind)}." + (f" A wrong answer came from {' and '.join(wrong)}." if wrong else "")


def _trail_remarks(figures: Dict) -> List[str]:
    """What the figures say of an aim that is not met."""
    limits, small = figures["limits"], figures["small"]
    programs, of_small = figures["programs"], small["programs"]
    remarks = []
    if figures["ratio"] > limits["ratio"]:
        grown = (figures["corpus"]["bytes"] - small["corpus"]["bytes"]) / 1e9
        floor, own = ((programs[name]["one"]["cpu"] - of_small[name]["one"]["cpu"]) / grown for name in ("libdeflate alone", "kms-insights"))
        fixed = of_small["kms-insights"]["one"]["cpu"] - own * small["corpus"]["bytes"] / 1e9
        remarks.append(
            f"The processor time of one core: from {small['corpus']['files']} files to {figures['corpus']['files']}, each further GB takes {own:.2f} s, and {floor:.2f} s of the floor, {own / floor:.2f} ×; "
            f"what is left, {max(fixed, 0.0):.2f} s, does not grow with the corpus."
        )
    if figures["speedup"] < limits["speedup"]:
        single, double = (programs["kms-insights"][cores] for cores in ("one", "two"))
        remarks.append(
            f"Two cores: the same work takes {double['cpu']:.2f} s of processor time on two and {single['cpu']:.2f} s on one, and keeps {double['cpu'] / double['wall']:.2f} cores busy; "
            f"others took {double['others_cores']:.2f} of the two meanwhile."
        )
    if figures["peak_mib"] > limits["peak_mib"]:
        peaks = [max(of["kms-insights"][cores]["peak_mib"] for cores in ("one", "two")) for of in (of_small, programs)]
        files = figures["corpus"]["files"] - small["corpus"]["files"]
        remarks.append(f"Memory: with {small['corpus']['files']} files the peak is {peaks[0]:.0f} MiB, and each further 100 files add {(peaks[1] - peaks[0]) / files * 100:.1f} MiB.")
    return remarks


def _trail_growth(figures: Dict) -> str:
    rows = []
    for of in (figures["small"], figures):
        taken = of["programs"]["kms-insights"]
        rows.append([f"{of['corpus']['files']:,}", f"{of['corpus']['bytes'] / 1e6:,.0f} MB", f"{of['corpus']['rows']:,}", *(f"{taken[cores]['peak_mib']:.0f} MiB" for cores in ("one", "two"))])
    return f"How kms-insights' peak goes with the corpus:\n\n{_table(['files', 'text', 'rows to find', 'one core', 'two cores'], rows)}"


def _trail_s3(figures: Dict) -> str:
    series, corpus = figures["series"], figures["corpus"]
    rows = [[name, f"{one['wall']:.2f} s", f"{one['cpu']:.2f} s", f"{one['others_cores']:.2f}"] for name, one in series.items()]
    own, fetched = (series[name] for name in ("kms-insights, from S3", "fetched from S3, not read"))
    busy = own["cpu"] / own["wall"]
    limit = "what it waits for, the server, is the limit" if busy < 0.5 else "**it does not mostly wait**: its own work is a large part of it"
    return (
        f"From S3, {corpus['files']} files, {corpus['compressed_bytes'] / 1e6:.0f} MB compressed. The server is moto, a program in Python that shares the machine's cores and is among the others; fetching without reading "
        f"has {figures['at_once']} requests under way, as the scan has, but knows the names of the files and lists nothing.\n\n{_table(['', 'wall', 'CPU', 'others, cores'], rows)}\n\n"
        f"The scan takes {own['wall'] / fetched['wall']:.1f} × the time of fetching. It keeps {busy:.2f} cores busy: {limit}."
    )
