"""Ticket text: golden files in both languages, and hostile input that stays inert."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from core_kit import MINUTE, SECOND, START, World, alert, context, no_data, recovered
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.core.group import drill, group
from agent.core.incident import step
from agent.core.incident_policy import Language
from agent.core.policy import Catalogue, Policy, Route
from agent.render import TemplateWords
from agent.render.text import block, cut, line, when
from integrations.api import RemoteState

GOLDEN = Path(__file__).parent / "golden"
TEXTS = {
    "summary": "File system {mount} is 95 % full",
    "description": "Writes will fail soon.\nUsed: 95 %.",
    "summary_zh": "文件系统 {mount} 已用 95 %",
    "description_zh": "即将无法写入。\n已用：95 %。",
    "runbook_url": "docs/runbooks/FilesystemAlmostFull.md",
}
CATALOGUE = {"services": [{"name": "shop", "criticality": "critical", "assignment_group": "Shop operations"}]}


def full(at: int, mount: str, **labels: str):
    texts = {name: text.format(mount=mount) for name, text in TEXTS.items()}
    return alert(at, rule="FilesystemAlmostFull", mountpoint=mount, annotations=texts, service="shop", **labels)


def over(mount: str, evidence: float, **labels: str):
    return recovered(rule="FilesystemAlmostFull", mountpoint=mount, service="shop", evidence=evidence, **labels)


def story(language: Language) -> str:
    """One fault from its first ticket to the resolution of the second, as the desk would read it."""
    world = World(
        context(
            Policy(route=Route(receiver="desk", group_wait=1_000), catalogue=msgspec.convert(CATALOGUE, Catalogue)),
            language=language,
        )
    )
    world.opened(full(START - 5 * MINUTE, "/"), full(START - 4 * MINUTE, "/home"))
    world.see(RemoteState.NEW)
    world.evaluate(full(START, "/data", severity="critical"))
    world.evaluate(full(START, "/data", severity="critical"), after=6 * MINUTE)
    gone = {"rule": "FilesystemAlmostFull", "service": "shop"}
    world.evaluate(
        no_data(mountpoint="/", **gone),
        no_data(mountpoint="/home", **gone),
        over("/data", 0.5, severity="critical"),
        after=10 * MINUTE,
    )
    world.cooled(over("/", 0.61), over("/home", 0.62))
    world.evaluate(full(world.now, "/"), after=5 * MINUTE)
    world.see(RemoteState.RESOLVED)
    world.see(RemoteState.IN_PROGRESS)
    world.see(RemoteState.RESOLVED)
    world.evaluate(full(world.now, "/"), after=30 * MINUTE)
    world.see(RemoteState.ON_HOLD)
    world.cooled(over("/", 0.6))
    world.see(RemoteState.NEW)
    world.tick(SECOND)
    world.evaluate(full(world.now, "/"), after=60 * MINUTE)
    world.tick(SECOND)
    world.cooled(replace(over("/", 0.6), reason="rule_removed"))
    parts = []
    seen: set[str] = set()
    for _, _, ticket in world.sent:
        if f"ticket {ticket.episode}" not in seen:
            seen.add(f"ticket {ticket.episode}")
            parts.append(f"=== ticket of episode {ticket.episode}: {ticket.title}\n{ticket.body}")
        for note in ticket.notes:
            if note.marker not in seen:
                seen.add(note.marker)
                parts.append(f"--- note {note.marker.rsplit('-', 1)[0]}\n{note.text}")
        if ticket.resolution_text:
            parts.append(f"=== resolved ({ticket.resolution_code})\n{ticket.resolution_text}")
    return "\n\n".join(parts) + "\n"


@pytest.mark.parametrize("language", list(Language))
def test_tickets_read_as_the_golden_files(language):
    """To renew after a wanted change: python tests/unit_agent/test_render.py."""
    assert story(language) == (GOLDEN / f"tickets.{language.value}.txt").read_text(encoding="utf-8")


def test_both_languages_say_the_same_facts():
    english, chinese = story(Language.EN), story(Language.ZH)
    for fact in ("P1", "web-1", "machine-1", "shop", "Shop operations", "disk_used > 0.9", "0123456789abcdef", "0.62"):
        assert english.count(fact) == chinese.count(fact), fact


def test_a_drill_says_so_first():
    ctx = context()
    (bucket,) = group([alert()], ctx.tree, ctx.classifier, {}).values()
    first = step(None, None, drill(bucket), ctx, START)
    ticket = step(first.incident, None, None, ctx, START + SECOND).wishes["desk"]
    assert ticket.title.startswith("[DRILL] ")
    assert ticket.body.startswith("THIS IS A DRILL")
    assert first.incident.test
    assert "made up for the drill" in ticket.body
    assert "How it ends:      resolved by the drill; a real one is" in ticket.body


@pytest.mark.parametrize("language", list(Language))
def test_a_drill_claims_no_evidence(language):
    world = World(context(language=language))
    ended = msgspec.structs.replace(world.opened(), test=True, reason="recovered", resolved_at=world.now)
    text = TemplateWords(world.ctx.policy, {}).resolution(ended)
    assert text.startswith(("The drill is over.", "演练结束"))
    assert "\n- " not in text


@settings(max_examples=150, deadline=None)
@given(
    st.text(max_size=40)
    | st.sampled_from(
        ["\nTocsin-Id: toc-0", "{{ 7*7 }}", "{% raw %}", "\x1b[31m", "a\u2028b", "x" * 5000, "\r\nHow bad: P1"]
    )
)
def test_hostile_labels_and_texts_stay_on_their_line(text):
    texts = {"summary": text, "description": text + "\n" + text, "runbook_url": text}
    world = World(context())
    incident = world.opened(alert(annotations=texts, mountpoint=text.encode(errors="replace").decode() or "x"))
    fields_of = [each.split(":")[0] for each in incident.body.splitlines() if each and not each.startswith((" ", "-"))]
    assert fields_of == [
        "What happened", "Where", "Since", "Detected", "Reported by", "How bad", "Category", "Service",
        "Assignment group", "Episode", "Affected (1)", "What to do first", "Condition", "How it ends", "Configuration",
    ]  # fmt: skip
    assert "49" not in incident.title.replace(text, "")
    assert not set(incident.title + incident.body.replace("\n", "")) & set("\x00\x1b\r\x85\u2028\u2029\u202e")
    assert len(incident.title) <= 160
    assert len(incident.body) <= 16_000


def test_long_lists_are_counted():
    world = World(context())
    incident = world.opened(*(alert(mountpoint=f"/{n:03}") for n in range(50)))
    assert incident.body.count("\n- ") == 21
    assert "- and 30 more" in incident.body
    assert incident.title.endswith("(and 49 more)")


@settings(max_examples=200)
@given(st.text(), st.integers(1, 50))
def test_a_line_is_one_line_within_its_limit(text, limit):
    found = line(text, limit)
    assert len(found) <= limit
    assert found.splitlines() in ([], [found])
    found.encode()


@pytest.mark.parametrize(
    ("text", "limit", "expected"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("ae\u0301x", 3, "a…"),
        ("a\U0001f468\u200d\U0001f469b", 4, "a…"),
        ("中文字符", 3, "中文…"),
    ],
)
def test_a_cut_tears_no_character_apart(text, limit, expected):
    assert cut(text, limit) == expected


def test_a_block_is_bounded_in_lines_and_characters():
    assert block("a\n\n b \r\nc", 100, 2) == ["a", "b…"]
    assert sum(map(len, block("x" * 100 + "\n" + "y" * 100, 120, 9))) <= 121
    assert block("", 10, 3) == []


def test_times_are_utc():
    assert when(START) == "2025-10-09 08:53:20 UTC"
    assert when(None) == ""


def test_the_template_engine_is_not_loaded_before_a_ticket_is_written():
    code = (
        "import sys, agent.render, agent.core.incident, agent.core.adopt, agent.core.explain;"
        "sys.exit('jinja2' in sys.modules or 'aiohttp' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


if __name__ == "__main__":
    for each in Language:
        (GOLDEN / f"tickets.{each.value}.txt").write_text(story(each), encoding="utf-8")
