"""Log files of a trail: `kms-insights trail scan` beside decompression alone, a full parse, Python with orjson, DuckDB and chdb, which all answer the same question; and from S3."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, List, Sequence, Tuple

from machine import ROOT, Failed, OtherWork, clean_environment, median, run
from peers import virtual_environment

MEGABYTES_PER_FILE = 5
LIMITS = {"ratio": 1.5, "speedup": 1.8, "peak_mib": 64}
FIELDS = ("cpu", "wall", "peak_mib", "others_cores")
FLOOR = "libdeflate alone"
OWN = "kms-insights"
# From S3 the question is how long the network takes, and not how fast the parser is.
S3_FILES = 20
BUCKET = "example-trail"
# As many objects at once as the scanner fetches.
FETCHES = 16
FETCHED, FROM_S3, FROM_FOLDER = "fetched from S3, not read", "kms-insights, from S3", "kms-insights, from a folder"

# Key, principal, operation and resource; uses, errors and the last of either.
Of = Tuple[str, str, str, str]
Answer = Dict[Of, Tuple[int, int, str]]


@dataclass(frozen=True)
class Corpus:
    """Log files, and what a scan of them must find."""

    folder: Path
    truth: Dict
    answer: Answer

    @property
    def size(self) -> Dict:
        counts = {name: self.truth[name] for name in ("files", "bytes", "compressed_bytes", "records", "kms_records", "repeated_kms_records")}
        return {**counts, "keys": len({of[0] for of in self.answer}), "rows": len(self.answer)}

    @staticmethod
    def made(generator: Path, folder: Path, files: int) -> Corpus:
        subprocess.run([generator, folder, "--files", str(files), "--megabytes-per-file", str(MEGABYTES_PER_FILE)], check=True, stdout=subprocess.DEVNULL)
        truth = json.loads((folder / "truth.json").read_text())
        # It is no log file, and must not be taken for one.
        (folder / "truth.json").unlink()
        answer = {(row["key_arn"], row["principal"], row["event_name"], row["resource"]): (row["uses"], row["errors"], row["last_at"]) for row in truth["uses"]}
        if truth["files"] != files or not answer:
            raise Failed(f"{generator} made {truth['files']} of {files} files, with {len(answer)} rows to find")
        return Corpus(folder, truth, answer)


@dataclass(frozen=True)
class Program:
    """What is measured: how it is run, whether it uses a second core, and how many rows of its answer, which it is given, are not those of the truth."""

    command: Callable[[Path], List[object]]
    uses_two_cores: bool
    differing: Callable[[str, Corpus], int]
    is_ours: bool = False


def from_rows(text: str, corpus: Corpus) -> int:
    """Of an answer that is a list of rows."""
    rows = json.loads(text)
    answer = {tuple(row[:4]): tuple(row[4:]) for row in rows}
    return _differing(answer, corpus) + len(rows) - len(answer)


def from_daily_rows(text: str, corpus: Corpus) -> int:
    """Of what `trail scan` prints, which tells the days apart, the services that called, and whose log it was."""
    answer: Answer = {}
    for row in json.loads(text):
        of = (row["key_arn"], row["principal"], row["event_name"], row["resource"] or "")
        uses, errors, last = answer.get(of, (0, 0, ""))
        answer[of] = (uses + row["uses"], errors + row["errors"], max(last, row["last_at"]))
    return _differing(answer, corpus)


def from_bytes(text: str, corpus: Corpus) -> int:
    """Of decompression, which answers nothing: whether it was of everything."""
    return int(json.loads(text) != {"files": corpus.truth["files"], "bytes": corpus.truth["bytes"]})


def from_length(text: str, corpus: Corpus) -> int:
    """Of fetching."""
    return int(int(text) != corpus.truth["compressed_bytes"])


def _differing(answer: Answer, corpus: Corpus) -> int:
    return sum(answer.get(of) != corpus.answer.get(of) for of in answer.keys() | corpus.answer.keys())


def names(file: str, constant: str) -> str:
    """A list of names of the scanner's, as JSON: the peers are asked with the same."""
    source = (ROOT / "crates" / "trail" / "src" / file).read_text()
    found = re.search(rf"pub const {constant}: &\[&str\] = &\[(.*?)\];", source, re.S)
    if not found:
        raise Failed(f"crates/trail/src/{file} has no {constant}")
    return json.dumps(re.findall(r'"([^"]*)"', found.group(1)))


