"""The sandbox as a process of its own."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from pathlib import Path
from typing import Dict, Iterator, List

from machine import Failed, clean_environment

REGIONS = ["us-east-1", "eu-central-1", "eu-west-1", "eu-south-2"]


class Sandbox:
    """`kms-insights sandbox`, for as long as a `with` block lasts."""

    def __init__(self, binary: Path, arguments: List[str]):
        self.command = [str(binary), "sandbox", *arguments]

    def __enter__(self) -> Sandbox:
        self.process = subprocess.Popen(self.command, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        found = re.search(r"AWS_ENDPOINT_URL=(\S+)", line)
        if not found:
            self.process.kill()
            raise Failed(f"the sandbox did not start: {line}{self.process.stderr.read()}")
        self.endpoint = found.group(1)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate()

    def cpu(self) -> float:
        """The processor time that the sandbox has taken so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def _ask(self, method: str, path: str) -> bytes:
        request = urllib.request.Request(self.endpoint + path, method=method)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=300) as answer:
            return answer.read()

    def reset_requests(self) -> None:
        self._ask("DELETE", "/_sandbox/requests")

    def requests(self) -> Dict:
        """What was asked since the last reset, by operation and outcome."""
        return json.loads(self._ask("GET", "/_sandbox/requests"))

    def truth(self) -> Iterator[Dict]:
        """Every record that a perfect collection yields."""
        for line in self._ask("GET", "/_sandbox/truth").splitlines():
            yield json.loads(line)


def with_outcome(requests: Dict, outcome: str) -> int:
    return sum(outcomes.get(outcome, 0) for outcomes in requests["operations"].values())
