"""Runs every check on every rule, and leaves out what is silenced."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from agent.config.lint_names import PREFIX
from agent.config.lints._model import RuleContext
from agent.config.lints._places import Places
from agent.config.lints._registry import checks
from agent.config.lints._silences import Silences
from agent.config.lints._world import World
from agent.config.schema import Config
from rules.api import Problem, RuleFile, Severity


@dataclass(frozen=True, slots=True)
class Subject:
    """A rule file and its text. Rules that no file holds (made from the configuration) have an empty text."""

    file: RuleFile
    text: str = ""


def lint(subjects: Iterable[Subject], config: Config, known: Sequence[RuleFile] = ()) -> list[Problem]:
    """Warnings about the rules of ``subjects``; ``known`` are further files whose recorded metrics they use."""
    subjects = list(subjects)
    world = World(config, [subject.file for subject in subjects], known)
    return [problem for subject in subjects for problem in _file(subject, world)]


def _file(subject: Subject, world: World) -> Iterator[Problem]:
    file = subject.file
    settings = world.config.rules.lints
    places = Places(file.file, subject.text)
    silences = Silences(file, subject.text, settings)
    for group in file.groups:
        for rule in group.rules:
            context = RuleContext(rule, group, file, world)
            for name, check in checks().items():
                if name in settings.off:
                    continue
                for finding in check(context):
                    if silences.allow(name, rule.name, rule.line):
                        continue
                    line, column = places.locate(rule, finding.place)
                    message = f"{rule.name}: {finding.message}"
                    yield Problem(file.file, line, column, message, finding.hint, PREFIX + name, Severity.WARNING)
    yield from silences.problems()
