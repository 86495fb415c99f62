"""Each check has a page, and the page is its test: its first example gives what the page shows, the second nothing.

``python tests/unit_agent/test_lint_pages.py`` writes what is printed into the pages anew; read the difference before
keeping it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from lint_bench import ON_REQUEST, PROBING, configured

from agent.config.lints import Subject, checks, lint, page
from agent.config.lints._registry import SILENCE
from agent.config.load import load
from rules.api import Problem, parse_rule_file

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "lints"
NAMES = sorted([*checks(), SILENCE])
LOADED = load(None)
BLOCK = re.compile(r"```(\w+)\n(.*?)```\n", re.DOTALL)


def blocks(name: str) -> tuple[str, str, str]:
    """The rules that are wrong, what is printed of them, and the mended rules."""
    found = BLOCK.findall((PAGES / f"{name}.md").read_text(encoding="utf-8"))
    assert [kind for kind, _ in found] == ["yaml", "text", "yaml"], (
        f"{name}.md: two examples with what the first prints"
    )
    wrong, printed, mended = (text for _, text in found)
    return wrong, printed, mended


def findings(name: str, text: str) -> list[Problem]:
    rules, problems = parse_rule_file(text, "example.rules.yml")
    assert rules is not None, [str(problem) for problem in problems]
    config = LOADED.config
    assert config is not None
    found = lint([Subject(rules, text), *map(Subject, LOADED.rules)], config)
    return sorted(problem for problem in found if problem.check == f"lint/{name}" and problem.file == rules.file)


def test_every_page_is_of_a_check() -> None:
    assert sorted(path.stem for path in PAGES.glob("*.md") if path.stem != "README") == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_first_example_gives_what_the_page_shows(name: str) -> None:
    wrong, printed, _ = blocks(name)
    found = findings(name, wrong)
    assert found
    assert "".join(f"{problem}\n" for problem in found) == printed
    assert all(problem.hint for problem in found), "each finding says how to mend it"


@pytest.mark.parametrize("name", NAMES)
def test_the_second_example_is_quiet(name: str) -> None:
    assert [str(problem) for problem in findings(name, blocks(name)[2])] == []


@pytest.mark.parametrize("name", [name for name in NAMES if name != SILENCE])
def test_the_page_tells_how_to_silence_and_that_works(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    comment = f"# tocsin: allow lint/{name} - the reason"
    assert comment in text
    wrong = blocks(name)[0]
    file_comment = comment.replace("allow", "allow-file")
    assert findings(name, f"{wrong}\n{file_comment}\n") == []
    assert findings(name, re.sub(r"(?m)^      - (?=alert|record)", f"      {comment}\n      - ", wrong)) == []


def test_the_index_lists_every_page_with_its_title() -> None:
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| \[lint/([a-z-]+)\]\(([a-z-]+)\.md\) \| (.*?) \|$", index, re.MULTILINE)
    titles = {name: (PAGES / f"{name}.md").read_text(encoding="utf-8").splitlines()[0] for name in NAMES}
    assert [f"# lint/{name}: {title}" for name, _, title in rows] == [titles[name] for name, _, _ in rows]
    assert sorted(name for name, target, _ in rows if name == target) == NAMES
    assert page("lint/window") == "docs/lints/window.md"
    assert page("promql/syntax") == ""


def test_the_shipped_packs_are_clean() -> None:
    """Those about what the agent itself measures; the examples are checked with their own configurations."""
    from agent.config import packs

    subjects = []
    for name in ("host", "host-extra", "hardware", "probe", "self"):
        file, content = packs.read(name)
        rules, _ = parse_rule_file(content, file)
        assert rules is not None
        subjects.append(Subject(rules, content.decode()))
    assert [str(problem) for problem in lint(subjects, configured(PROBING + ON_REQUEST))] == []


if __name__ == "__main__":
    for each in sys.argv[1:] or NAMES:
        path = PAGES / f"{each}.md"
        text = path.read_text(encoding="utf-8")
        shown = "".join(f"{problem}\n" for problem in findings(each, blocks(each)[0]))
        before, rest = text.split("```text\n", 1)
        path.write_text(f"{before}```text\n{shown}```\n{rest.split('```' + chr(10), 1)[1]}", encoding="utf-8")
