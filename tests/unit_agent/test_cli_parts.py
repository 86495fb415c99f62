from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.cli import _output, main, status
from agent.cli._client import Agent
from agent.cli._errors import BUSY, FINDINGS, NO_PERMISSION, PROTOCOL, UNAVAILABLE, USAGE, CommandError
from agent.cli._output import Colour, clean, fit, moment, paint, print_table, span, width
from agent.cli._progress import Progress
from agent.cli._times import to_moment, to_step
from agent.cli.drill import Drill
from agent.cli.incidents import _due
from agent.cli.parser import COMMANDS


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_wide_characters_count_twice() -> None:
    assert width("数据a") == 5
    assert width("é") == width("é") == 1
    assert fit("数据数据", 5) == "数据…"
    assert fit("数据", 4) == "数据"


def test_text_from_outside_is_one_line_and_moves_no_cursor() -> None:
    assert clean("a\nb\x1b[2J\r\u202ec") == "a b [2J  c"


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_output, "colour_wanted", lambda: True)
    assert paint("x", Colour.RED, Terminal()) == "\x1b[31mx\x1b[0m"
    assert paint("x", Colour.RED, io.StringIO()) == "x"
    monkeypatch.setattr(_output, "colour_wanted", lambda: False)
    assert paint("x", Colour.RED, Terminal()) == "x"


def test_a_table_is_cut_to_the_terminal_and_whole_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setattr(_output, "colour_wanted", lambda: False)
    for stream, last in ((Terminal(), "x" * 13 + "…"), (io.StringIO(), "x" * 40)):
        monkeypatch.setattr(sys, "stdout", stream)
        print_table(("A", "B"), [("1234", "x" * 40), ("数据", True)])
        lines = stream.getvalue().splitlines()
        assert lines == ["A     B", f"1234  {last}", "数据  yes"]


def test_a_narrow_terminal_does_without_spare_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_output, "colour_wanted", lambda: False)
    row = ("open", "r" * 20, "i" * 10, "t" * 60)
    for columns, headers in ((80, "STATE RULE ID TITLE"), (60, "STATE ID TITLE"), (40, "STATE TITLE")):
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr(sys, "stdout", Terminal())
        print_table(("STATE", "RULE", "ID", "TITLE"), [row], spare=("RULE", "ID"))
        lines = sys.stdout.getvalue().splitlines()
        assert lines[0].split() == headers.split()
        assert max(map(len, lines)) <= columns
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    print_table(("STATE", "RULE", "ID", "TITLE"), [row], spare=("RULE", "ID"))
    assert sys.stdout.getvalue().split()[:4] == ["STATE", "RULE", "ID", "TITLE"]


@pytest.mark.parametrize(
    ("row", "text"),
    [({"state": "done", "due_at": 5}, "-"), ({"state": "rejected", "due_at": 5}, "-"), ({"state": "pending"}, "-"),
     ({"state": "pending", "due_at": 65_000}, "in 1m"), ({"state": "in_doubt", "due_at": 4_000}, "now")],
)  # fmt: skip
def test_when_a_row_is_tried_next(row: dict[str, Any], text: str) -> None:
    assert _due(row, 5_000) == text


@pytest.mark.parametrize(
    ("ms", "text"), [(0, "0ms"), (850, "850ms"), (12_000, "12s"), (185_000, "3m 5s"), (7_440_000, "2h 4m"),
                     (3_600_000, "1h"), (788_400_000, "9d 3h"), (-5, "0ms")],
)  # fmt: skip
def test_spans(ms: int, text: str) -> None:
    assert span(ms) == text


def test_no_moment_is_a_dash() -> None:
    assert moment(None) == "-"


def test_progress_is_for_terminals_and_wiped_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    for stream in (Terminal(), io.StringIO()):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress("working", 2) as bar:
            bar.step("one")
            bar.step("two")
            bar.step("too many")
        if stream.isatty():
            assert "[##########..........] 1/2 one" in stream.getvalue()
            assert stream.getvalue().endswith("\r\x1b[K")
            assert "3/2" not in stream.getvalue()
        else:
            assert stream.getvalue() == ""


def test_times() -> None:
    assert to_moment("now", 5) == 5
    assert to_moment("1700000000.5", 0) == 1_700_000_000_500
    assert to_moment("2023-11-14T22:13:20Z", 0) == 1_700_000_000_000
    assert to_moment("2023-11-14T23:13:20.25+01:00", 0) == 1_700_000_000_250
    assert to_step("15s") == 15_000
    assert to_step("0.5") == 500
    for bad in ("yesterday", "1e20", "", "nan", "99999-01-01"):
        with pytest.raises(CommandError) as raised:
            to_moment(bad, 0)
        assert raised.value.status == USAGE
    for bad in ("0", "-1", "x", "0.0001"):
        with pytest.raises(CommandError):
            to_step(bad)


