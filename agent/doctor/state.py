"""The state directory: is it there, may it be written, has it room?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Collection, Iterable
from pathlib import Path

from agent.config.places import state_directory
from agent.config.schema import Config
from agent.doctor._model import Case, Finding, State

SUMMARY = "the state directory: there, writable, with room"
_ROOM = 64 << 20
"""Bytes that should be free: some days of incidents, two copies of the store, and its write-ahead log."""
_INODES = 100


def subjects(_config: Config) -> Iterable[str]:
    return ("state",)


async def examine(case: Case, names: Collection[str]) -> AsyncIterator[Finding]:
    for name in names:
        yield _looked_at(name, state_directory(case.config.state.directory))


def _looked_at(name: str, path: Path) -> Finding:
    def bad(text: str, fix: str, state: State = State.ERROR) -> Finding:
        return Finding(name, state, text, fix)

    try:
        there = path.is_dir()
        if not there and path.exists():
            return bad(f"{path} is no directory", "remove it, or name another one in state.directory")
        if not there:
            fix = "it is made with the first start, where its parent may be written; or create it for the agent's user"
            return bad(f"{path} does not exist", fix, State.WARNING)
        owner = path.stat().st_uid
        if owner != os.geteuid() and os.geteuid() != 0:
            fix = f"run this as the agent's user: sudo -u '#{owner}' tocsin doctor"
            return bad(f"{path} belongs to another user (uid {owner}), so it is not tried", fix, State.WARNING)
        with tempfile.TemporaryFile(dir=path) as trial:
            trial.write(b"\0" * 4096)
            trial.flush()
            os.fsync(trial.fileno())
        room = os.statvfs(path)
    except OSError as error:
        fix = "let the agent's user write there; incidents outlive a restart only in this directory"
        return bad(f"{path} cannot be written: {error.strerror}", fix)
    free = room.f_bavail * room.f_frsize
    if free < _ROOM:
        text = f"{path} has {free >> 20} MiB free, and {_ROOM >> 20} MiB are little enough"
        return bad(text, "make room on that file system, or name another directory in state.directory")
    if room.f_files > 0 and room.f_favail < _INODES:
        return bad(f"{path} has {room.f_favail} inodes free", "remove files on that file system")
    return Finding(name, State.OK, f"{path} can be written, {free >> 20} MiB free")
