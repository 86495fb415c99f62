"""What became of each rule file that the configuration asks for, since when, and a line of the log when it changes."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from agent import log
from agent.config.load import Loaded
from rules.api import Problem

_log = log.get("rules")


class FileState(msgspec.Struct, frozen=True):
    """A rule file. ``rules`` is how many of its rules are in force.

    ``problem`` is the first mistake that keeps the file as it is now from being in force, and ``since`` when that was
    found, in timeline milliseconds; both are None while all is well.
    """

    file: str
    rules: int
    problem: Problem | None = None
    since: int | None = None

    @property
    def in_force(self) -> str:
        if self.problem is None:
            return "as it is"
        return "the version before" if self.rules else "nothing"


class RuleFileStates:
    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self.all: tuple[FileState, ...] = ()

    @property
    def refused(self) -> tuple[FileState, ...]:
        return tuple(state for state in self.all if state.problem is not None)

    def take(self, loaded: Loaded) -> None:
        """This configuration is in force from now on."""
        before = {state.file: state for state in self.refused}
        rules = {file.file: sum(len(group.rules) for group in file.groups) for file in loaded.rules}
        problems = {each.file: each.problem for each in loaded.refused}
        states = []
        for file in rules | dict.fromkeys(problems, 0):
            problem, earlier = problems.get(file), before.get(file)
            state = FileState(file, rules.get(file, 0), problem)
            if problem is not None:
                since = earlier.since if earlier is not None else self._now()
                state = replace(state, since=since)
                if earlier is None or earlier.problem != problem:
                    _log.error("rule_file_refused", file=file, problem=str(problem), in_force=state.in_force)
            elif earlier is not None:
                _log.info("rule_file_mended", file=file)
            states.append(state)
        for gone in before.keys() - {state.file for state in states}:
            _log.info("rule_file_gone", file=gone)
        self.all = tuple(states)

    def rebase(self, delta_ms: int) -> None:
        """The timeline was moved."""
        self.all = tuple(
            state if state.since is None else replace(state, since=state.since + delta_ms) for state in self.all
        )