@pytest.mark.parametrize("url", ["127.0.0.1:9787", "ftp://x", "http://", "http://x:port", "http://x:99999", ""])
def test_what_is_no_url_is_said(url: str) -> None:
    with pytest.raises(CommandError) as raised:
        Agent(url)
    assert raised.value.status == USAGE


ONCE = """
rules: {packs: [], files: [r.yml]}
collect:
  host: {others: off, loadavg: on, time: on}
"""
ONCE_RULES = """
groups:
  - name: g
    interval: 1h
    rules:
      - {alert: Now, expr: node_load1 >= 0, labels: {severity: info}, annotations: {summary: load is measured}}
      - {alert: Later, expr: node_load1 >= 0, for: 5m}
      - {alert: Moving, expr: 'delta(node_time_seconds[1m]) > 0'}
      - {alert: Never, expr: node_load1 < 0}
"""


@pytest.mark.parametrize(("more", "rules"), [([], ["Later", "Now"]), (["--again", "10ms"], ["Later", "Moving", "Now"])])
def test_once_shows_what_would_alert(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: list[str], rules: list[str]
) -> None:
    (tmp_path / "c.yaml").write_text(ONCE)
    (tmp_path / "r.yml").write_text(ONCE_RULES)
    assert main(["once", "--config", str(tmp_path / "c.yaml"), "--format", "json", *more]) == FINDINGS
    shown = json.loads(capsys.readouterr().out)
    collectors = {one["collector"] for one in shown["collectors"]}
    assert {"loadavg", "time"} <= collectors
    assert "cpu" not in collectors
    assert sorted(alert["rule"] for alert in shown["alerts"]) == rules
    assert {alert["state"] for alert in shown["alerts"] if alert["rule"] == "Later"} == {"pending"}
    assert main(["once", "--config", str(tmp_path / "c.yaml")]) == FINDINGS
    text = capsys.readouterr().out
    assert "load is measured" in text
    assert "loadavg" in text


