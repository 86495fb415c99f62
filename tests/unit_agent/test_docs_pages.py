"""The pages: links lead somewhere, commands shown are ones the program takes, configurations are ones it loads."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from http_kit import listening

from agent.cli.parser import COMMANDS, build_parser
from agent.cli.snmp import ACTIONS as SNMP_ACTIONS
from agent.config.load import load
from agent.config.schema import Config
from agent.own_metrics import OWN_METRICS
from rules.api import Mapping, read_yaml, run_test_file

ROOT = Path(__file__).resolve().parent.parent.parent
ACTIONS = {f"snmp {action}" for action in SNMP_ACTIONS}
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMAND = re.compile(r"^(?:[$#] )?(?:sudo )?(?:\.venv/bin/|/\S+/)?tocsin(?: (.*))?$")
ASIDE = re.compile(r" {2,}| [#|>&]|;")
"""Where a shown command ends and its explanation, or the next program, begins."""
LINK = re.compile(r"\]\(([^)\s]+)\)")
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")


def blocks(page: Path, *kinds: str) -> Iterator[str]:
    """The fenced blocks of these kinds, without their fences; '' is a block of no kind."""
    for kind, body in re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL):
        if kind in kinds:
            yield body


def prose(page: Path) -> str:
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The names of its headings, as GitHub makes them."""
    heads = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def commands(page: Path) -> Iterator[str]:
    """What is shown behind the word tocsin, in blocks and in spans."""
    shown = "".join(blocks(page, "", "sh", "console", "text"))
    indented = "\n".join(re.findall(r"^ {4}(.+)$", prose(page), re.MULTILINE))
    lines = [line.strip() for line in f"{shown}\n{indented}".splitlines()]
    for text in [*lines, *SPAN.findall(prose(page))]:
        if (found := COMMAND.match(ASIDE.split(text)[0])) is not None and found[1] is not None:
            yield found[1]


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(prose(page)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_shown_is_one_the_program_takes(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = build_parser()
    refused = []
    for shown in commands(page):
        if shown in COMMANDS or shown in ACTIONS:
            continue  # the command is only named
        try:
            parser.parse_args(shlex.split(shown.replace("COMMAND", "run").replace("SHELL", "bash")))
        except SystemExit as stop:
            if stop.code:
                refused.append(f"tocsin {shown}: {capsys.readouterr().err}")
    assert refused == []


def test_commands_are_found() -> None:
    found = [shown.split()[0] for page in PAGES for shown in commands(page)]
    assert set(COMMANDS) - {"version"} <= set(found)
    assert len(found) > 60


def configurations() -> Iterator[tuple[Path, str]]:
    for page in PAGES:
        for body in blocks(page, "yaml"):
            node, problems = read_yaml(body, "page")
            assert not problems, (page, problems)
            if isinstance(node, Mapping) and {key.value for key, _ in node.items} <= set(Config.__struct_fields__):
                yield page, body


def test_every_configuration_shown_is_one_that_loads(tmp_path: Path) -> None:
    seen = 0
    for page, body in configurations():
        path = tmp_path / "tocsin.yaml"
        path.write_text(body, encoding="utf-8")
        assert load(path).problems == (), page
        seen += 1
    assert seen >= 5


def test_the_example_rule_passes_its_example_test(tmp_path: Path) -> None:
    rules, tests = (body for body in blocks(ROOT / "docs" / "rules.md", "yaml") if not body.startswith("rules:"))
    for name, body in (("rules.d/shop.yml", rules), ("tests/shop.test.yml", tests)):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text(body, encoding="utf-8")
    report = run_test_file(tmp_path / "tests/shop.test.yml")
    assert report.passed, str(report)
    assert len(report.cases) == 1


def addresses() -> set[str]:
    """The first cells of the table of addresses."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith(("| `/", "| `POST /"))]
    return {path for cell in cells for path in re.findall(r"`(?:POST )?(/[^`]*)`", cell)}


async def test_the_table_of_addresses_is_that_of_the_listener(tmp_path: Path) -> None:
    async with listening(tmp_path) as agent:
        routes = agent.client.app.router.routes() if agent.client.app is not None else ()
        served = {route.resource.canonical for route in routes if route.resource is not None}
    assert addresses() == served


def test_metrics_named_for_operations_are_there() -> None:
    named = set(re.findall(r"`(tocsin_\w+)", (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")))
    assert named - {metric.name for metric in OWN_METRICS} == set()
    assert len(named) > 5


def test_the_failure_matrix_names_tests_that_exist() -> None:
    page = (ROOT / "docs" / "failure-matrix.md").read_text(encoding="utf-8")
    for file, test in re.findall(r"`(\w+/test_\w+\.py|contract/\w+\.py)(?:::(\w+))?`", page):
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert not test or f"def {test}(" in text, f"{file}::{test}"
    rows = [int(number) for line in page.splitlines() if line.startswith("| ") for number in _numbers(line)]
    assert rows == list(range(1, 51))


def _numbers(row: str) -> list[str]:
    return re.findall(r"\d+", row.split("|")[1])


def test_the_index_names_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    linked = {
        (index.parent / link.partition("#")[0]).resolve() for link in LINK.findall(index.read_text(encoding="utf-8"))
    }
    pages = {page for page in (ROOT / "docs").glob("*.md") if page != index}
    assert pages - linked == set()
