"""What ``tocsin check`` costs for the 400 host rules of the rule benchmark; exits 1 when it is over its bound.

The whole command in a process of its own: start, configuration, packs, rules, every check, printing.

    .venv/bin/python tests/bench/bench_check.py
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from workload import HOST  # beside this file

BOUND = 2.0
"""Seconds of CPU."""
RUNS = 3


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        rules = Path(directory) / "host.rules.yml"
        rules.write_text(HOST.rule_file(), encoding="utf-8")
        taken = []
        for _ in range(RUNS):
            before = _cpu()
            done = subprocess.run([sys.executable, "-m", "agent", "check", str(rules)], capture_output=True, text=True)
            taken.append(_cpu() - before)
            assert done.returncode == 0, done.stderr
    found = done.stdout.splitlines()[-1]
    print(f"tocsin check of {len(HOST.rules)} rules: {min(taken):.2f} s CPU (bound {BOUND:g}); {found}")
    return int(min(taken) > BOUND)


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
