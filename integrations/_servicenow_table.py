"""What we say to ServiceNow's Table API and what it says back. Source: the vendor's page "Table API".

Every value comes as a text; a reference as a text, as an object with ``value``, or as "" when it is unset. A field the
account may not read is missing. An unknown column in a query is ignored, so that every row comes; rows the account may
not see are left out after the limit was applied, while ``X-Total-Count`` counts them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

import msgspec

from integrations._http import Http, Reply, segment
from integrations.api import IntegrationError, NotSent, Rejected

_API = "/api/now/table"
_PAGE = 40
"""Rows at once; with a description of 4,000 characters each they stay well below the door's bound."""
_PAGES = 25

Row = Mapping[str, object]


class Op(Enum):
    IS = "="
    IS_NOT = "!="
    STARTS_WITH = "STARTSWITH"
    LIKE = "LIKE"


class Condition(NamedTuple):
    field: str
    op: Op
    value: str


class _Rows(msgspec.Struct, frozen=True):
    result: list[dict[str, object]]


class _One(msgspec.Struct, frozen=True):
    result: dict[str, object]


# A query joins conditions with "^" and evaluates values that begin with "javascript:". No value with either, with a
# control character, or that begins like an operator goes into a query.
_INERT = re.compile(r"[^\W_][\w .:/@()+&-]{0,254}")


_SYS_ID = re.compile("[0-9A-Za-z]{32}")


def inert(value: str) -> bool:
    """Whether the value can mean nothing but itself in a query."""
    return _INERT.fullmatch(value) is not None and not value.lower().startswith("javascript:")


def encoded(conditions: Sequence[Condition], order: str = "sys_created_on") -> str:
    """The encoded query. Rejected for a value that is not inert, or for none at all: it would match every row."""
    if not conditions:
        raise Rejected("a search without a condition was asked for; it would match every row")
    for condition in conditions:
        if not inert(condition.value.removeprefix("-") if condition.op is Op.IS_NOT else condition.value):
            raise Rejected(f"{condition.field} is searched for {condition.value[:80]!r}, which a query cannot carry")
    return "^".join([*(f"{each.field}{each.op.value}{each.value}" for each in conditions), f"ORDERBY{order}"])


def text(row: Row, field: str) -> str:
    """The stored value of a field, whichever way it came; empty when there is none."""
    value = row.get(field)
    if isinstance(value, Mapping):
        value = value.get("value")
    return value if isinstance(value, str) else ""


def shown(row: Row, field: str) -> str:
    """What a person sees of a field that was asked for with its display value."""
    value = row.get(field)
    if isinstance(value, Mapping):
        value = value.get("display_value")
    return value if isinstance(value, str) else ""


class Found(NamedTuple):
    """``hidden``: how many rows match and may not be seen."""

    rows: list[Row]
    hidden: int


