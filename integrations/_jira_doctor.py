"""What ``doctor`` looks at in a Jira: login, edition, project, rights, issue type, fields, link type."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from integrations._jira_options import JiraOptions
from integrations._jira_rest import JiraRest
from integrations._text import clean_line, cut
from integrations.api import Finding, IntegrationError

_RIGHTS = {
    "BROWSE_PROJECTS": "Browse projects",
    "CREATE_ISSUES": "Create issues",
    "EDIT_ISSUES": "Edit issues",
    "TRANSITION_ISSUES": "Transition issues",
    "RESOLVE_ISSUES": "Resolve issues",
    "ADD_COMMENTS": "Add comments",
    "LINK_ISSUES": "Link issues",
}
_OURS = {"project", "issuetype", "summary", "description", "labels"}
_Row = Mapping[str, Any]


async def examine(rest: JiraRest, options: JiraOptions, product: str) -> list[Finding]:
    """Read-only. Stops at the first thing that the rest depends on."""
    findings: list[Finding] = []
    check = "login"
    try:
        me = await rest.get("/myself")
        findings.append(_well("login", f"logged in as {_text(me, 'displayName') or _text(me, 'name')}"))
        check = "edition"
        findings.append(_edition(await rest.get("/serverInfo"), product))
        check = "project"
        project = await rest.get(f"/project/{quote(options.project, safe='')}")
        findings.append(_well("project", f"{_text(project, 'key')} is visible"))
        check = "rights"
        asked = {"projectKey": options.project, "permissions": ",".join(_RIGHTS)}
        findings += _rights((await rest.get("/mypermissions", asked)).get("permissions"), options.project)
        check = "issue type"
        path = f"/issue/createmeta/{quote(options.project, safe='')}/issuetypes"
        types = _rows(await rest.get(path, {"maxResults": "200"}), "issueTypes")
        wanted = next((row for row in types if options.issue_type in (_text(row, "name"), _text(row, "id"))), None)
        findings.append(_issue_type(wanted, types, options))
        if wanted is not None:
            check = "fields"
            fields = await rest.get(f"{path}/{quote(_text(wanted, 'id'), safe='')}", {"maxResults": "200"})
            findings += _fields(_rows(fields, "fields"), options)
        check = "link type"
        links = _rows(await rest.get("/issueLinkType"), "issueLinkTypes")
        findings.append(_link_type([_text(row, "name") for row in links], options.link_type))
    except IntegrationError as error:
        findings.append(
            Finding(check=check, ok=False, detail=str(error), fix="mend what the text names, then run this again")
        )
    return findings


def _edition(info: _Row, product: str) -> Finding:
    cloud = _text(info, "deploymentType").lower() == "cloud"
    detail = f"Jira {_text(info, 'deploymentType') or 'of unknown edition'} {_text(info, 'version')}".strip()
    if cloud == (product == "Cloud"):
        return _well("edition", detail)
    return _ill("edition", detail, f"set type: {'jira_cloud' if cloud else 'jira_dc'} for this backend")


def _rights(granted: object, project: str) -> Iterator[Finding]:
    rows = granted if isinstance(granted, dict) else {}
    for key, words in _RIGHTS.items():
        row = rows.get(key)
        if isinstance(row, dict) and row.get("havePermission") is True:
            yield _well(f"right {words}", "granted")
        else:
            yield _ill(
                f"right {words}",
                "not granted",
                f"Project settings of {project} > Permissions: give {words!r} to a role the account has",
            )


def _issue_type(wanted: _Row | None, types: list[_Row], options: JiraOptions) -> Finding:
    if wanted is not None:
        return _well("issue type", f"{options.issue_type} can be created")
    there = ", ".join(_text(row, "name") for row in types[:30]) or "none"
    return _ill(
        "issue type",
        f"{options.project} has no issue type {options.issue_type!r} that the account may create; it has: {there}",
        "set issue_type to one of them, or add it under Project settings > Issue types",
    )


def _fields(rows: list[_Row], options: JiraOptions) -> Iterator[Finding]:
    there = {_text(row, "fieldId") or _text(row, "key"): row for row in rows}
    custom = options.fields
    choices = {
        "priority": [name for name in options.priorities if name],
        custom.impact: list(options.impacts),
        custom.urgency: list(options.urgencies),
    }
    written = [
        "labels", "priority" if any(options.priorities) else "", custom.impact, custom.urgency, custom.ci,
        custom.ci_id, *options.extra,
    ]  # fmt: skip
    for field in filter(None, written):
        if field not in there:
            yield _ill(
                f"field {field}",
                "not on the create screen",
                f"Project settings > Screens: add {field} to the create screen of {options.issue_type}, or do not"
                " configure it",
            )
            continue
        allowed = {_text(each, key) for each in _list(there[field], "allowedValues") for key in ("id", "name", "value")}
        unknown = [name for name in choices.get(field, []) if allowed and name not in allowed]
        if unknown:
            known = ", ".join(sorted(name for name in allowed if name and not name.isdecimal()))
            yield _ill(f"field {field}", f"it does not take {', '.join(unknown)}", f"use values it takes: {known}")
        else:
            yield _well(f"field {field}", "on the create screen")
    for field, row in there.items():
        if row.get("required") is True and row.get("hasDefaultValue") is not True and field not in {*written, *_OURS}:
            if field == "reporter":
                continue  # Jira sets it to the account
            yield _ill(
                f"field {field}",
                f"{_text(row, 'name') or field} is mandatory, and nothing sets it",
                "give it in extra, or make it optional in the field configuration",
            )


def _link_type(names: list[str], wanted: str) -> Finding:
    if wanted in names:
        return _well("link type", f"{wanted} is there")
    return _ill(
        "link type",
        f"there is no {wanted!r}; there are: {', '.join(names) or 'none'}",
        "set link_type to one of them, or turn on Settings > Work items > Work item linking",
    )


def _rows(reply: _Row, name: str) -> list[_Row]:
    """Cloud names its rows after what they are, Data Center calls them values."""
    return _list(reply, name) or _list(reply, "values")


def _list(row: _Row, name: str) -> list[_Row]:
    found = row.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _text(row: _Row, name: str) -> str:
    found = row.get(name)
    return cut(clean_line(found), 100) if isinstance(found, str) else ""


def _well(check: str, detail: str) -> Finding:
    return Finding(check=check, ok=True, detail=detail)


def _ill(check: str, detail: str, fix: str) -> Finding:
    return Finding(check=check, ok=False, detail=detail, fix=fix)
