"""Scenario files: what passes, what fails and how it is said, each act, and every mistake in a file with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from agent.scenario import load
from agent.scenario.run import run_scenarios
from agent.scenario.schema import EXPECT, Table
from rules.api import TestReport

ROOT = Path(__file__).parents[2]
RULES = """
groups:
- name: shop
  rules:
  - alert: QueueLong
    expr: queue > 10
    for: 1m
    labels: {severity: warning, category: software}
    annotations: {summary: 'queue {{ $labels.queue }} at {{ $value }}'}
"""
CONFIG = "config: {identity: {ci: web-1}, rules: {packs: [], files: [shop.yml]}}\n"
SERIES = """\
  host: h
  interval: 1m
  input_series:
  - {series: 'queue{queue="a"}', values: VALUES, collector: shop}
  steps:
"""
LONG = "'20x100'"
GOES = "'20x9 1x100'"


def run(folder: Path, steps: str, values: str = LONG, config: str = CONFIG, more: str = "") -> TestReport:
    (folder / "shop.yml").write_text(RULES)
    path = folder / "s.yml"
    body = "".join(f"  {line}\n" for line in steps.strip().splitlines())
    path.write_text(f"{config}scenarios:\n- name: one\n{more}{SERIES.replace('VALUES', values)}{body}")
    return run_scenarios(path, path.read_bytes())


def passes(folder: Path, steps: str, values: str = LONG, config: str = CONFIG, more: str = "") -> None:
    report = run(folder, steps, values, config, more)
    assert report.passed, str(report)
    assert report.cases


@pytest.mark.parametrize("path", sorted((ROOT / "rules/packs").glob("*.scenarios.yml")), ids=lambda path: path.name)
def test_the_shipped_scenarios_pass(path: Path) -> None:
    report = run_scenarios(path, path.read_bytes())
    assert report.passed, str(report)
    assert len(report.cases) >= 5


def test_the_example_of_the_book_passes(tmp_path: Path) -> None:
    page = (ROOT / "docs/testing-rules.md").read_text()
    (text,) = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)
    report = run_scenarios(tmp_path / "book.yml", text.encode())
    assert report.passed, str(report)


def test_the_book_names_every_key_that_can_be_expected() -> None:
    page = (ROOT / "docs/testing-rules.md").read_text()

    def keys(table: Table) -> set[str]:
        inner = [each[0] if isinstance(each, tuple) else each for each in table.keys.values()]
        return {*table.keys}.union(*(keys(each) for each in inner if isinstance(each, Table)))

    assert {key for key in keys(EXPECT) if f"`{key}`" not in page} == set()


def test_a_difference_is_a_diff_at_the_line_that_says_otherwise(tmp_path: Path) -> None:
    steps = """
- at: 5m
  expect:
    alerts:
    - state: firing
      value: 21
    tickets:
    - title: "web-1: queue a at 20"
      priority: 1
    - {state: closed}
