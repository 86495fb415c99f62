"""An incident in words: title, body, notes and resolution of its tickets, from templates in English or Chinese.

The templates are plain text in a Jinja2 sandbox where an unknown name is an error. Jinja2 is imported when the first
text is needed, so that an agent without a fault never loads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from agent.core.decision import NoteRequest
from agent.core.incident_policy import IncidentPolicy, Language
from agent.core.model import Incident
from agent.core.policy import Category
from agent.render.text import line, when
from agent.render.view import incident_view, member_views

if TYPE_CHECKING:
    from jinja2.sandbox import SandboxedEnvironment

TITLE_LIMIT = 160
"""ServiceNow's short description; products with shorter titles cut further."""
BODY_LIMIT = 16_000
NOTE_LIMIT = 8_000


class TemplateWords:
    """The ``Words`` of the core. Same incident, same policy, same text."""

    def __init__(self, policy: IncidentPolicy, categories: Mapping[str, Category]) -> None:
        self._policy = policy
        self._categories = categories

    def title(self, incident: Incident) -> str:
        """One line."""
        return line(self._render("title", incident), TITLE_LIMIT)

    def body(self, incident: Incident) -> str:
        """The ticket's description; the adapter puts the machine-readable footer with the correlation id below it."""
        return _bounded(self._render("body", incident), BODY_LIMIT)

    def note(self, incident: Incident, request: NoteRequest, now: int) -> str:
        """A work note."""
        listed = self._policy.notes.members
        return _bounded(
            self._render(
                "note",
                incident,
                kind=request.kind.value,
                changed=member_views(request.members[:listed]),
                changed_left=max(0, len(request.members) - listed),
                last=request.last,
                now=when(now),
            ),
            NOTE_LIMIT,
        )

    def resolution(self, incident: Incident) -> str:
        """Why the incident ended, with the evidence."""
        return _bounded(self._render("resolution", incident), NOTE_LIMIT)

    def _render(self, name: str, incident: Incident, **more: Any) -> str:
        view = incident_view(incident, self._categories, self._policy.language, self._policy.notes.members)
        seconds = self._policy.cool_down // 1000
        return _environment(self._policy.language).get_template(f"{name}.j2").render(i=view, cool_down=seconds, **more)


@cache
def _environment(language: Language) -> SandboxedEnvironment:
    """Compiled templates of one language: kept for good, also across reloads."""
    from jinja2 import PackageLoader, StrictUndefined  # noqa: PLC0415 - see the module's docstring
    from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415 - the same

    return SandboxedEnvironment(
        loader=PackageLoader("agent.render", f"templates/{language.value}"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # plain text for a ticket, not HTML; the view makes every value inert
        auto_reload=False,
    )


def _bounded(text: str, limit: int) -> str:
    """Whole lines up to ``limit`` characters."""
    text = text.strip("\n")
    if len(text) <= limit:
        return text
    return text[: text.rfind("\n", 0, limit - 2)] + "\n…"
