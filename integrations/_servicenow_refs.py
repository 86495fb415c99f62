"""Names to sys_ids: callers, groups, CIs and services, looked up once and remembered; and what doctor says of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from integrations._servicenow_options import Options
from integrations._servicenow_table import Condition, Op, TableRest, inert, text
from integrations._text import clean_line, cut
from integrations.api import Finding

_KEPT = 1024
_SYS_ID = re.compile(r"[0-9a-f]{32}")


class _Kind(NamedTuple):
    table: str
    field: str
    word: str


_KINDS = {
    "caller_id": _Kind("sys_user", "user_name", "Caller"),
    "assignment_group": _Kind("sys_user_group", "name", "Assignment group"),
    "cmdb_ci": _Kind("cmdb_ci", "name", "Configuration item"),
    "business_service": _Kind("cmdb_ci_service", "name", "Service"),
}


class References:
    def __init__(self, rest: TableRest) -> None:
        self._rest = rest
        self._known: dict[tuple[str, str], str] = {}

    def forget(self) -> None:
        """What was looked up is not what the instance keeps: look again next time."""
        self._known.clear()

    async def resolve(self, wanted: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
        """sys_ids by field, and a line for people for each name that no single row has: the incident matters more."""
        found: dict[str, str] = {}
        unmatched = []
        for field, name in wanted.items():
            if not name:
                continue
            sys_id, problem = await self._one(field, name)
            if sys_id:
                found[field] = sys_id
            else:
                unmatched.append(f"{_KINDS[field].word}: {cut(clean_line(name), 100)} ({problem})")
        return found, unmatched

    async def _one(self, field: str, name: str) -> tuple[str, str]:
        if _SYS_ID.fullmatch(name):
            return name, ""
        if (field, name) in self._known:
            return self._known[field, name], ""
        kind = _KINDS[field]
        if not inert(name):
            return "", f"no name that {kind.table} could be searched for"
        rows = await self._rest.lookup(kind.table, kind.field, name)
        if len(rows) != 1:
            return "", f"{'several' if rows else 'not found'} in {kind.table}"
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[field, name] = rows[0]
        return rows[0], ""

    async def findings(self, options: Options) -> list[Finding]:
        """Configured names and choices, as the instance has them."""
        findings = []
        for field, name in (("caller_id", options.caller), ("assignment_group", options.assignment_group)):
            if name:
                sys_id, problem = await self._one(field, name)
                kind = _KINDS[field]
                findings.append(
                    Finding(
                        check=kind.word.lower(), ok=bool(sys_id), detail=f"{name}: {problem or 'found'}",
                        fix="" if sys_id else f"correct the name, or grant read access to {kind.table}.{kind.field}",
                    )
                )  # fmt: skip
        codes = {options.close_code, options.duplicate_close_code, *options.close_codes.values()}
        findings.append(await self._choices("close_code", codes))
        findings.append(await self._choices("state", set(options.states)))
        return findings

    async def _choices(self, element: str, wanted: set[str]) -> Finding:
        conditions = [
            Condition("name", Op.IS, "incident"),
            Condition("element", Op.IS, element),
            Condition("inactive", Op.IS, "false"),
        ]
        rows = (await self._rest.search("sys_choice", conditions, ("value", "element"))).rows
        there = {text(row, "value") for row in rows if text(row, "element") == element}
        if not there:
            detail = "cannot be compared: sys_choice shows no values of it to the account"
            return Finding(check=f"choices of {element}", ok=True, detail=detail)
        missing = ", ".join(sorted(wanted - there))
        return Finding(
            check=f"choices of {element}",
            ok=not missing,
            detail=f"the instance does not have {missing}" if missing else "all configured values are there",
            fix=f"the instance has {', '.join(sorted(there))[:400]}; correct the configuration" if missing else "",
        )
