"""What a Jira status means, and the way from one to another through whatever workflow the project has."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from integrations._jira_options import JiraOptions, folded
from integrations._jira_rest import Issue, JiraRest, Status, Transition
from integrations._text import clean_line, cut
from integrations.api import NotSent, Rejected, RemoteState, SchemaDrift

_CATEGORIES = {
    "new": RemoteState.NEW,
    "indeterminate": RemoteState.IN_PROGRESS,
    "done": RemoteState.RESOLVED,
}
_REOPENED = (RemoteState.NEW, RemoteState.IN_PROGRESS)


class Moves:
    """Transitions for one project."""

    def __init__(self, name: str, options: JiraOptions, rest: JiraRest) -> None:
        self._name = name
        self._options = options
        self._rest = rest
        self._statuses = folded(options.statuses)
        self._resolutions = folded(options.resolutions)

    def state(self, issue: Issue) -> RemoteState:
        """SchemaDrift when nothing says what the status means."""
        meaning = self._meaning(issue.status)
        if meaning is None:
            raise SchemaDrift(
                f"{self._name}: {issue.key} has the status {issue.status.name!r}, which has no category and which"
                " statuses does not name; say there what it means"
            )
        if meaning is RemoteState.RESOLVED:
            return self._resolutions.get(issue.named("resolution").name.casefold(), meaning)
        return meaning

    async def existing(self, issue_id: str) -> Issue:
        issue = await self._rest.read(issue_id)
        if issue is None:
            raise Rejected(f"{self._name}: issue {issue_id} is gone, or out of sight")
        return issue

    async def resolve(self, issue_id: str, code: str, sources: Collection[RemoteState]) -> None:
        """Take the transition that resolves, after those that lead to it, unless a person moved the issue meanwhile."""
        left = list(self._options.resolve_by_way_of)
        while True:
            issue = await self.existing(issue_id)
            if self.state(issue) not in sources:
                return
            offered = await self._rest.transitions(issue_id)
            way = self._chosen(offered, self._options.resolve_transition, (RemoteState.RESOLVED,))
            if way is not None:
                await self._take(issue, way, self._screen(way, code), sources)
                return
            way = next((each for name in left for each in offered if each.is_called(name)), None)
            if way is None:
                raise self._no_way(issue, offered, "resolve_transition", "resolved")
            left = [name for name in left if not way.is_called(name)]
            await self._take(issue, way, self._screen(way, code), sources)

    async def reopen(self, issue_id: str) -> None:
        issue = await self.existing(issue_id)
        if self.state(issue) is not RemoteState.RESOLVED:
            return
        offered = await self._rest.transitions(issue_id)
        way = self._chosen(offered, self._options.reopen_transition, _REOPENED)
        if way is None:
            raise self._no_way(issue, offered, "reopen_transition", "new or in progress")
        await self._take(issue, way, self._screen(way, None), (RemoteState.RESOLVED,))

    def _meaning(self, status: Status) -> RemoteState | None:
        return self._statuses.get(status.name.strip().casefold(), _CATEGORIES.get(status.category.key))

    def _chosen(
        self, offered: Sequence[Transition], wanted: str, targets: Collection[RemoteState]
    ) -> Transition | None:
        fits: Callable[[Transition], bool] = (
            (lambda way: way.is_called(wanted)) if wanted else (lambda way: self._meaning(way.to) in targets)
        )
        return next(filter(fits, offered), None)

    async def _take(
        self, issue: Issue, way: Transition, fields: dict[str, object], sources: Collection[RemoteState]
    ) -> None:
        """The transition, looked at afterwards: a workflow can say yes and do nothing."""
        try:
            await self._rest.transition(issue.id, way, fields)
        except SchemaDrift:
            raise
        except Rejected:
            now = await self.existing(issue.id)
            if self.state(now) not in sources:
                return  # a person was faster
            if now.status.name != issue.status.name:
                raise NotSent(f"{self._name}: {issue.key} was moved by somebody meanwhile", retry_after=0) from None
            raise
        if (await self.existing(issue.id)).status.name == issue.status.name and way.to.name != issue.status.name:
            raise Rejected(
                f"{self._name}: {issue.key} stays {issue.status.name!r} although Jira took the transition"
                f" {way.name!r}; look at the workflow's post functions and at the project's automations"
            )

    def _screen(self, way: Transition, code: str | None) -> dict[str, object]:
        """What the transition's screen asks for; ``code`` is None when the issue is not being resolved."""
        values: dict[str, object] = {}
        if code is not None:
            values = {field: value for field, value in self._options.resolve_fields.items() if field in way.fields}
            if resolution := way.fields.get("resolution"):
                wanted = self._options.resolution_codes.get(code, self._options.resolution)
                names = [choice.name for choice in resolution.allowed_values]
                if names and wanted.casefold() not in map(str.casefold, names):
                    raise SchemaDrift(
                        f"{self._name}: the transition {way.name!r} does not take the resolution {wanted!r}; it takes"
                        f" {_listed(names)}. Choose one of them as resolution (or in resolution_codes)"
                    )
                values["resolution"] = {"name": next((n for n in names if n.casefold() == wanted.casefold()), wanted)}
        missing = [
            field.name or name
            for name, field in way.fields.items()
            if field.required and not field.has_default_value and name not in values
        ]
        if missing:
            raise SchemaDrift(
                f"{self._name}: the transition {way.name!r} asks for {_listed(missing)}; give it in resolve_fields, or"
                " make it optional on the transition's screen"
            )
        return values

    def _no_way(self, issue: Issue, offered: Sequence[Transition], option: str, target: str) -> Rejected:
        wanted = getattr(self._options, option)
        sought = f"called {wanted!r}" if wanted else f"to a status that is {target}"
        ways = _listed([f"{way.name} (to {way.to.name})" for way in offered]) if offered else "none"
        return Rejected(
            f"{self._name}: {issue.key} is {issue.status.name!r} and has no transition {sought}; the account is offered"
            f" {ways}. Set {option}, statuses or resolve_by_way_of, or grant the account Transition issues"
        )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(repr(cut(clean_line(name), 80)) for name in names[:20])