class TableRest:
    """The calls. Errors are those of ``Http``, plus the few that only ServiceNow's words tell."""

    def __init__(self, http: Http) -> None:
        self._http = http

    async def search(self, table: str, conditions: Sequence[Condition], fields: Sequence[str]) -> Found:
        """Every row, oldest first; at most a thousand."""
        rows: list[Row] = []
        for page in range(_PAGES):
            found = await self._page(table, encoded(conditions), fields, page * _PAGE)
            rows += found.rows
            end = (page + 1) * _PAGE
            if found.total <= end if found.total is not None else not found.rows:
                return Found(rows, max(0, (found.total or 0) - len(rows)))
        raise NotSent(f"{table}: more than {_PAGE * _PAGES} rows match, which is more than one agent can explain")

    async def any_row(self, table: str) -> Reply:
        """Something harmless: one row of the table."""
        params = {"sysparm_limit": "1", "sysparm_fields": "sys_id"}
        reply = await self._http.get(f"{_API}/{table}", params)
        reply.json(_Rows)
        return reply

    async def lookup(self, table: str, field: str, value: str) -> list[str]:
        """sys_ids of the rows whose field is this value; none where the account may not look."""
        params = _params(encoded([Condition(field, Op.IS, value)]), ("sys_id", field), 2, 0)
        reply = await self._http.get(f"{_API}/{table}", params, accept=(403, 404))
        if reply.status != 200:
            return []
        rows = reply.json(_Rows).result
        return [
            text(row, "sys_id") for row in rows if text(row, field).lower() == value.lower() and text(row, "sys_id")
        ]

    async def read(self, table: str, sys_id: str, fields: Sequence[str], *, display: bool = False) -> Row | None:
        """The row, with display values beside the stored ones when asked; None when it does not exist.

        Rejected when it is there and hidden: ServiceNow says 404 for both, and only the count tells.
        """
        params = {"sysparm_fields": ",".join(fields), "sysparm_exclude_reference_link": "true"}
        if display:
            params["sysparm_display_value"] = "all"
        reply = await self._http.get(f"{_API}/{table}/{segment(sys_id)}", params, accept=(404,))
        if reply.status == 404:
            await self._not_hidden(table, sys_id)
            return None
        return _row(reply)

    async def insert(self, table: str, payload: Mapping[str, str], fields: Sequence[str]) -> Row:
        reply = await self._http.send("POST", _written(table, fields), payload, accept=(403,))
        if reply.status == 403:
            raise _forbidden(reply)
        if reply.status != 201:
            raise reply.unexpected(f"answered {reply.status} where 201 was expected")
        return _row(reply)

    async def patch(self, table: str, sys_id: str, payload: Mapping[str, str], fields: Sequence[str]) -> Row:
        path = _written(f"{table}/{segment(sys_id)}", fields)
        reply = await self._http.send("PATCH", path, payload, accept=(403,))
        if reply.status == 403:
            raise _forbidden(reply)
        if reply.status != 200:
            raise reply.unexpected(f"answered {reply.status} where 200 was expected")
        return _row(reply)

    async def _not_hidden(self, table: str, sys_id: str) -> None:
        found = await self._page(table, encoded([Condition("sys_id", Op.IS, sys_id)]), ("sys_id",), 0)
        if any(text(row, "sys_id") == sys_id for row in found.rows) or (found.total or 0) > len(found.rows):
            raise Rejected(
                f"{table} {sys_id} is out of sight: it exists, and the account may not read it; look at the roles and"
                " domain of the account, and at the access controls (ACL) of the table"
            )

    async def _page(self, table: str, query: str, fields: Sequence[str], offset: int) -> _Page:
        reply = await self._http.get(f"{_API}/{table}", _params(query, fields, _PAGE, offset))
        count = reply.headers.get("X-Total-Count", "")
        total = int(count) if re.fullmatch(r"[0-9]{1,9}", count) else None
        return _Page(list(reply.json(_Rows).result), total)


class _Page(NamedTuple):
    rows: list[dict[str, object]]
    total: int | None


def _row(reply: Reply) -> Row:
    row = reply.json(_One).result
    if _SYS_ID.fullmatch(text(row, "sys_id")) is None:
        raise reply.unexpected("answered with a row without a sys_id")
    return row


def _params(query: str, fields: Sequence[str], limit: int, offset: int) -> dict[str, str]:
    return {
        "sysparm_query": query,
        "sysparm_fields": ",".join(fields),
        "sysparm_limit": str(limit),
        "sysparm_offset": str(offset),
        "sysparm_exclude_reference_link": "true",
    }


def _written(path: str, fields: Sequence[str]) -> str:
    return f"{_API}/{path}?sysparm_fields={','.join(fields)}&sysparm_exclude_reference_link=true"


_POLICY = re.compile(
    r"data policy|mandatory|business rule|operation failed|aborted|operation against file", re.IGNORECASE
)


def _forbidden(reply: Reply) -> IntegrationError:
    """403 is a missing right, or a rule of the instance that refused this one change: only the words tell."""
    if _POLICY.search(reply.said):
        return Rejected(
            f"the instance refused the change by a data policy or business rule (403): {reply.said}; give what it asks"
            " for under extra or close_code, or except the account from the rule"
        )
    return reply.error()
