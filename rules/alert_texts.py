"""The labels and annotations of a rule's alerts, made from its templates."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence

from rules import lookback
from rules.alerting import Hit
from rules.files import AlertingRule
from rules.model import Labels, canonical
from rules.promql.compile import compile_expr
from rules.promql.errors import EvalError, ExprError
from rules.promql.parse import parse
from rules.promql.values import Element, EvalOptions, ScalarResult, Vector
from rules.settings import Settings
from rules.template.evaluator import Template
from rules.template.functions import Scope
from rules.template.lexer import TemplateError
from rules.template.printing import Element as TemplateElement

_AT_A_TIME = 12


class AlertTexts:
    """One rule's. A text is made anew only when something that it may show has changed."""

    __slots__ = (
        "_asking", "_constant", "_known", "_pure", "_settings", "_static_annotations", "_static_labels", "rule",
    )  # fmt: skip

    def __init__(self, rule: AlertingRule, settings: Settings) -> None:
        self.rule = rule
        self._settings = settings
        self._static_labels = _static(rule.labels)
        self._static_annotations = _static(rule.annotations)
        self._constant = self._static_labels is not None and self._static_annotations is not None
        self._pure = all(template.pure for _, template in (*rule.labels, *rule.annotations))
        self._known: dict[Labels, tuple[float, Labels, dict[str, str]]] = {}
        self._asking: EvalOptions | None = None

    def reads(self) -> Iterable[tuple[str, int]]:
        """Each metric that the templates ask for, as far as that is known, and how far back in ms."""
        for _, template in (*self.rule.labels, *self.rule.annotations):
            for text in template.queries:
                try:
                    yield from lookback.reads(parse(text))
                except ExprError:
                    continue  # told when the template is expanded, in its text

    def hits(self, elements: Sequence[Element], at: int) -> Generator[None, None, dict[Labels, Hit]]:
        """The alerts of a result on data as of ``at``, by their labels. Two of the same labels raise EvalError.

        It stops after each dozen texts that had to be made: those of a storm of alerts take long.
        """
        hits: dict[Labels, Hit] = {}
        texts: dict[Labels, tuple[float, Labels, dict[str, str]]] = {}
        self._asking = None
        made = 0
        for element in elements:
            known = self._known.get(element.labels)
            if known is None or not (self._constant or (self._pure and known[0] == element.value)):
                known = (element.value, *self._expand(element, at))
                made += 1
                if made % _AT_A_TIME == 0:
                    left = self._settings.left()
                    yield
                    self._settings.go_on(left)
            texts[element.labels] = known
            if known[1] in hits:
                raise EvalError("vector contains metrics with the same labelset after applying alert labels")
            hits[known[1]] = Hit(known[1], element.labels, element.value, known[2])
        self._known = texts
        return hits

    def _expand(self, element: Element, at: int) -> tuple[Labels, dict[str, str]]:
        labels = dict(element.labels)
        if element.name:
            labels["__name__"] = element.name
        scope = Scope(
            labels, element.value, at, lambda text: self._ask(text, at),
            self._settings.external_labels, self._settings.external_url,
        )  # fmt: skip
        own = self._static_labels
        if own is None:
            own = {name: template.expand(scope) for name, template in self.rule.labels}
        annotations = self._static_annotations
        if annotations is None:
            annotations = {name: template.expand(scope) for name, template in self.rule.annotations}
        identity = canonical(dict(element.labels) | own | {"alertname": self.rule.name})
        return identity, annotations

    def _ask(self, text: str, at: int) -> list[TemplateElement]:
        """A template's ``query``. All queries of the templates of one evaluation share the time of one expression."""
        if self._asking is None:
            self._asking = self._settings.options()
        try:
            result = compile_expr(parse(text)).instant(self._settings.series, at, self._asking)
        except (ExprError, EvalError) as error:
            raise TemplateError(str(error)) from error
        if isinstance(result, ScalarResult):
            return [TemplateElement({}, result.value)]
        if not isinstance(result, Vector):
            raise TemplateError("query result is not a vector or scalar")
        return [
            TemplateElement(dict(labels) | ({"__name__": name} if name else {}), value)
            for name, labels, value in result.elements
        ]


def _static(templates: Iterable[tuple[str, Template]]) -> dict[str, str] | None:
    """Name to text when no template has an action, else None."""
    texts = {name: template.static for name, template in templates}
    return {name: text for name, text in texts.items() if text is not None} if None not in texts.values() else None
