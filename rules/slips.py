"""Keys that people write into rule files and that stand elsewhere, or belong to another program."""

from __future__ import annotations

from typing import Final

from rules.source import did_you_mean

_ANNOTATION: Final = "it is an annotation: put it below 'annotations'"
_LABEL: Final = "it is a label: put it below 'labels'"
_GROUP: Final = "it belongs to the group, above 'rules'"
_RULE: Final = "it belongs to each rule"
_CONFIGURATION: Final = "it belongs to Prometheus's configuration; this file holds rules"
_TEST: Final = "this looks like a file of unit tests; run it with: tocsin test"
_MANIFEST: Final = "this is a Kubernetes manifest; a rule file holds what stands below its 'spec'"

_MEANT: Final = {
    "the file": {
        "apiVersion": _MANIFEST, "kind": _MANIFEST, "metadata": _MANIFEST, "spec": _MANIFEST,
        "global": _CONFIGURATION, "scrape_configs": _CONFIGURATION, "alerting": _CONFIGURATION,
        "rule_files": _TEST, "tests": _TEST, "evaluation_interval": _TEST,
        "route": "it belongs to Alertmanager's configuration; this file holds rules",
        "receivers": "it belongs to Alertmanager's configuration; this file holds rules",
        "rules": "rules stand in a group: groups: [{name: ..., rules: [...]}]",
        "namespace": "only Mimir and Loki know it; remove it",
    },
    "a group": {
        "alerts": "did you mean 'rules'?", "alert": _RULE, "record": _RULE, "expr": _RULE, "for": _RULE,
        "keep_firing_for": _RULE, "annotations": _RULE,
        "evaluation_delay": "did you mean 'query_offset'?",
        "partial_response_strategy": "only Thanos knows it; remove it",
        "source_tenants": "only Mimir knows it; remove it",
        "align_evaluation_time_on_interval": "only Mimir knows it; remove it",
    },
    "a rule": {
        **dict.fromkeys(("summary", "description", "message", "runbook_url", "runbook", "dashboard"), _ANNOTATION),
        **dict.fromkeys(("severity", "team", "priority", "component", "category", "service"), _LABEL),
        **dict.fromkeys(("interval", "limit", "query_offset"), _GROUP),
        "expression": "did you mean 'expr'?", "query": "did you mean 'expr'?", "if": "did you mean 'expr'?",
        "name": "did you mean 'alert' or 'record'?", "duration": "did you mean 'for'?",
        "enabled": "a rule has no switch; remove it, or make it a comment",
    },
}  # fmt: skip
"""For what is read, a key that it does not know, and what to do about it."""


def mend_key(key: str, what: str, known: frozenset[str]) -> str:
    """A hint for a key that ``what`` (the file, a group, a rule) does not know."""
    return _MEANT.get(what, {}).get(key) or did_you_mean(key, known)
