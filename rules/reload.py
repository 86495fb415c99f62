"""Rules in place of rules: who keeps which alerts. Nothing an alert remembers is lost while its rule is still there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import msgspec

from rules.evaluation import AlertingRunner, RecordingRunner, RuleKey, labels_as_written, make_runner
from rules.files import AlertingRule, Group, RecordingRule, RuleFile
from rules.settings import Settings

Runner = AlertingRunner | RecordingRunner


class GroupRun:
    """A group with its rules at work, and when it was last evaluated."""

    __slots__ = ("evaluated_at", "file", "group", "runners", "seconds", "waits")

    def __init__(self, file: str, group: Group, runners: list[Runner]) -> None:
        self.file = file
        self.group = group
        self.runners = runners
        self.evaluated_at: int | None = None
        self.seconds = 0.0
        self.waits = False
        """Whether a rule was held back at the last evaluation."""


def build(
    files: Iterable[RuleFile], old: Iterable[GroupRun], settings: Settings
) -> tuple[list[GroupRun], list[Runner]]:
    """The groups of ``files``, and the runners of ``old`` that have no successor.

    A rule that did not change goes on with its runner. One with the same key but, say, another expression takes the
    state over; so does one of the same name and labels that moved to another group or file.
    """
    old = list(old)
    last = {(run.file, run.group.name): run for run in old}
    left = {runner.key: runner for run in old for runner in run.runners}
    groups: list[GroupRun] = []
    fresh: list[tuple[list[Runner], int]] = []
    for file in files:
        for group in file.groups:
            run = GroupRun(file.file, group, [])
            before = last.get((file.file, group.name))
            if before is not None:
                run.evaluated_at, run.waits = before.evaluated_at, before.waits
            counts: Counter[object] = Counter()
            for rule in group.rules:
                key = _key(file.file, group.name, rule, counts)
                runner = _succeed(left.pop(key, None), key, rule, settings)
                run.runners.append(runner or make_runner(key, rule, settings))
                if runner is None:
                    fresh.append((run.runners, len(run.runners) - 1))
            groups.append(run)
    moved: dict[object, list[Runner]] = {}
    for gone in reversed(left.values()):
        moved.setdefault((gone.kind, gone.key.rule, gone.key.labels), []).append(gone)
    retired = list(left.values())
    for runners, place in fresh:
        runner = runners[place]
        sources = moved.get((runner.kind, runner.key.rule, runner.key.labels))
        source = sources.pop() if sources else None
        if isinstance(runner, AlertingRunner) and isinstance(source, AlertingRunner):
            take_over(runner, source)
            source.rows = {}  # it is still retired, to end its series, but its alerts live on
    return groups, retired


def take_over(runner: AlertingRunner, source: AlertingRunner) -> None:
    """Give the alerts of ``source`` to ``runner``, under its name."""
    key = runner.key
    runner.rows = {
        labels: msgspec.structs.replace(
            row,
            file=key.file,
            group=key.group,
            rule=key.rule,
            rule_labels=key.labels,
            nth=key.nth,
            expr=runner.rule.text,
        )
        for labels, row in source.rows.items()
    }


def _key(file: str, group: str, rule: AlertingRule | RecordingRule, counts: Counter[object]) -> RuleKey:
    labels = labels_as_written(rule)
    same = (type(rule), rule.name, labels)
    counts[same] += 1
    return RuleKey(file, group, rule.name, labels, counts[same] - 1)


def _succeed(
    before: Runner | None, key: RuleKey, rule: AlertingRule | RecordingRule, settings: Settings
) -> Runner | None:
    if isinstance(before, RecordingRunner) and isinstance(rule, RecordingRule) and before.rule == rule:
        before.read_again(rule)
        return before
    if isinstance(before, AlertingRunner) and isinstance(rule, AlertingRule):
        if before.rule == rule:
            before.read_again(rule)
            return before
        runner = AlertingRunner(key, rule, settings)
        take_over(runner, before)
        runner.marked_like(before)
        return runner
    return None
