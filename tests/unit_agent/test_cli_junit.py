"""The JUnit report of ``tocsin test``: XML that parses, with every failure, whatever a test is called."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from agent.cli._errors import CommandError
from agent.cli._junit import write_junit
from rules.api import CaseResult, Problem, TestFailure, TestReport


def test_every_test_is_a_case(tmp_path: Path) -> None:
    failure = TestFailure(9, 'time: "3m" & <more>', ("-one\x00", "+two"))
    cases = (CaseResult("good", 4, ()), CaseResult("", 7, (failure, failure), 0.25))
    problem = Problem("b.yml", 1, 2, "it is <wrong>")
    path = tmp_path / "out.xml"
    write_junit(path, [TestReport("a.yml", (), cases), TestReport("b.yml", (problem,), ())])
    first, second = ElementTree.parse(path).getroot()
    assert (first.get("name"), first.get("tests"), first.get("failures"), first.get("time")) == (
        "a.yml", "2", "1", "0.250",
    )  # fmt: skip
    assert [(case.get("name"), len(case)) for case in first] == [("good", 0), ("line 7", 2)]
    assert first[1][0].get("message") == 'time: "3m" & <more>'
    assert first[1][0].text == "a.yml:9\n-one \n+two"
    assert (second.get("errors"), second[0][0].tag) == ("1", "error")
    assert second[0][0].text == "b.yml:1:2: error: it is <wrong> [syntax]"


def test_a_report_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        write_junit(tmp_path / "no" / "out.xml", [])
