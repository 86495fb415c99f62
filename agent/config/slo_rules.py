"""From the section ``slo`` to a Prometheus rule file: recording rules and a burn-rate alert for each objective.

Thirty days of samples cannot be kept on a device, so nothing here looks at raw samples for longer than two minutes.
Each minute the events of that minute are added to two counters of our own, ``slo:events:total`` and
``slo:errors:total``, and each hour both are noted. Short windows read the counters, long ones the hourly notes, and the
objective's own window is the counter now less what it was when the window began. ``docs/slo.md`` has the mathematics.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from textwrap import indent
from typing import TYPE_CHECKING

from agent.config.scalars import duration_text
from rules.api import ExprError, Group, RuleFile, parse, parse_rule_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agent.config.slo import Slo

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
RUNBOOK = "docs/runbooks/SloBudgetBurn.md"
ALERT = "SloBudgetBurn"


@dataclass(frozen=True, slots=True)
class Burn:
    """A pair of windows of the SRE workbook: the long one shows that it matters, the short one that it still lasts.

    ``share`` is how much of the budget is gone when ``long`` has passed at the rate that fires.
    """

    long: str
    long_ms: int
    short: str
    share: Decimal


FAST = (Burn("1h", HOUR, "5m", Decimal("0.02")), Burn("6h", 6 * HOUR, "30m", Decimal("0.05")))
SLOW = (Burn("1d", DAY, "2h", Decimal("0.1")), Burn("3d", 3 * DAY, "6h", Decimal("0.1")))
BY_MINUTES = ("5m", "30m", "1h", "2h", "6h")
BY_HOURS = ("1d", "3d")


def slo_text(slos: Sequence[Slo], interval: int) -> str:
    """The rule file, as Prometheus takes it. ``interval`` is that of collection in ms."""
    return "groups:\n" + "".join(_Rules(slo, interval).text() for slo in slos)


def slo_file(slos: Sequence[Slo], interval: int, file: str, place: Callable[[int], tuple[int, int]]) -> RuleFile:
    """The rules as if they stood in the configuration ``file``; ``place`` gives line and column of an objective."""
    groups: list[Group] = []
    for number, slo in enumerate(slos):
        line, column = place(number)
        parsed, problems = parse_rule_file(slo_text([slo], interval), file)
        if parsed is None:
            raise AssertionError(f"the rules made for the objective {slo.name!r} are wrong: {problems[0]}")
        for group in parsed.groups:
            rules = tuple(replace(rule, line=line, column=column) for rule in group.rules)
            groups.append(replace(group, rules=rules, line=line, column=column))
    return RuleFile(file, tuple(groups))


class _Rules:
    """The two groups of one objective."""

    def __init__(self, slo: Slo, interval: int) -> None:
        self._slo = slo
        self._interval = interval
        self._me = f'{{slo="{slo.name}"}}'
        days, rest = divmod(slo.window, DAY)
        self._window = f"{days}d" if not rest else duration_text(slo.window)
        self._allowed = 1 - Decimal(str(slo.objective)) / 100

    def text(self) -> str:
        every_minute = [*self._counters(), *self._ratios(), *self._reports(), *self._alerts()]
        slo = self._slo
        return (
            f"  # {slo.name}: {slo.objective:g}% over {self._window}; a budget of {_plain(self._allowed * 100)}%\n"
            f"  - name: slo:{slo.name}\n    interval: 1m\n    rules:\n{indent(''.join(every_minute), ' ' * 6)}"
            f"  - name: slo:{slo.name}:hourly\n    interval: 1h\n    rules:\n{indent(''.join(self._hourly()), ' ' * 6)}"
        )

    def _counters(self) -> Iterator[str]:
        for kind, minute in (("events", self._events()), ("errors", self._errors())):
            yield self._record(f"slo:{kind}:minute", f"{minute} < Inf{self._unless_planned()}")
            new = f"slo:{kind}:minute{self._me}"
            yield self._record(f"slo:{kind}:total", f"({self._known(kind)}\n  or 0 * {new}) + {new}")

    def _known(self, kind: str) -> str:
        """The counter as it was last, however long ago: while nothing is counted, it is not there."""
        return (
            f"(last_over_time(slo:{kind}:total{self._me}[6h])"
            f" or last_over_time(slo:{kind}:hourly{self._me}[{self._window}]))"
        )

    def _events(self) -> str:
        if self._slo.indicator is not None:
            return f"60 + 0 * {self._level()}"
        return f"60 * {self._rate(self._slo.total)}"

    def _errors(self) -> str:
        if self._slo.indicator is not None:
            return f"60 * (1 - clamp({self._level()}, 0, 1))"
        total = self._rate(self._slo.total)
        return f"60 * clamp_min(\n  {total}\n    - ({self._rate(self._slo.good)} or 0 * {total}),\n  0)"

    def _rate(self, selector: str | None) -> str:
        """Of the last minute exactly: one interval more, because a window leaves its left edge out."""
        window = max(MINUTE + self._interval, 5 * self._interval // 2)
        return f"sum(rate({(selector or '').strip()}[{duration_text(window)}]))"

    def _level(self) -> str:
        text = (self._slo.indicator or "").strip()
        if takes_a_range(text):
            return f"min(avg_over_time({text}[1m]))"
        return f"min(avg_over_time(({text})[1m:{duration_text(min(self._interval, MINUTE))}]))"

    def _unless_planned(self) -> str:
        if self._slo.planned is None:
            return ""
        window = duration_text(MINUTE + self._interval)
        return f"\nunless on () (max_over_time(tocsin_slo_planned{self._me}[{window}]) > 0)"

    def _ratios(self) -> Iterator[str]:
        for source, windows in (("total", BY_MINUTES), ("hourly", BY_HOURS)):
            for window in windows:
                errors, events = (f"increase(slo:{kind}:{source}{self._me}[{window}])" for kind in ("errors", "events"))
                yield self._record(f"slo:sli_error:ratio_rate{window}", f"{errors}\n  / ({events} > 0)")

    def _reports(self) -> Iterator[str]:
        for kind in ("events", "errors"):
            start = f"last_over_time(slo:{kind}:start{self._me}[{self._window}])"
            known = self._known(kind)
            yield self._record(f"slo:{kind}:window", f"{known}\n  - ({start} or 0 * {known})")
        service = {"service": self._slo.service} if self._slo.service else {}
        labels = {**service, "window": self._window}
        yield self._record("slo:objective:ratio", f"vector({_plain(1 - self._allowed)})", labels)
        ratio = f"slo:errors:window{self._me} / (slo:events:window{self._me} > 0)"
        yield self._record("slo:availability:ratio", f"1 - {ratio}", labels)
        availability = f'slo:availability:ratio{{slo="{self._slo.name}", window="{self._window}"}}'
        yield self._record("slo:error_budget:remaining", f"1 - (1 - {availability}) / {_plain(self._allowed)}", labels)

    def _hourly(self) -> Iterator[str]:
        for kind in ("events", "errors"):
            now = f"slo:{kind}:total{self._me}"
            yield self._record(f"slo:{kind}:hourly", now)
            yield self._record(
                f"slo:{kind}:start",
                f"(last_over_time(slo:{kind}:hourly{self._me}[2h] offset {self._window})\n"
                f"  or last_over_time(slo:{kind}:start{self._me}[{self._window}])) <= {now}",
            )

    def _alerts(self) -> Iterator[str]:
        for severity, burns in ((self._slo.severity.fast, FAST), (self._slo.severity.slow, SLOW)):
            conditions = [text for burn in burns if (text := self._condition(burn))]
            if conditions:
                yield self._alert(severity, "\nor\n".join(conditions))

    def _condition(self, burn: Burn) -> str:
        """Empty when not even a failure of everything could burn the budget so fast."""
        factor = max(burn.share * self._slo.window / burn.long_ms, Decimal(1))
        limit = factor * self._allowed
        if limit >= 1:
            return ""
        long, short = (f"slo:sli_error:ratio_rate{window}{self._me}" for window in (burn.long, burn.short))
        return f"({long} > {_plain(limit)} and {short} > {_plain(limit)})  # {_plain(factor)} x {_plain(self._allowed)}"

    def _record(self, name: str, expr: str, labels: dict[str, str] | None = None) -> str:
        return _rule("record", name, expr, {"slo": self._slo.name, **(labels or {})})

    def _alert(self, severity: str, expr: str) -> str:
        slo = self._slo
        labels = {
            **({"service": slo.service} if slo.service else {}),
            **slo.labels,
            "severity": severity,
            "component": slo.component,
            "category": slo.category,
        }
        budget = f"clamp_min(slo:error_budget:remaining{{slo='{slo.name}'}}, 0)"
        left = f'{{{{ with query "{budget}" }}}}{{{{ . | first | value | humanizePercentage }}}}{{{{ end }}}}'
        bad = "{{ $value | humanizePercentage }}"
        aim, allowed = f"{slo.objective:g}%", f"{_plain(self._allowed * 100)}%"
        annotations = {
            "summary": f"The error budget of {slo.name} is used up too fast",
            "description": f"{bad} was bad lately; the objective of {aim} over {self._window} allows {allowed}. "
            f"Left of the budget: {left}.",
            "runbook_url": RUNBOOK,
            "summary_zh": f"{slo.name} 的错误预算消耗过快",
            "description_zh": f"近期失败比例为 {bad}，而目标（{self._window} 内 {aim}）只允许 {allowed}。"
            f"错误预算剩余 {left}。",
            "runbook_url_zh": f"{RUNBOOK}#含义",
        }
        return _rule("alert", f"{ALERT}-{slo.name}", expr, labels, annotations)


def takes_a_range(text: str) -> bool:
    """Whether a window can stand behind the expression: it is a selector, without an offset or a comment."""
    try:
        parse(f"rate({text.strip()}[1m])")
    except ExprError:
        return False
    return True


def _rule(kind: str, name: str, expr: str, labels: dict[str, str], annotations: dict[str, str] | None = None) -> str:
    lines = [f"- {kind}: {name}\n", "  expr: |\n", indent(expr.strip(), " " * 4), "\n", "  labels:\n"]
    if kind == "alert":  # where labels are templates
        labels = {key: value.replace("{{", '{{ "{{" }}') for key, value in labels.items()}
    lines += [f"    {key}: {_quoted(value)}\n" for key, value in labels.items()]
    if annotations:
        lines += ["  annotations:\n", *(f"    {key}: {_quoted(value)}\n" for key, value in annotations.items())]
    return "".join(lines)


def _quoted(text: str) -> str:
    """YAML's single quotes, in which only the quote itself needs a second one."""
    return "'" + text.replace("'", "''") + "'"


def _plain(number: Decimal) -> str:
    return f"{number.quantize(Decimal('0.00000001')).normalize():f}"
