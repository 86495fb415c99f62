"""CI, category, group and grade come from configuration; every cell of the table is looked at."""

from __future__ import annotations

import msgspec
import pytest
from core_kit import OWN, regex

from agent.core.classify import build_classifier
from agent.core.model import Ci
from agent.core.policy import Catalogue, Classification, Criticality
from agent.core.priority import impact_of, priority_of, urgency_of

CATALOGUE = msgspec.convert(
    {
        "services": [
            {"name": "shop", "criticality": "critical", "assignment_group": "Shop team"},
            {"name": "intranet", "criticality": "low"},
        ],
        "cis": [
            {
                "id": "serial:1",
                "name": "core-1",
                "matchers": ['instance=~"10[.]0[.]0[.]1(:.*)?"'],
                "service": "intranet",
            },
            {"id": "machine-1", "service": "shop"},
            {
                "id": "serial:2",
                "name": "edge",
                "matchers": ["instance=edge"],
                "criticality": "high",
                "assignment_group": "Net",
            },
        ],
    },
    Catalogue,
)
RULES = {
    "rules": [
        {"matchers": ["alertname=Raid"], "category": "hardware", "urgency": 1},
        {"matchers": ["alertname=~Raid|Fan"], "subcategory": "chassis", "impact": 3, "category": "facility"},
        {"matchers": ["ci=core-1"], "assignment_group": "Core team"},
    ],
    "groups": {"network": "Network team"},
}


def classifier(config: dict | None = None, catalogue: Catalogue = CATALOGUE):
    return build_classifier(
        msgspec.convert(config or {}, Classification), catalogue, own=OWN, instance="web-1:9100", compile_regex=regex
    )


@pytest.mark.parametrize(
    ("impact", "urgency", "priority"),
    [(1, 1, 1), (1, 2, 2), (1, 3, 3), (2, 1, 2), (2, 2, 3), (2, 3, 4), (3, 1, 3), (3, 2, 4), (3, 3, 4)],
)
def test_every_cell_of_the_default_table(impact, urgency, priority):
    assert priority_of(impact, urgency, Classification()) == priority


def test_rows_of_the_matrix_are_impact_and_columns_urgency():
    config = msgspec.convert({"matrix": [[1, 2, 3], [4, 1, 2], [3, 4, 1]]}, Classification)
    table = [[priority_of(impact, urgency, config) for urgency in (1, 2, 3)] for impact in (1, 2, 3)]
    assert table == [[1, 2, 3], [4, 1, 2], [3, 4, 1]]


@pytest.mark.parametrize(
    "matrix", [[[1, 2], [1, 2], [1, 2]], [[1, 2, 5], [1, 2, 3], [1, 2, 3]], [[1, 2, 3], [1, 2, 3]]]
)
def test_a_matrix_of_another_shape_is_refused(matrix):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"matrix": matrix}, Classification)


@pytest.mark.parametrize(("severity", "urgency"), [("critical", 1), ("warning", 2), ("info", 3), ("", 2), ("weird", 2)])
def test_urgency_by_severity(severity, urgency):
    assert urgency_of(severity, Classification()) == urgency


@pytest.mark.parametrize(("name", "impact"), [("critical", 1), ("high", 1), ("medium", 2), ("low", 3), (None, 2)])
def test_impact_by_criticality(name, impact):
    assert impact_of(Criticality(name) if name else None, Classification()) == impact


@pytest.mark.parametrize(
    ("labels", "ci"),
    [
        ({"instance": "web-1:9100"}, OWN),
        ({}, OWN),
        ({"instance": "10.0.0.1:161"}, Ci(id="serial:1", name="core-1")),
        ({"instance": "10.0.0.12"}, Ci(id="instance:10.0.0.12", name="10.0.0.12")),
    ],
)
def test_the_ci_of_an_alert(labels, ci):
    assert classifier().ci(labels) == ci


def test_the_most_specific_source_of_each_field_wins():
    engine = classifier(RULES)
    raid = engine.classify({"alertname": "Raid", "severity": "info", "category": "system", "component": "disk"}, OWN)
    assert (raid.category, raid.subcategory) == ("hardware", "chassis")
    assert (raid.service, raid.assignment_group) == ("shop", "Shop team")
    assert (raid.impact, raid.urgency, raid.priority) == (3, 1, 3)
    assert dict(raid.why) == {
        "category": "classification.rules[0]",
        "subcategory": "classification.rules[1]",
        "service": "catalogue",
        "assignment_group": "catalogue, service",
        "impact": "classification.rules[1]",
        "urgency": "classification.rules[0]",
    }


def test_labels_speak_before_the_catalogue_and_the_catalogue_before_defaults():
    engine = classifier(RULES)
    core = Ci(id="serial:1", name="core-1")
    found = engine.classify({"alertname": "X", "severity": "critical", "category": "network"}, core)
    assert (found.category, found.assignment_group, found.service) == ("network", "Core team", "intranet")
    assert (found.impact, found.urgency, found.priority) == (3, 1, 3)
    edge = engine.classify({"alertname": "X", "service": "shop"}, Ci(id="serial:2", name="edge"))
    assert (edge.service, edge.assignment_group, edge.impact) == ("shop", "Net", 1)
    stranger = engine.classify({"alertname": "X", "category": "network"}, Ci(id="instance:z", name="z"))
    assert (stranger.service, stranger.assignment_group, stranger.impact) == ("", "Network team", 2)
    assert dict(stranger.why)["service"] == "nothing says"


def test_a_category_that_is_not_in_the_tree_is_not_taken_from_a_label():
    found = classifier().classify({"alertname": "X", "category": "<script>"}, OWN)
    assert (found.category, dict(found.why)["category"]) == ("system", "default")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"default_category": "nope"}, "default_category.*not one of `categories`"),
        ({"groups": {"nope": "x"}}, "groups.*not one of"),
        ({"rules": [{"matchers": ["a=b"], "category": "nope"}]}, r"rules\[0\].*not one of"),
        ({"rules": [{"matchers": []}]}, "length >= 1"),
        ({"severities": {"critical": 4}}, "<= 3"),
    ],
)
def test_a_table_that_names_what_is_not_there_is_refused(config, message):
    with pytest.raises(msgspec.ValidationError, match=message):
        msgspec.convert(config, Classification)


def test_a_ci_of_an_unknown_service_is_refused():
    with pytest.raises(msgspec.ValidationError, match="`services` does not list"):
        msgspec.convert({"cis": [{"id": "a", "service": "b"}]}, Catalogue)
