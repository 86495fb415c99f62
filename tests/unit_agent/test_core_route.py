"""Matchers and the routing tree."""

from __future__ import annotations

import msgspec
import pytest
from core_kit import regex

from agent.core.matcher import MatcherError, MatchOp, compile_all, compile_matcher, parse_matcher
from agent.core.policy import Receiver, Route
from agent.core.route import RouteError, build_tree, route

RECEIVERS = tuple(Receiver(name=name, integration=f"{name}-itsm") for name in ("desk", "network", "night"))


def tree(text: dict):
    return build_tree(msgspec.convert({"receiver": "desk", **text}, Route), RECEIVERS, regex)


def receivers(root, **labels):
    return [match.receiver for match in route(root, labels)]


@pytest.mark.parametrize(
    ("text", "label", "op", "value"),
    [
        ('severity="critical"', "severity", MatchOp.EQUAL, "critical"),
        ("severity=critical", "severity", MatchOp.EQUAL, "critical"),
        ('  a  !=  "b c"  ', "a", MatchOp.NOT_EQUAL, "b c"),
        ("a=~b.*", "a", MatchOp.REGEX, "b.*"),
        (r'a!~"x\\.y\"z\n"', "a", MatchOp.NOT_REGEX, 'x\\.y"z\n'),
        ('a=""', "a", MatchOp.EQUAL, ""),
        ("a=", "a", MatchOp.EQUAL, ""),
        ("a=b=c", "a", MatchOp.EQUAL, "b=c"),
        ('"service.name"="shop"', "service.name", MatchOp.EQUAL, "shop"),
        (r'  "a \"b\\" =~ x', 'a "b\\', MatchOp.REGEX, "x"),
    ],
)
def test_a_matcher_is_read_as_alertmanager_reads_it(text, label, op, value):
    found = parse_matcher(text)
    assert (found.label, found.op, found.value) == (label, op, value)
    assert parse_matcher(str(found)) == found


@pytest.mark.parametrize("text", ["", "severity", "=x", "1a=b", 'a="b', 'a=b"', r'a="\q"', "a-b=c", "{a=b}", '""=a'])
def test_a_matcher_that_cannot_be_read_says_what_to_write(text):
    with pytest.raises(MatcherError, match=r"severity=|double quotes"):
        parse_matcher(text)


def test_a_wrong_regular_expression_is_named_with_its_matcher():
    with pytest.raises(MatcherError, match=r'a=~"\(".*regular expression'):
        compile_matcher(parse_matcher("a=~("), regex)


@pytest.mark.parametrize(
    ("matcher", "value", "expected"),
    [
        ("a=b", "b", True),
        ("a=b", None, False),
        ("a!=b", None, True),
        ("a=", None, True),
        ("a=~b|c", "c", True),
        ("a=~b", "bb", False),
        ("a!~b", "bb", True),
        ("a!~b.*", "bb", False),
        ("a=~.*", None, True),
        ("a!~.+", None, True),
    ],
)
def test_a_missing_label_is_empty_and_a_pattern_matches_the_whole_value(matcher, value, expected):
    (test,) = compile_all([matcher], regex)
    assert test({} if value is None else {"a": value}) is expected


def test_the_first_matching_child_takes_the_alert_and_the_deepest_node_wins():
    root = tree(
        {
            "routes": [
                {
                    "matchers": ["team=net"],
                    "receiver": "network",
                    "routes": [{"matchers": ["x=1"], "receiver": "night"}],
                },
                {"matchers": ["team=~n.*"], "receiver": "night"},
            ]
        }
    )
    assert receivers(root, team="net") == ["network"]
    assert receivers(root, team="net", x="1") == ["night"]
    assert receivers(root, team="night") == ["night"]
    assert receivers(root, team="web") == ["desk"]


def test_continue_goes_on_with_the_siblings_and_the_parent_is_left_out():
    root = tree(
        {
            "routes": [
                {"matchers": ["a=1"], "receiver": "network", "continue": True},
                {"matchers": ["b=1"], "receiver": "night"},
            ]
        }
    )
    assert receivers(root, a="1", b="1") == ["network", "night"]
    assert receivers(root, a="1") == ["network"]
    assert receivers(root, b="1") == ["night"]
    assert receivers(root) == ["desk"]


def test_a_node_inherits_what_it_does_not_say():
    root = tree(
        {
            "group_by": ["mountpoint"],
            "group_wait": 7,
            "routes": [
                {"matchers": ["a=1"], "group_interval": 9, "routes": [{"matchers": ["b=1"], "group_by": ["..."]}]}
            ],
        }
    )
    (deep,) = route(root, {"a": "1", "b": "1"})
    assert (deep.receiver, deep.backend, deep.group_by) == ("desk", "desk-itsm", ("...",))
    assert (deep.group_wait, deep.group_interval) == (7, 9)
    assert deep.path == ("route{}", 'routes[0]{a="1"}', 'routes[0]{b="1"}')
    (top,) = route(root, {})
    assert (top.group_by, top.group_wait, top.group_interval) == (("mountpoint",), 7, 300_000)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"matchers": ["a=b"]}, "root of `route` takes every alert"),
        ({"receiver": None}, "needs a `receiver`"),
        ({"routes": [{"receiver": "nobody"}]}, r"routes\[0\]: no receiver is called 'nobody'.*desk, network, night"),
    ],
)
def test_a_tree_that_cannot_work_is_refused(text, message):
    with pytest.raises(RouteError, match=message):
        tree(text)


def test_grouping_by_severity_is_refused_with_the_mend():
    with pytest.raises(msgspec.ValidationError, match="must stay one incident"):
        msgspec.convert({"group_by": ["alertname", "severity"]}, Route)
