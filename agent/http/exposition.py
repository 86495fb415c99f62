"""``GET /metrics``: the last values of this host and the agent's own, in the format the client asks for.

prometheus-client does the formatting and the negotiation; it is imported at the first scrape, because an agent that
nobody scrapes need not hold it in memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from collectors.api import Labels, Metric, MetricType, Sample, family_of

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

UNKNOWN = "Not declared by a collector (from a third party)."


class _Latest:
    """What prometheus-client calls a collector: yields families made from samples."""

    def __init__(self, samples: Iterable[Sample], declared: Mapping[str, Metric]) -> None:
        self._samples = samples
        self._declared = declared

    def collect(self) -> Iterable[Family]:
        from prometheus_client.metrics_core import Metric as Family  # noqa: PLC0415 - see the module's docstring

        families: dict[str, Family] = {}
        # A text file may hold what a collector measures too; a scraper takes each series once.
        seen: set[tuple[str, Labels]] = set()
        for sample in self._samples:
            if (sample.name, sample.labels) in seen:
                continue
            seen.add((sample.name, sample.labels))
            declared = family_of(sample.name, self._declared)
            of = declared.name if declared else sample.name
            family = families.get(of)
            if family is None:
                kind = declared.type if declared else MetricType.UNTYPED
                # The client appends _total to the family name of a counter; one that has no such name is shown untyped.
                if kind is MetricType.COUNTER and not of.endswith("_total"):
                    kind = MetricType.UNTYPED
                name = of.removesuffix("_total") if kind is MetricType.COUNTER else of
                text = declared.help if declared else UNKNOWN
                family = families[of] = Family(name, text, "unknown" if kind is MetricType.UNTYPED else kind.value)
            family.add_sample(sample.name, dict(sample.labels), sample.value)
        yield from families.values()


def exposition(samples: Iterable[Sample], declared: Mapping[str, Metric], accept: str) -> tuple[bytes, str]:
    """The body and its content type for this Accept header."""
    from prometheus_client import CollectorRegistry  # noqa: PLC0415 - see the module's docstring
    from prometheus_client.exposition import choose_encoder  # noqa: PLC0415 - see the module's docstring

    registry = CollectorRegistry(auto_describe=False)
    latest: Any = _Latest(samples, declared)
    registry.register(latest)
    encode, content_type = choose_encoder(accept)
    return encode(registry), content_type