def build(target: Path, package: str, example: str) -> Path:
    """An example as it is optimized in a release."""
    if subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "-p", package, "--example", example], cwd=ROOT, check=False).returncode:
        raise Failed(f"the example {example} of {package} could not be built")
    return target / "release" / "examples" / example


def programs(binary: Path, floor: Path, cache: Path) -> Dict[str, Program]:
    asked = [names("resource.rs", "RESOURCE_KEYS"), names("use_events.rs", "CRYPTOGRAPHIC")]

    def peer(name: str, uses_two_cores: bool) -> Program:
        python = virtual_environment(cache, name) / "python"
        return Program(lambda folder: [python, Path(__file__).parent / f"with_{name}.py", folder, *asked], uses_two_cores, from_rows)

    return {
        FLOOR: Program(lambda folder: [floor, "decompress", folder], False, from_bytes, is_ours=True),
        OWN: Program(lambda folder: scan(binary, folder), True, from_daily_rows, is_ours=True),
        "libdeflate and serde, full parse": Program(lambda folder: [floor, "parse", folder], False, from_rows, is_ours=True),
        "chdb 4.4.0": peer("chdb", True),
        "DuckDB 2.0.0": peer("duckdb", True),
        "Python with orjson 3.13.0": peer("orjson", False),
    }


def scan(binary: Path, source: object) -> List[object]:
    return [binary, "trail", "scan", source, "--format", "json", "--quiet"]


