"""The labelled policies are as their README says, and the answers of other programs in docs/policy-peers.md are to these policies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PEERS = Path(__file__).resolve().parents[1] / "policies" / "peers" / "run.py"


def test_labels_results_and_page_belong_together() -> None:
    checked = subprocess.run([sys.executable, str(PEERS), "--check"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
