"""Scenario files to values: every mistake at once with its position, those of the configuration in it too."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from math import isnan
from pathlib import Path

from agent.config.bind import INVALID, Binder, EnoughError, Invalid
from agent.config.load import Loaded, load, load_section
from agent.config.scalars import BadScalarError, duration_text, to_duration, to_float
from agent.config.words import describe, quoted
from agent.scenario.schema import (
    EXPECT,
    MAX_RUN,
    Kind,
    Moment,
    Person,
    Scenario,
    ScenarioFile,
    SeriesName,
    Step,
    Table,
    Values,
    Written,
)
from rules.api import (
    MAX_ALL_VALUES,
    Labels,
    NotationError,
    Problem,
    Scalar,
    Severity,
    did_you_mean,
    is_stale,
    parse_series,
    parse_values,
    read_yaml,
)
from rules.api import Mapping as MappingNode
from rules.api import Node as YamlNode
from rules.api import Sequence as SequenceNode


@dataclass(frozen=True, slots=True)
class Expect:
    """What should be there. The node holds only keys that ``schema.EXPECT`` knows."""

    node: MappingNode


@dataclass(frozen=True, slots=True)
class Switch:
    """Collectors or backends that stop or start working."""

    names: tuple[str, ...]
    down: bool


class Collectors(Switch):
    """Give nothing while they are down."""


class Backends(Switch):
    """Refuse every call while they are down."""


@dataclass(frozen=True, slots=True)
class Restart:
    """The agent stops, and comes back after ``away`` ms with what its store holds."""

    away: int


@dataclass(frozen=True, slots=True)
class Reload:
    """The agent is told to read its configuration again and finds this one."""

    loaded: Loaded


Act = Expect | Collectors | Backends | Restart | Reload | Person


@dataclass(frozen=True, slots=True)
class Moved:
    """A step: ``at`` is ms after the start of the scenario."""

    at: int
    act: Act
    line: int


@dataclass(frozen=True, slots=True)
class Series:
    collector: str
    name: str
    labels: Labels
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """One scenario, ready to run. ``interval`` is the time between two values of a series in ms; None: between passes.

    ``tickets`` is how many tickets there must be at the end; None: not said.
    """

    name: str
    line: int
    loaded: Loaded
    host: str
    start: int
    interval: int | None
    series: tuple[Series, ...]
    steps: tuple[Moved, ...]
    tickets: int | None


@dataclass(frozen=True, slots=True)
class Scenes:
    """What a file holds. ``scenes`` is empty when any of ``problems`` is an error."""

    scenes: tuple[Scene, ...]
    problems: tuple[Problem, ...]


def load_scenarios(content: bytes, file: str) -> Scenes:
    """Read ``content``, the text of ``file``, with the configuration and the rules it names."""
    root, problems = read_yaml(content, file)
    if root is None:
        return Scenes((), tuple(problems))
    reader = _Reader(file)
    scenes: tuple[Scene, ...] = ()
    with contextlib.suppress(EnoughError):
        scenes = reader.read(root)
    problems += [*reader.problems]
    failed = any(problem.severity is Severity.ERROR for problem in problems)
    return Scenes(() if failed else scenes, tuple(sorted(set(problems))))


class _Reader(Binder):
    """One walk over one file."""

    def __init__(self, file: str) -> None:
        hooks: dict[type, Callable[[Binder, YamlNode, str], object]] = {
            Written: lambda _, node, __: Written(node),
            SeriesName: _notation(lambda text: SeriesName(*parse_series(text))),
            Values: _notation(self._values),
            Moment: _moment,
        }
        super().__init__(file, hooks)
        self._room = MAX_ALL_VALUES

    def _values(self, text: str) -> Values:
        values = parse_values(text) if self._room >= 0 else []
        self._room -= len(values)
        if self._room < 0:
            raise NotationError(f"all series together have more than {MAX_ALL_VALUES} values")
        return Values(tuple(map(_given, values)))

    def read(self, root: YamlNode) -> tuple[Scene, ...]:
        whole = self.struct(root, ScenarioFile, "")
        if whole is INVALID:
            return ()
        loaded = self._configuration(whole.config.node)
        scenes = [
            self._scene(written.node, f"scenarios[{number}]", loaded) for number, written in enumerate(whole.scenarios)
        ]
        return tuple(scene for scene in scenes if scene is not None)

    def _configuration(self, node: YamlNode | None) -> Loaded:
        """Inline, or the path of a file; without it the embedded defaults."""
        if isinstance(node, Scalar) and not node.is_null:
            loaded = load(Path(self.file).parent / node.value)
        else:
            loaded = load_section(node or MappingNode((), 0, 0), self.file)
        self.problems += [problem for problem in loaded.problems if problem.severity is Severity.ERROR]
        return loaded

    def _scene(self, node: YamlNode, name: str, loaded: Loaded) -> Scene | None:
        scenario = self.struct(node, Scenario, name)
        if scenario is INVALID:
            return None
        steps = [self._step(written.node, f"{name}.steps[{n}]") for n, written in enumerate(scenario.steps)]
        done = [step for step in steps if step is not None]
        for before, after in pairwise(done):
            if after.at < before.at:
                at = f"{duration_text(after.at)} comes after {duration_text(before.at)}"
                self.problems.append(
                    Problem(self.file, after.line, 1, f"this step is out of order: {at}",
                            "put the steps in the order of their times", "scenario/order")
                )  # fmt: skip
        return Scene(
            name=scenario.name,
            line=node.line,
            loaded=loaded,
            host=scenario.host,
            start=scenario.start_timestamp.at,
            interval=scenario.interval,
            series=tuple(
                Series(each.collector, each.series.name, each.series.labels, each.values.values)
                for each in scenario.input_series
            ),
            steps=tuple(done),
            tickets=scenario.tickets,
        )

    def _step(self, node: YamlNode, name: str) -> Moved | None:
        step = self.struct(node, Step, name)
        if step is INVALID:
            return None
        if step.at > MAX_RUN:
            self.problem(
                node, f"a scenario lasts at most {duration_text(MAX_RUN)}", "end it earlier", "scenario/length"
            )
        act = self._act(step, name)
        return None if act is None else Moved(step.at, act, node.line)

    def _act(self, step: Step, name: str) -> Act | None:
        if step.expect.node is not None:
            self._expected(step.expect.node, EXPECT, f"{name}.expect")
            return Expect(step.expect.node) if isinstance(step.expect.node, MappingNode) else None
        if step.person is not None:
            return step.person
        if step.restart is not None:
            return Restart(step.restart)
        if step.reload.node is not None:
            return Reload(self._configuration(step.reload.node))
        if step.backends_down or step.backends_up:
            return Backends(step.backends_down or step.backends_up, bool(step.backends_down))
        return Collectors(step.collectors_down or step.collectors_up, bool(step.collectors_down))

    def _expected(self, node: YamlNode, wanted: Kind | Table | tuple[Kind | Table], name: str) -> None:
        """Only keys that exist, and values that can be compared."""
        if isinstance(wanted, tuple):
            if not isinstance(node, SequenceNode):
                self.problem(node, f"'{name}' must be a list, found {describe(node)}", "write [] for none")
                return
            for number, item in enumerate(node.items):
                self._expected(item, wanted[0], f"{name}[{number}]")
        elif isinstance(wanted, Table):
            if not isinstance(node, MappingNode):
                self.problem(node, f"'{name}' must be a mapping, found {describe(node)}", "write 'key: value' lines")
                return
            for key, value in node.items:
                known = wanted.keys.get(key.value)
                if known is None:
                    hint = did_you_mean(key.value, wanted.keys)
                    self.problem(key, f"unknown key {quoted(key.value)} in {name}", hint, "scenario/unknown-key")
                else:
                    self._expected(value, known, f"{name}.{key.value}")
        else:
            self._value(node, wanted, name)

    def _value(self, node: YamlNode, kind: Kind, name: str) -> None:
        if kind is Kind.LABELS:
            if not isinstance(node, MappingNode):
                self.problem(node, f"'{name}' must be a mapping, found {describe(node)}", "write 'label: value' lines")
                return
            for key, value in node.items:
                self._value(value, Kind.TEXT, f"{name}.{key.value}")
            return
        if kind is Kind.TEXT and isinstance(node, MappingNode):
            self._parts(node, name)
            return
        if not isinstance(node, Scalar):
            self.problem(node, f"'{name}' must be a value, found {describe(node)}", "write one value")
            return
        if node.is_null or kind is Kind.TEXT:
            return
        read: Mapping[Kind, Callable[[str], object]] = {Kind.TIME: to_duration, Kind.NUMBER: _number}
        try:
            read[kind](node.value)
        except BadScalarError as error:
            self.problem(node, f"'{name}' must be {error}, found {quoted(node.value)}", error.hint, "scenario/value")

    def _parts(self, node: MappingNode, name: str) -> None:
        """``{contains: TEXT}`` or ``{contains: [TEXT, ...]}`` in place of a whole text."""
        for key, value in node.items:
            texts = value.items if isinstance(value, SequenceNode) else (value,)
            if key.value != "contains" or not all(isinstance(text, Scalar) for text in texts):
                self.problem(key, f"'{name}' must be text", "write the text, or {contains: TEXT}", "scenario/value")


def _notation(read: Callable[[str], object]) -> Callable[[Binder, YamlNode, str], object]:
    def hook(binder: Binder, node: YamlNode, name: str) -> object:
        if not isinstance(node, Scalar):
            return binder.problem(node, f"'{name}' must be text, found {describe(node)}", "quote it")
        try:
            return read(node.text)
        except NotationError as error:
            return binder.problem(node, str(error), check="scenario/notation")

    return hook


def _given(value: float | None) -> float | None:
    return None if value is None or (isnan(value) and is_stale(value)) else value


def _moment(binder: Binder, node: YamlNode, name: str) -> Moment | Invalid:
    text = node.value if isinstance(node, Scalar) else ""
    try:
        return Moment(round(to_float(text) * 1000))
    except BadScalarError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        hint = "write Unix seconds or 2026-01-31T12:00:00Z"
        return binder.problem(node, f"'{name}' must be a time, found {describe(node)}", hint)
    return Moment(round(moment.timestamp() * 1000))


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadScalarError("a number", "write a number such as 0.5") from None


__all__ = [
    "Act", "Backends", "Collectors", "Expect", "Moved", "Person", "Reload", "Restart", "Scene", "Scenes", "Series",
    "load_scenarios",
]  # fmt: skip
