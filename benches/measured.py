#!/usr/bin/env python3
"""Runs one command and writes what it took as JSON: `measured.py RESULT COMMAND…`.

A process of its own, and a small one: Linux counts the memory of whoever forked a process into the peak of the process, so a large parent would make every child look large.
"""

import json
import os
import sys
import time


def main() -> int:
    result, command = sys.argv[1], sys.argv[2:]
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        try:
            os.execvp(command[0], command)
        except OSError as error:
            sys.stderr.write(f"{command[0]}: {error}\n")
            os._exit(127)
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - started
    taken = {"exit": os.waitstatus_to_exitcode(status), "wall": wall, "user": usage.ru_utime, "system": usage.ru_stime, "peak_kib": usage.ru_maxrss}
    with open(result, "w", encoding="utf-8") as file:  # noqa: PTH123  pathlib would double the memory of this process
        json.dump(taken, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