def test_once_probes_every_target(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.yaml").write_text(f"{ONCE}  probes: [{{name: gone, unix: /nowhere}}]\n")
    (tmp_path / "r.yml").write_text(
        "groups: [{name: g, rules: [{alert: Gone, expr: probe_success == 0, labels: {severity: info}}]}]"
    )
    assert main(["once", "--config", str(tmp_path / "c.yaml"), "--format", "json"]) == FINDINGS
    shown = json.loads(capsys.readouterr().out)
    (probed,) = [one for one in shown["collectors"] if one["collector"] == "probe/gone"]
    assert probed["warnings"] == ["cannot connect to /nowhere: No such file or directory"]
    assert [alert["rule"] for alert in shown["alerts"]] == ["Gone"]


class FakeAgent(Agent):
    """The agent's side of a drill: the ticket appears after a while, and each wish takes two looks to be delivered."""

    def __init__(self, *, refuse: bool = False, never: bool = False) -> None:
        super().__init__("http://127.0.0.1:1")
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.looks = 0
        self.refuse = refuse
        self.never = never

    def post(self, path: str, body: dict[str, Any]) -> Any:
        self.calls.append((path, body))
        self.looks = 0
        return {"incident": "k#1"}

    def get(self, path: str, **query: str | int | None) -> Any:
        assert path == "incidents/k%231"
        self.looks += 1
        delivered = self.looks > 2 and not self.never
        state = "rejected" if self.refuse else "done" if delivered else "sending"
        ref = {"id": "7", "number": "INC7", "url": "http://x/7"} if delivered or len(self.calls) > 1 else None
        return {"outbox": [{"backend": "desk", "state": state, "ref": ref, "last_error": "400: no\nsuch queue"}]}


def drill(agent: Agent) -> Drill:
    time = [0.0]
    return Drill(agent, 30, lambda: time[0], lambda seconds: time.__setitem__(0, time[0] + seconds))


def test_a_drill_opens_notes_and_resolves(capsys: pytest.CaptureFixture[str]) -> None:
    agent = FakeAgent()
    drill(agent).run("Rule", {"a": "b"}, keep=False)
    assert [path for path, _ in agent.calls] == ["drill", "drill/note", "drill/resolve"]
    assert agent.calls[0][1] == {"rule": "Rule", "labels": {"a": "b"}}
    assert capsys.readouterr().out.splitlines() == [
        "     0ms  started   incident k#1",
        "      1s  opened    desk INC7 http://x/7",
        "      2s  noted     a work note is on the ticket",
        "      3s  resolved  the ticket is resolved",
    ]


def test_a_drill_may_leave_its_incident_open() -> None:
    agent = FakeAgent()
    drill(agent).run("Rule", {}, keep=True)
    assert [path for path, _ in agent.calls] == ["drill", "drill/note"]


@pytest.mark.parametrize(
    ("agent", "says"),
    [
        (FakeAgent(refuse=True), "desk refused the ticket: 400: no such queue"),
        (FakeAgent(never=True), "the ticket took longer than 30 s; desk is sending: 400: no such queue"),
    ],
)
def test_a_drill_that_fails_says_where(agent: Agent, says: str) -> None:
    with pytest.raises(CommandError) as raised:
        drill(agent).run("Rule", {}, keep=False)
    assert str(raised.value) == says
    assert raised.value.status == FINDINGS


class Answers(Agent):
    """Gives one HTTP answer to everything."""

    def __init__(self, status: int, content: Any) -> None:
        super().__init__("http://127.0.0.1:1")
        self.answer = (status, content)

    def raw(self, method: str, path: str, query: dict[str, str], body: dict[str, Any] | None = None) -> tuple[int, Any]:
        return self.answer


@pytest.mark.parametrize(
    ("status", "content", "exit_status"),
    [
        (404, {"status": "error", "error": "none"}, FINDINGS),
        (403, {"status": "error", "error": "token"}, NO_PERMISSION),
        (503, {"status": "error", "error": "starting"}, BUSY),
        (200, {"status": "success"}, PROTOCOL),
        (200, [], PROTOCOL),
        (502, "x", PROTOCOL),
    ],
)
def test_exit_status_follows_the_answer(status: int, content: Any, exit_status: int) -> None:
    with pytest.raises(CommandError) as raised:
        Answers(status, content).get("status")
    assert raised.value.status == exit_status


def test_nobody_listening_is_unavailable() -> None:
    with pytest.raises(CommandError) as raised:
        Agent("http://127.0.0.1:1").get("status")
    assert raised.value.status == UNAVAILABLE


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert f"tocsin {command}" in text
    assert "examples:" in text
    assert max(map(len, text.splitlines())) <= 110


def test_help_names_rules_that_are_shipped(root: Path) -> None:
    from agent.cli.parser import command_module

    shipped = set(re.findall(r"alert: (\w+)", (root / "rules" / "packs" / "host.rules.yml").read_text()))
    named = {name for command in COMMANDS for name in re.findall(r"\bHost\w+", command_module(command).DETAILS)}
    assert named
    assert named <= shipped


LIGHT = """
import sys
from agent.cli import main
status = main(sys.argv[1:])
heavy = {"yaml", "msgspec", "aiohttp", "asyncio", "rules", "collectors", "integrations", "sqlite3", "ssl", "re2"}
found = sorted(heavy & set(sys.modules))
sys.exit(f"imported {found}" if found or status else 0)
"""


@pytest.mark.parametrize("words", [["--help"], ["version"], ["completion", "bash"], ["query", "--help"]])
def test_light_commands_import_nothing_heavy(words: list[str], root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIGHT, *words], cwd=root, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    assert "tocsin" in capsys.readouterr().out


def test_a_shell_completes_commands_options_and_choices(root: Path) -> None:
    def completed(line: str) -> list[str]:
        env = {
            "_ARGCOMPLETE": "1",
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "_ARGCOMPLETE_STDOUT_FILENAME": out,
        }
        env |= {"PATH": "/usr/bin:/bin", "IFS": "\n", "_ARGCOMPLETE_IFS": "\n"}
        subprocess.run([sys.executable, "-m", "agent"], cwd=root, env=env, check=False, timeout=30, capture_output=True)
        return [word.strip() for word in Path(out).read_text().split("\n") if word]

    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        out = file.name
        assert "incidents" in completed("tocsin inc")
        assert "--state" in completed("tocsin incidents --st")
        assert set(completed("tocsin completion ")) >= {"bash", "zsh", "fish"}


@pytest.mark.parametrize("arguments", ["--help", "query --help", "version"])
def test_a_reader_that_goes_away_is_no_error(root: Path, arguments: str) -> None:
    """However much the interpreter buffers: unbuffered, the error comes while it writes and not when it ends."""
    for environment in ({}, {"PYTHONUNBUFFERED": "1"}):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {sys.executable} -m agent {arguments} | true"],
            cwd=root, env=buffered() | environment, capture_output=True, text=True, check=False, timeout=30,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")


def buffered() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def test_a_locale_that_lacks_the_letters_of_a_label_ends_no_command(tmp_path: Path) -> None:
    dump = tmp_path / "dump.om"
    dump.write_text('# TYPE a gauge\na{x="机"} 1 10\n# EOF\n', encoding="utf-8")
    command = [sys.executable, "-m", "agent", "query", "a", "--data", str(dump), "--format", "text"]
    env = os.environ | {"PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["VALUE", "METRIC", "x", "1", "a", "?"]), done.stderr


def test_a_long_table_of_the_status_begins_with_those_that_have_something_to_say(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = [{"collector": f"c{number:02}", "notes": ""} for number in range(30)]
    rows[25]["notes"] = "device_include leaves out everything"
    status._print({"collectors": rows})
    lines = capsys.readouterr().out.splitlines()
    assert lines[3].split()[0] == "c25"
    assert [line.split()[0] for line in lines[4:6]] == ["c00", "c01"]
    assert lines[-1].startswith("and 10 more")
