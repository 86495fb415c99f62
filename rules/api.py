"""What the agent (and nobody else) may import from ``rules``: alerts, the engine, the series window, and positions.

The evaluation timeline is integer milliseconds since the epoch. Its owner is the caller, who moves it with the
boot-time clock; when the wall clock jumps, the caller moves every stored time with ``rebase`` so that no duration
changes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from rules.alerting import AlertRow
from rules.coldstart import Waiting, WaitsFor
from rules.engine import Engine, Start
from rules.evaluation import Health
from rules.evidence import Evidence, Recordings, recordings_of
from rules.exercise import exercise_alert
from rules.explain import explain_rule, read_texts, recovery_text
from rules.files import AlertingRule, Group, RecordingRule, RuleFile, parse_rule_file, read_rule_file
from rules.forecast import Forecast, forecast
from rules.history import DamagedHistory, Record, Stretch, pack, records, unpack
from rules.look import Truth, Verdict
from rules.model import Alert, AlertState, Labels, Problem, Severity
from rules.origin import RawSample
from rules.promql.annotations import Notes, annotated_query
from rules.promql.api_json import api_value, to_api_json
from rules.promql.ast import (
    Aggregate,
    Binary,
    Call,
    Card,
    Expr,
    Matcher,
    Matching,
    MatchOp,
    MatrixSelector,
    Negate,
    Number,
    String,
    Subquery,
    ValueType,
    VectorSelector,
)
from rules.promql.compile import compile_expr
from rules.promql.errors import EvalError, ExprError
from rules.promql.match import SeriesMatcher, regex_predicate
from rules.promql.parse import parse, value_type
from rules.promql.pretty import prettify
from rules.promql.query import Query
from rules.promql.tokens import Token, TokenKind, tokens
from rules.promql.values import (
    Element,
    EvalOptions,
    Line,
    Matrix,
    Result,
    ScalarResult,
    StringResult,
    Vector,
)
from rules.promql.walk import ABSENT, COMPARISONS, SELECTING, SET_OPERATORS, metric_name, nodes, parts
from rules.series import Ingest, SeriesWindow, Stats
from rules.settings import Recovery
from rules.source import Documents, Mapping, Node, Scalar, Sequence, did_you_mean, places_in, read_yaml
from rules.staleness import is_stale
from rules.status import Evaluation, Failure, GroupStatus, RuleStatus
from rules.template.evaluator import Template

if TYPE_CHECKING:
    from rules.notation import MAX_ALL_VALUES, NotationError, parse_series, parse_values
    from rules.openmetrics import OpenMetricsError, load_openmetrics
    from rules.testreport import CaseResult, TestFailure, TestReport, diff
    from rules.unittest import run_test_file

__all__ = [
    "ABSENT",
    "COMPARISONS",
    "MAX_ALL_VALUES",
    "SELECTING",
    "SET_OPERATORS",
    "Aggregate",
    "Alert",
    "AlertRow",
    "AlertState",
    "AlertingRule",
    "Binary",
    "Call",
    "Card",
    "CaseResult",
    "DamagedHistory",
    "Documents",
    "Element",
    "Engine",
    "EvalError",
    "EvalOptions",
    "Evaluation",
    "Evidence",
    "Expr",
    "ExprError",
    "Failure",
    "Forecast",
    "Group",
    "GroupStatus",
    "Health",
    "Ingest",
    "Labels",
    "Line",
    "Mapping",
    "MatchOp",
    "Matcher",
    "Matching",
    "Matrix",
    "MatrixSelector",
    "Negate",
    "Node",
    "NotationError",
    "Notes",
    "Number",
    "OpenMetricsError",
    "Problem",
    "Query",
    "RawSample",
    "Record",
    "RecordingRule",
    "Recordings",
    "Recovery",
    "Result",
    "RuleFile",
    "RuleStatus",
    "Scalar",
    "ScalarResult",
    "Sequence",
    "SeriesMatcher",
    "SeriesWindow",
    "Severity",
    "Start",
    "Stats",
    "Stretch",
    "String",
    "StringResult",
    "Subquery",
    "Template",
    "TestFailure",
    "TestReport",
    "Token",
    "TokenKind",
    "Truth",
    "ValueType",
    "Vector",
    "VectorSelector",
    "Verdict",
    "Waiting",
    "WaitsFor",
    "annotated_query",
    "api_value",
    "compile_expr",
    "did_you_mean",
    "diff",
    "exercise_alert",
    "explain_rule",
    "forecast",
    "is_stale",
    "load_openmetrics",
    "metric_name",
    "nodes",
    "pack",
    "parse",
    "parse_rule_file",
    "parse_series",
    "parse_values",
    "parts",
    "places_in",
    "prettify",
    "read_rule_file",
    "read_texts",
    "read_yaml",
    "recordings_of",
    "records",
    "recovery_text",
    "regex_predicate",
    "run_test_file",
    "to_api_json",
    "tokens",
    "unpack",
    "value_type",
]

_ON_DEMAND = {
    name: module
    for module, names in {
        "rules.notation": ("MAX_ALL_VALUES", "NotationError", "parse_series", "parse_values"),
        "rules.openmetrics": ("OpenMetricsError", "load_openmetrics"),
        "rules.testreport": ("CaseResult", "TestFailure", "TestReport", "diff"),
        "rules.unittest": ("run_test_file",),
    }.items()
    for name in names
}
"""What tests of rules need and the daemon does not (0.4 MB): imported when it is first asked for."""


def __getattr__(name: str) -> object:
    if name not in _ON_DEMAND:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(_ON_DEMAND[name]), name)
    globals()[name] = found
    return found