def measure(binary: Path, target: Path, runs: int, files: int, cache: Path, with_s3: bool) -> Dict:
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        raise Failed("this takes two cores")
    generator, floor = build(target, "kms-insights-sandbox", "trail_corpus"), build(target, "kms-insights-trail", "floor")
    measured = programs(binary, floor, cache)
    with tempfile.TemporaryDirectory() as scratch:
        corpus = Corpus.made(generator, Path(scratch) / "corpus", files)
        # How the peak goes with the size of the corpus.
        small = Corpus.made(generator, Path(scratch) / "small", max(1, files // 4))
        bench = Bench(Path(scratch), cores)
        for number in range(runs):
            for count in (1, 2):
                for name, program in measured.items():
                    if count == 1 or program.uses_two_cores:
                        bench.take(name, program, corpus, count)
                for name in (FLOOR, OWN):
                    if count == 1 or measured[name].uses_two_cores:
                        bench.take(name, measured[name], small, count, "small")
            print(f"  round {number + 1} of {runs}", flush=True)
        figures = {"command": f"trail_corpus --files {files} --megabytes-per-file {MEGABYTES_PER_FILE}", "rounds": runs, "limits": LIMITS}
        figures |= {"corpus": corpus.size, "programs": bench.figures("full"), "small": {"corpus": small.size, "programs": bench.figures("small")}}
        if with_s3:
            s3_corpus = Corpus.made(generator, Path(scratch) / "s3", min(S3_FILES, files))
            figures["s3"] = from_s3(binary, s3_corpus, runs, cache, Path(scratch))
    figures |= aims(figures["programs"])
    return figures


class Bench:
    """Runs programs, holds their answers against the truth, and keeps what they took."""

    def __init__(self, scratch: Path, cores: Sequence[int]):
        self.scratch, self.cores = scratch, cores
        # By corpus, program and cores.
        self.taken: Dict[str, Dict[str, Dict[str, List[Dict]]]] = {}
        self.differing: Dict[Tuple[str, str], int] = {}

    def take(self, name: str, program: Program, corpus: Corpus, count: int, of: str = "full") -> None:
        pinned = ["taskset", "-c", ",".join(map(str, self.cores[:count]))]
        one = taken(self.scratch, [*pinned, *program.command(corpus.folder)], clean_environment(home=self.scratch))
        self.differing[of, name] = max(self.differing.get((of, name), 0), hold(name, program, corpus, self.scratch / "answer"))
        self.taken.setdefault(of, {}).setdefault(name, {}).setdefault(("one", "two")[count - 1], []).append(one)
        where = "one core" if count == 1 else "two cores"
        print(f"  {name}, {corpus.truth['files']} files, {where}: {one['cpu']:.2f} s CPU, {one['wall']:.2f} s, {one['peak_mib']:.0f} MiB, others {one['others_cores']:.2f} cores", flush=True)

    def figures(self, of: str) -> Dict:
        """Medians, and each run."""
        result: Dict = {}
        for name, by_cores in self.taken[of].items():
            result[name] = {cores: medians(series) for cores, series in by_cores.items()}
            result[name] |= {"differing": self.differing[of, name], "runs": by_cores}
        return result


def taken(scratch: Path, command: Sequence[object], environment: Dict[str, str]) -> Dict:
    before = OtherWork.now()
    one = run(command, environment, scratch, answer=scratch / "answer")
    return {"cpu": one.cpu, "wall": one.wall, "peak_mib": one.peak_mib, "others_cores": before.cores_of_others(one.cpu)}


def medians(series: Sequence[Dict]) -> Dict:
    return {field: median([one[field] for one in series]) for field in FIELDS}


def hold(name: str, program: Program, corpus: Corpus, answer: Path) -> int:
    """How many rows of an answer are not those of the truth. Of a peer that is a figure; where it is ours there are no figures."""
    differing = program.differing(answer.read_text(), corpus)
    if differing:
        said = f"{name} gives another answer than the truth of {corpus.truth['files']} files: {differing} rows differ"
        if program.is_ours:
            raise Failed(said)
        print(f"  WRONG: {said}", file=sys.stderr, flush=True)
    return differing


def aims(measured: Dict) -> Dict:
    own = measured[OWN]
    return {
        "ratio": own["one"]["cpu"] / measured[FLOOR]["one"]["cpu"],
        "speedup": own["one"]["wall"] / own["two"]["wall"],
        "peak_mib": max(own["one"]["peak_mib"], own["two"]["peak_mib"]),
    }


def from_s3(binary: Path, corpus: Corpus, runs: int, cache: Path, scratch: Path) -> Dict:
    """The same log files from moto's S3, beside fetching them without reading them, and beside reading them from the folder."""
    sys.path.insert(0, str(ROOT / "tests" / "conformance"))
    import servers

    python = str(virtual_environment(cache, "moto") / "python")
    files = sorted(corpus.folder.rglob("*.json.gz"))
    series: Dict[str, List[Dict]] = {}
    with servers.running("moto", lambda port: ([python, "-c", servers.MOTO, "-H", "127.0.0.1", "-p", str(port)], {}), scratch) as endpoint:
        bucket = f"{endpoint}/{BUCKET}"
        put(bucket)
        objects = [f"{bucket}/{file.relative_to(corpus.folder).as_posix()}" for file in files]
        for url, file in zip(objects, files):
            put(url, file.read_bytes())
        read = {
            FETCHED: Program(lambda _: [sys.executable, "-S", "-E", Path(__file__).parent / "fetch.py", FETCHES, *objects], True, from_length, is_ours=True),
            FROM_S3: Program(lambda _: scan(binary, f"s3://{BUCKET}"), True, from_daily_rows, is_ours=True),
            FROM_FOLDER: Program(lambda folder: scan(binary, folder), True, from_daily_rows, is_ours=True),
        }
        for _ in range(runs):
            for name, program in read.items():
                one = taken(scratch, program.command(corpus.folder), clean_environment(endpoint, home=scratch))
                hold(name, program, corpus, scratch / "answer")
                series.setdefault(name, []).append(one)
                print(f"  {name}, {len(files)} files: {one['wall']:.2f} s, {one['cpu']:.2f} s CPU, others {one['others_cores']:.2f} cores", flush=True)
    return {"corpus": corpus.size, "at_once": FETCHES, "series": {name: {**medians(runs), "runs": runs} for name, runs in series.items()}}


def put(url: str, body: bytes = b"") -> None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    # Without a type it would go as a form, which the server takes apart; and what fetches it signs nothing.
    headers = {"Content-Type": "application/gzip", "x-amz-acl": "public-read"}
    request = urllib.request.Request(url, data=body, method="PUT", headers=headers)
    opener.open(request, timeout=60).close()