- {at: 6m, expect: {incidents: [], wishes: [{act: create, at: 1m}]}}
"""
    report = run(tmp_path, steps)
    assert str(report) == "\n".join(
        [
            f"{report.file}: FAILED, 1 of 1 test",
            "  test on line 3, 'one':",
            f"    {report.file}:13: at 5m",
            "       alerts:",
            "       - state: firing",
            "      -  value: 21",
            "      +  value: 20",
            f"    {report.file}:16: at 5m",
            "       tickets:",
            "      -- priority: 1",
            "      +- priority: 3",
            "         title: web-1: queue a at 20",
            "      -- state: closed",
            f"    {report.file}:18: at 6m",
            "       incidents:",
            "      -[]",
            "      +- rule: QueueLong",
            "      +  state: open",
            "      +  priority: 3",
        ]
    )


def test_a_time_that_differs_is_told_as_written(tmp_path: Path) -> None:
    report = run(tmp_path, "- {at: 5m, expect: {alerts: [{since: 15s, fired_at: 1m, no_data_since: 3m}]}}")
    (failure,) = report.cases[0].failures
    assert failure.lines == (
        " alerts:", " - fired_at: 1m",
        "-  no_data_since: 3m", "-  since: 15s", "+  no_data_since: none", "+  since: 0s",
    )  # fmt: skip


def test_a_promise_of_one_ticket_is_kept_or_told(tmp_path: Path) -> None:
    passes(tmp_path, "- {at: 5m, expect: {}}", more="  tickets: 1\n")
    report = run(tmp_path, "- {at: 5m, expect: {}}", more="  tickets: 2\n")
    (failure,) = report.cases[0].failures
    assert failure.title == "tickets in all: 2 expected, 1 there"
    assert failure.lines == ("+ INC0000001 new: web-1: queue a at 20",)


def test_evidence_ends_it_and_missing_data_does_not(tmp_path: Path) -> None:
    ended = "- {at: 30m, expect: {tickets: [{state: resolved, resolution_code: recovered}]}}"
    passes(tmp_path, ended, values=GOES)
    for gone in ("'20x9'", "'20x9 _x100'", "'20x9 stale _x100'"):
        held = """
- {at: 30m, expect: {alerts: [{state: no_data, no_data_since: 10m}], tickets: [{state: new, ended_at: null}]}}
"""
        passes(tmp_path, held, values=gone)


def test_people_act_through_the_desk(tmp_path: Path) -> None:
    steps = """
- {at: 5m, person: {act: assign, who: kim, owner: lee}}
- {at: 5m, person: {act: prioritise, who: kim, priority: 1}}
- {at: 5m, person: {act: hold, who: lee, text: waiting for a part}}
- {at: 5m, person: {act: note, who: lee, text: ordered}}
- {at: 6m, expect: {tickets: [{state: on_hold, owner: lee, priority: 1, notes: [waiting for a part, ordered]}]}}
- {at: 30m, expect: {tickets: [{state: on_hold}], incidents: [{state: recovering}]}}
- {at: 30m, person: {act: acknowledge, who: lee}}
- {at: 32m, expect: {tickets: [{state: resolved, ended_by: tocsin}]}}
- {at: 33m, person: {act: reopen, who: kim}}
- {at: 33m, person: {act: cancel, who: kim, text: was nothing}}
- {at: 34m, expect: {tickets: [{state: cancelled, ended_by: kim}]}}
"""
    passes(tmp_path, steps, values=GOES)


def test_what_the_desk_does_not_let_people_do_fails(tmp_path: Path) -> None:
    report = run(tmp_path, "- {at: 0s, person: {act: acknowledge}}\n- {at: 5m, person: {act: close}}")
    first, second = report.cases[0].failures
    assert "there is no ticket" in first.lines[0]
    assert second.lines == ("close: INC0000001 is new; only a ticket that is resolved can be closed",)


def test_a_backend_that_is_down_gets_its_ticket_later_and_once(tmp_path: Path) -> None:
    steps = """
- {at: 0s, backends_down: [desk]}
- {at: 10m, expect: {tickets: [], incidents: [{state: open, opened_at: 1m}]}}
- {at: 10m, backends_up: [desk]}
- {at: 30m, expect: {tickets: [{state: new, opened_at: 1m}]}}
"""
    passes(tmp_path, steps, more="  tickets: 1\n")


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    steps = """
- {at: 5m, restart: 20m}
- {at: 24m, expect: {tickets: [{state: new}]}}
- {at: 26m, expect: {alerts: [{state: firing, fired_at: 1m}]}}
- {at: 28m, restart: 0s}
- {at: 40m, expect: {tickets: [{state: new}], incidents: [{episode: 1}]}}
"""
    passes(tmp_path, steps, more="  tickets: 1\n")


def test_a_reload_changes_rules_and_routes(tmp_path: Path) -> None:
    (tmp_path / "later.yml").write_text(RULES.replace("QueueLong", "QueueLonger"))
    steps = """
