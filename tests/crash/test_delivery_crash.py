"""kill -9 at every place where the disk or the desk learns something: nothing lost, nothing twice."""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import pytest
from crash.desk_server import Book, desk
from crash.harness import Point, Subject, can_trace, points

FAULTS = 2
SAMPLE = 24
"""Points in an ordinary run; all of them with TOCSIN_CRASH_ALL=1 (minutes)."""


def subject(root: Path, state: Path, address: str) -> Subject:
    command = [sys.executable, str(root / "tests/crash/small_agent.py"), str(state), address, str(FAULTS)]
    return Subject(command, {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"})


def judge(book: Book, moment: object) -> None:
    stands = sorted((ticket["key"][-1], ticket["state"], ticket["notes"]) for ticket in book.tickets)
    assert stands == [(str(n), "resolved", ["opened"]) for n in range(FAULTS)], moment


@pytest.mark.server("strace")
@pytest.mark.slow
def test_a_kill_at_any_system_call_loses_and_doubles_nothing(root: Path, tmp_path: Path) -> None:
    if not can_trace():
        pytest.skip("strace may not trace here (ptrace is forbidden)")
    with desk() as (book, address):
        moments = points(subject(root, tmp_path / "count", address).count(tmp_path))
        judge(book, "without a kill")
    assert len(moments) > 50
    if not os.environ.get("TOCSIN_CRASH_ALL"):
        moments = random.Random(7).sample(moments, SAMPLE)
    killed = 0
    for number, moment in enumerate(moments):
        with desk() as (book, address):
            agent = subject(root, tmp_path / str(number), address)
            killed += agent.kill_at(moment)
            agent.run()
            judge(book, moment)
    assert killed > len(moments) // 2


@pytest.mark.server("strace")
@pytest.mark.slow
@pytest.mark.parametrize(("syscall", "nth"), [("fdatasync", 12), ("fdatasync", 20), ("pwrite64", 40), ("pwrite64", 60)])
def test_one_io_error_of_the_disk_is_read_back_and_survived(root: Path, tmp_path: Path, syscall: str, nth: int) -> None:
    if not can_trace():
        pytest.skip("strace may not trace here (ptrace is forbidden)")
    with desk() as (book, address):
        agent = subject(root, tmp_path / "state", address)
        agent.fail_at(Point(syscall, nth), "EIO")
        judge(book, (syscall, nth))


@pytest.mark.slow
def test_kills_again_and_again_lose_and_double_nothing(root: Path, tmp_path: Path) -> None:
    dice = random.Random(11)
    with desk(pause=0.02) as (book, address):
        agent = subject(root, tmp_path, address)
        for _ in range(12):
            agent.kill_after(dice.uniform(0.15, 0.6))
        agent.run()
        judge(book, "after 12 kills")
