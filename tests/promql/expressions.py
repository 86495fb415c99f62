"""Random series and random expressions over them, from a seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

BASE = 1_700_000_000_000
"""Milliseconds; samples lie half a second off every whole second, so that no window edge of a query touches one."""
STEP = 15_000
CYCLES = 160

GAUGES = ("temp", "load")
COUNTERS = ("req_total", "err_total")
MODES = ("idle", "user", "sys")
HOSTS = ("a", "b")
RANGES = ("45s", "1m", "2m", "5m", "11m")

_MAPS = ("abs", "ceil", "floor", "ln", "log2", "log10", "sqrt", "sgn", "round", "rad", "deg", "atan", "tanh")
_ILL_CONDITIONED = ("exp", "sin", "cos", "tan")
"""One unit in the last place of a large argument changes their whole result: measured values only, as for ``%``."""
_DATES = ("hour", "minute", "day_of_week", "day_of_month", "day_of_year", "days_in_month", "month", "year")
"""Of times only: what Go makes of the date of NaN depends on the processor."""
_OVER_TIME = ("avg", "sum", "min", "max", "count", "stddev", "stdvar", "last", "present")
_RANGE_FUNCTIONS = ("rate", "increase", "delta", "irate", "idelta", "deriv", "changes", "resets")
_AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group")
_ARITHMETIC = ("+", "-", "*", "/", "^")
"""``%`` is made of measured values only, see below. No ``atan2``: Prometheus 2.42 forgets to drop the name after it."""
_COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")


def series(seed: int) -> Iterator[tuple[str, dict[str, str], list[tuple[int, float]]]]:
    """Name, labels and samples of every series: gaps, resets and late beginnings included."""
    rng = random.Random(seed)
    for host in HOSTS:
        for mode in MODES:
            for name in GAUGES + COUNTERS:
                labels = {"host": host, "mode": mode}
                if name == "err_total" and mode == "sys":
                    continue
                yield name, labels, list(_samples(rng, name in COUNTERS))
        yield "info", {"host": host, "version": f"1.{rng.randrange(9)}"}, [(at, 1.0) for at in _times(rng, 0.0)]
        for bound in ("0.1", "0.5", "1", "+Inf"):
            yield "h_bucket", {"host": host, "le": bound}, _bucket(rng, bound)


def _times(rng: random.Random, missing: float) -> Iterator[int]:
    for cycle in range(rng.choice((0, 0, 0, 30)), CYCLES):
        if rng.random() >= missing:
            yield BASE + cycle * STEP + 500


def _samples(rng: random.Random, counter: bool) -> Iterator[tuple[int, float]]:
    value = rng.uniform(1e4, 1e5) if counter else rng.uniform(-50, 100)
    for at in _times(rng, rng.choice((0.0, 0.05, 0.4))):
        yield at, value
        if not counter:
            value += rng.gauss(0, 5)
        elif rng.random() < 0.02:
            value = rng.uniform(1e4, 2e4)
        else:
            value += rng.choice((0.0, rng.uniform(0, 400)))


def _bucket(rng: random.Random, bound: str) -> list[tuple[int, float]]:
    share = {"0.1": 10, "0.5": 35, "1": 60, "+Inf": 70}[bound]
    return [(BASE + cycle * STEP + 500, 1e4 + share * cycle + rng.randrange(3)) for cycle in range(CYCLES)]


class Expressions:
    """A grammar of expressions that both sides are meant to understand alike.

    Queries are made a quarter of a second after a whole second, steps of subqueries are whole seconds, and windows of
    subqueries a tenth longer than that: so no window begins on a step, wherever it is nested.
    """

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def time(self) -> int:
        """A quarter of a second after a whole second: on no sample and on no step of a subquery."""
        return BASE + self._rng.randrange(600, CYCLES * STEP // 1000 + 200) * 1000 + 250

    def vector(self, depth: int = 3) -> str:
        rng = self._rng
        if depth == 0:
            return self._selector()
        kind = rng.randrange(16)
        if kind == 15:
            return self._subquery_function(depth)
        if kind == 14:
            return self._chosen()
        if kind == 13:
            return self._histogram()
        if kind == 12:
            return self._labels(depth)
        if kind < 2:
            return self._selector()
        if kind < 4:
            return self._range_function(depth)
        if kind == 4:
            return f"{rng.choice(_MAPS)}({self.vector(depth - 1)})"
        if kind == 5:
            return self._other_function(depth)
        if kind < 8:
            return self._aggregation(depth)
        if kind == 8:
            return self._with_scalar(depth)
        if kind == 9:
            return f"-({self.vector(depth - 1)})"
        return self._pair(depth)

    def _plain(self) -> str:
        """Without @ and offset together, which ``timestamp`` of Prometheus 2.42 reads wrongly."""
        return self._rng.choice(GAUGES + COUNTERS) + self._rng.choice(("", " offset 1m", " @ end()"))

    def _selector(self) -> str:
        rng = self._rng
        name = rng.choice(GAUGES + COUNTERS)
        matchers = rng.choice(
            ("", "", '{host="a"}', '{mode!="idle"}', '{mode=~"idle|user"}', '{mode!~"s.*",host=~".+"}')
        )
        return name + matchers + self._modifiers()

    def _modifiers(self) -> str:
        rng = self._rng
        offset = rng.choice(("", "", "", " offset 1m", " offset 4m15s", " offset -30s", " offset -2m"))
        fixed = f" @ {BASE // 1000 + rng.randrange(900, 1500)}.250"
        at = rng.choice(("", "", "", "", fixed, " @ start()", " @ end()"))
        return rng.choice((at + offset, offset + at))

    def _subquery_function(self, depth: int) -> str:
        """Functions of counters and lines over subqueries, and subqueries inside of subqueries."""
        rng = self._rng
        span, step = rng.choice(("2m", "5m", "11m")) + "100ms", rng.choice(("7s", "15s", "50s", "1m", ""))
        function = rng.choice((*_RANGE_FUNCTIONS, "last_over_time", "stddev_over_time", "avg_over_time"))
        if rng.random() < 0.3:
            # No counters: where a small one began, Prometheus 3 extrapolates otherwise than 2.42.
            function = rng.choice(("idelta", "delta", "deriv", "changes", "last_over_time", "stddev_over_time"))
            inner = f"{rng.choice(_OVER_TIME)}_over_time(({self._selector()})[1m100ms:{rng.choice(('7s', '15s'))}])"
        else:
            names = COUNTERS if function in ("rate", "increase", "irate", "resets") else GAUGES
            inner = rng.choice(names) + rng.choice(("", '{host="b"}', '{mode=~"user|sys"}')) + self._modifiers()
        return f"{function}(({inner})[{span}:{step}]{self._modifiers()})"

    def _chosen(self) -> str:
        """Of measured values, which are all different: who wins a tie is not defined."""
        rng = self._rng
        grouping = rng.choice(("", " by (host)", " without (mode)"))
        inner = rng.choice((self._selector(), f"avg_over_time({rng.choice(GAUGES)}[{rng.choice(RANGES)}])"))
        count = rng.choice(("1", "2", "3", "0", "-1", "100", "2.7"))
        return f"{rng.choice(('topk', 'bottomk'))}{grouping} ({count}, {inner})"

    def _histogram(self) -> str:
        rng = self._rng
        q = rng.choice(("0", "0.1", "0.5", "0.75", "0.99", "1", "-1", "2", "scalar(load{host='a',mode='idle'}) / 200"))
        span = rng.choice(("2m", "5m", "11m"))
        buckets = rng.choice(
            (
                f"rate(h_bucket[{span}]{self._modifiers()})",
                f"sum by (le) (rate(h_bucket[{span}]))",
                f"sum by (le, host) (increase(h_bucket[{span}])) * 2",
                f"h_bucket{self._modifiers()}",
                'h_bucket{le!="0.5"}',
                'h_bucket{le!="+Inf"}',
                "sum by (host) (h_bucket)",
            )
        )
        quantile = f"histogram_quantile({q}, {buckets})"
        return rng.choice((quantile, quantile, f"max_over_time({quantile}[3m100ms:30s])", f"{quantile} > bool 0.4"))

    def _labels(self, depth: int) -> str:
        rng = self._rng
        inner = self.vector(depth - 1)
        target, source = (
            rng.choice(("to", "mode", "host", "__name__")),
            rng.choice(("mode", "host", "__name__", "nope")),
        )
        pattern = rng.choice(("(.*)", "(.)(.*)", "idle|user", "", "(?P<a>[a-s]+)(.*)", ".+", "(?i)USER"))
        template = rng.choice(("$1", "x", "", "<$2-$1>", "${a}y", "$$1", "$3"))
        replaced = f'label_replace({inner}, "{target}", "{template}", "{source}", "{pattern}")'
        joined = f'label_join({inner}, "{target}", "{rng.choice(("-", "", "::"))}", "{source}", "host")'
        return rng.choice((replaced, joined, f"sum by (to, mode) ({replaced})", f"count without (host) ({joined})"))

    def _range(self, depth: int, names: tuple[str, ...]) -> str:
        rng = self._rng
        span = rng.choice(RANGES)
        if depth > 1 and rng.random() < 0.25:
            step = rng.choice(("7s", "15s", "1m", ""))
            # At least one step fits in: where none does, Prometheus evaluates what does not depend on it all the same.
            return f"({self.vector(depth - 2)})[{rng.choice(RANGES[2:])}100ms:{step}]{self._modifiers()}"
        matchers = rng.choice(("", '{host="b"}', '{mode=~"user|sys"}'))
        return f"{rng.choice(names)}{matchers}[{span}]{self._modifiers()}"

    def _range_function(self, depth: int) -> str:
        rng = self._rng
        kind = rng.randrange(5)
        if kind < 2:
            return f"{rng.choice(_OVER_TIME)}_over_time({self._range(depth, GAUGES + COUNTERS)})"
        if kind == 2:
            function = rng.choice(_RANGE_FUNCTIONS)
            names = COUNTERS if function in ("rate", "increase", "irate", "resets") else GAUGES
            return f"{function}({self._range(1, names)})"
        if kind == 3:
            return f"quantile_over_time({rng.choice(('0', '0.3', '0.95', '1'))}, {self._range(depth, GAUGES)})"
        # Without @: inside a subquery Prometheus 2.42 then predicts from the wrong samples at all steps but the first.
        plain = f"{rng.choice(GAUGES)}[{rng.choice(RANGES)}]{rng.choice(('', ' offset 1m'))}"
        return f"predict_linear({plain}, {rng.choice(('60', '3600', '-300'))})"

    def _other_function(self, depth: int) -> str:
        rng = self._rng
        inner = self.vector(depth - 1)
        return rng.choice(
            (
                f"clamp({inner}, -10, 60)",
                f"clamp_min({inner}, 3)",
                f"clamp_max({inner}, 30)",
                f"round({inner}, 0.5)",
                f"timestamp({self._plain()})",
                f"absent({inner})",
                f"absent_over_time({self._range(1, GAUGES)})",
                f"sort({inner})",
                f'label_replace({inner}, "to", "<$1>", "mode", "(.).*")',
                f'label_join({inner}, "both", "-", "host", "mode")',
                f"histogram_quantile({rng.choice(('0', '0.5', '0.99'))}, rate(h_bucket[{rng.choice(RANGES)}]))",
                "histogram_quantile(0.9, sum by (le) (h_bucket))",
                f"vector(scalar({inner}))",
                f"{rng.choice(_ILL_CONDITIONED)}({rng.choice(GAUGES)})",
                f"{self._selector()} % {rng.choice(('7', '-2.5', '0', 'load'))}",
                f"{rng.choice(_DATES)}(timestamp({self._plain()}) + {rng.randrange(40_000_000)})",
                f"vector({rng.choice(('time()', 'pi()', '1'))})",
            )
        )

    def _grouping(self) -> str:
        return self._rng.choice(("", " by (host)", " by (mode)", " without (mode)", " by (host, mode)", " by (nope)"))

    def _aggregation(self, depth: int) -> str:
        rng = self._rng
        inner, grouping = self.vector(depth - 1), self._grouping()
        kind = rng.randrange(8)
        if kind == 0:
            return f"quantile{grouping} ({rng.choice(('0', '0.4', '1'))}, {inner})"
        if kind == 1:
            return f'count_values{grouping} ("v", round({self._selector()}, 10))'
        if kind == 2:
            # Of measured values: where the first one is NaN or infinite, Prometheus 3 gives NaN and 2.42 may give 0.
            return f"{rng.choice(('stddev', 'stdvar'))}{grouping} ({self._selector()})"
        return f"{rng.choice(_AGGREGATIONS)}{grouping} ({inner})"

    def _with_scalar(self, depth: int) -> str:
        rng = self._rng
        number = rng.choice(("0", "1", "2.5", "-7", "100", "time() / 1e9", "scalar(info{host='a'})"))
        arithmetic, comparison = rng.choice(_ARITHMETIC), rng.choice(_COMPARISONS) + rng.choice(("", " bool"))
        op = rng.choice((arithmetic, comparison))
        sides = [f"({self.vector(depth - 1)})", number]
        rng.shuffle(sides)
        return f"{sides[0]} {op} {sides[1]}"

    def _pair(self, depth: int) -> str:
        rng = self._rng
        left, right = f"({self.vector(depth - 1)})", f"({self.vector(depth - 1)})"
        kind = rng.randrange(4)
        if kind == 0:
            matching = rng.choice(
                (
                    "",
                    " on (host)",
                    " on (host, mode)",
                    " ignoring (mode)",
                    " on ()",
                    " ignoring (host, mode)",
                    " on (nope)",
                )
            )
            return f"{left} {rng.choice(('and', 'or', 'unless'))}{matching} {right}"
        op = rng.choice(_ARITHMETIC) if rng.random() < 0.6 else rng.choice(_COMPARISONS) + rng.choice(("", " bool"))
        if kind == 1:
            return rng.choice(
                (
                    f"{left} {op} on (host) group_left (version) info",
                    f"{left} {op} on (host) group_left (version, mode) info",
                    f"{left} {op} ignoring (mode, version, le, to) group_left info",
                    f"info {op} on (host) group_right (version) {left}",
                    f"{left} {op} on () group_left sum({right})",
                )
            )
        if kind == 2:
            return f"sum by (host) ({left}) {op} on (host) group_right () {right}"
        # A filter on a key that is not unique fails in Prometheus 3 even where it leaves one element; 2.42 let it pass.
        loose = "" if op in _COMPARISONS else " on (host)"
        return f"{left} {op}{rng.choice((' on (host, mode)', ' ignoring (version)', '', loose))} {right}"