- at: 5m
  reload:
    identity: {ci: web-1}
    rules: {packs: [], files: [later.yml]}
    classification: {default_assignment_group: Day shift}
- at: 10m
  expect:
    incidents:
    - {rule: QueueLong, state: resolved, reason: no_longer_monitored, ended: not_monitored}
    - {rule: QueueLonger, state: open, assignment_group: Day shift}
"""
    passes(tmp_path, steps, more="  tickets: 2\n")


def test_several_backends_have_a_desk_each(tmp_path: Path) -> None:
    config = """\
config:
  rules: {packs: [], files: [shop.yml]}
  integrations: {one: {type: desk}, two: {type: desk}}
  receivers: [{name: first, integration: one}, {name: second, integration: two}]
  route: {receiver: first, routes: [{matchers: ['queue="a"'], receiver: first, continue: true}, {receiver: second}]}
"""
    steps = """
- {at: 5m, expect: {tickets: [{backend: one, number: INC0000001}, {backend: two, number: INC0000001}]}}
- {at: 5m, person: {act: resolve, backend: two}}
- {at: 6m, expect: {tickets: [{backend: one, state: new}, {backend: two, state: resolved}]}}
"""
    passes(tmp_path, steps, config=config)


def test_a_rule_in_error_fails_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text(RULES.replace("queue > 10", "queue * on() group_left() (queue or vector(1)) > 1"))
    config = CONFIG.replace("shop.yml", "bad.yml")
    report = run(tmp_path, "- {at: 1m, expect: {alerts: []}}", config=config)
    (failure,) = report.cases[0].failures
    assert failure.title == "5 evaluations of rules failed"
    assert "many-to-many" in failure.lines[0]


WRONG = [
    ("scenarios: []\n", ":1:12: error: 'scenarios' must have at least 1 entries, found 0"),
    ("scenarios: [{name: a}]\n", ":1:13: error: 'scenarios[0]' has no 'steps'"),
    ("scenario: []\nscenarios: [{}]\n", ":1:1: error: unknown key 'scenario' (did you mean 'scenarios'?)"),
    ("scenarios: [{name: a, stps: []}]\n", ":1:23: error: unknown key 'stps' in scenarios[0] (did you mean 'steps'?)"),
    ("scenarios: [{name: a, steps: [{at: 5}]}]\n", ":1:36: error: 'scenarios[0].steps[0].at' must be a duration"),
    (
        "scenarios: [{name: a, steps: [{at: 5m}]}]\n",
        ":1:31: error: 'scenarios[0].steps[0]': a step does or expects one",
    ),
    (
        "scenarios: [{name: a, steps: [{at: 5m, restart: 0s, expect: {}}]}]\n",
        "a step does or expects one thing: one of expect, person,",
    ),
    (
        "scenarios:\n- name: a\n  steps:\n  - {at: 5m, restart: 0s}\n  - {at: 4m, restart: 0s}\n",
        ":5:1: error: this step is out of order: 4m comes after 5m",
    ),
    (
        "scenarios: [{name: a, steps: [{at: 5m, expect: {tickts: []}}]}]\n",
        ":1:49: error: unknown key 'tickts' in scenarios[0].steps[0].expect (did you mean 'tickets'?)",
    ),
    (
        "scenarios: [{name: a, steps: [{at: 5m, expect: {tickets: [{titel: x}]}}]}]\n",
        ":1:60: error: unknown key 'titel' in scenarios[0].steps[0].expect.tickets[0] (did you mean 'title'?)",
    ),
    (
        "scenarios: [{name: a, steps: [{at: 5m, expect: {tickets: 1}}]}]\n",
        "'scenarios[0].steps[0].expect.tickets' must be a list, found the text '1' (write [] for none)",
    ),
    (
        "scenarios: [{name: a, steps: [{at: 5m, expect: {tickets: [{priority: high}]}}]}]\n",
        ":1:70: error: 'scenarios[0].steps[0].expect.tickets[0].priority' must be a number, found 'high'",
    ),
    (
        "scenarios: [{name: a, steps: [{at: 5m, expect: {tickets: [{body: {has: x}}]}}]}]\n",
        "must be text (write the text, or {contains: TEXT})",
    ),
    (
        "scenarios: [{name: a, steps: [{at: 5m, expect: {alerts: [{since: soon}]}}]}]\n",
        "'scenarios[0].steps[0].expect.alerts[0].since' must be a duration, found 'soon'",
    ),
    (
        "scenarios: [{name: a, steps: [{at: 5m, expect: {alerts: [{labels: x}]}}]}]\n",
        "'scenarios[0].steps[0].expect.alerts[0].labels' must be a mapping, found the text 'x'",
    ),
    ("scenarios: [{name: a, steps: [{at: 99d, restart: 0s}]}]\n", ":1:31: error: a scenario lasts at most 31d"),
    (
        "scenarios: [{name: a, steps: [{at: 5m, person: {act: shout}}]}]\n",
        "'scenarios[0].steps[0].person.act' must be one of acknowledge, assign,",
    ),
    (
        "scenarios:\n- name: a\n  input_series: [{series: 'x{', values: '1'}]\n  steps: [{at: 0s, restart: 0s}]\n",
        ":3:27: error: 'x{' is not a series",
    ),
    (
        "scenarios:\n- name: a\n  input_series: [{series: x, values: '1 two'}]\n  steps: [{at: 0s, restart: 0s}]\n",
        ":3:38: error: 'two' is not a value",
    ),
    (
        "scenarios: [{name: a, start_timestamp: noon, steps: [{at: 0s, restart: 0s}]}]\n",
        "'scenarios[0].start_timestamp' must be a time, found the text 'noon'",
    ),
    (
        "config: {rules: {packs: [hots]}}\nscenarios: [{name: a, steps: [{at: 0s, restart: 0s}]}]\n",
        ":1:26: error: there is no rule pack 'hots' (did you mean 'host'?)",
    ),
    (
        "config: {rules: {files: [no.yml]}}\nscenarios: [{name: a, steps: [{at: 0s, restart: 0s}]}]\n",
        "no.yml does not exist",
    ),
    (
        "config: none.yaml\nscenarios: [{name: a, steps: [{at: 0s, restart: 0s}]}]\n",
        "none.yaml does not exist",
    ),
    (
        "scenarios: [{name: a, steps: [{at: 5m, reload: {route: {group_wiat: 5s}}}]}]\n",
        ":1:57: error: unknown key 'group_wiat' in route (did you mean 'group_wait'?)",
    ),
    ("scenarios: [\n", "error: "),
]


@pytest.mark.parametrize(("text", "message"), WRONG, ids=[message[:60] for _, message in WRONG])
def test_a_mistake_has_a_place_and_nothing_runs(text: str, message: str, tmp_path: Path) -> None:
    report = run_scenarios(tmp_path / "s.yml", text.encode())
    assert not report.passed
    assert report.cases == ()
    assert message in str(report)


def test_few_letters_for_very_many_values_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load, "MAX_ALL_VALUES", 5_000)
    series = ", ".join(f"{{series: x{number}, values: 0x999}}" for number in range(8))
    text = f"scenarios: [{{name: a, input_series: [{series}], steps: [{{at: 0s, restart: 0s}}]}}]\n"
    report = run_scenarios(tmp_path / "s.yml", text.encode())
    assert "error: all series together have more than 5000 values" in str(report.errors[0])


def test_names_that_are_not_there_fail(tmp_path: Path) -> None:
    steps = "- {at: 1m, collectors_down: [disk]}\n- {at: 1m, backends_down: [snow]}\n"
    steps += "- {at: 2m, person: {act: note, backend: snow}}"
    said = [failure.lines[0] for failure in run(tmp_path, steps).cases[0].failures]
    assert said[0] == "there is no collector 'disk' here: shop"
    assert said[1:] == ["there is no backend 'snow' here: desk"] * 2
