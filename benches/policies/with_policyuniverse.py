#!/usr/bin/env python3
"""Key policies judged per second by policyuniverse: `with_policyuniverse.py FILE SECONDS`, with a policy in each line. From text to its answer whether the policy is open to the internet."""

import json
import sys
import time

from policyuniverse.policy import Policy


def main() -> None:
    with open(sys.argv[1], encoding="utf-8") as file:
        texts = file.read().splitlines()
    limit = float(sys.argv[2])
    analyzed, public = 0, 0
    started = time.perf_counter()
    while time.perf_counter() - started < limit:
        for text in texts:
            public += Policy(json.loads(text)).is_internet_accessible()
            analyzed += 1
    print(json.dumps({"policies": analyzed, "public": public, "seconds": time.perf_counter() - started}))


if __name__ == "__main__":
    main()
