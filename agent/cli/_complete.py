"""For the shell to complete: what a running agent knows (names of rules, ids and ticket numbers of incidents), and what
the configuration has (devices, credentials, checks of ``tocsin doctor``).

Whoever presses a key must not wait, and nothing is said when it fails: an agent that does not answer at once completes
nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from typing import Any

from agent.cli._client import Agent
from agent.cli._errors import CommandError

TIMEOUT_S = 0.5
MOST = 200
"""Incidents that are offered."""
Completer = Callable[..., list[str]]


def completed(action: argparse.Action, completer: Completer) -> None:
    """Have argcomplete ask ``completer`` for the values of this argument."""
    action.completer = completer  # type: ignore[attr-defined]  # argcomplete's own protocol


def rule_names(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The alert rules in force."""
    return _offered(_rules, parsed_args)


def incident_names(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """Ids of incidents, and the numbers of their tickets."""
    return _offered(_incidents, parsed_args)


def device_names(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The network devices of the configuration."""
    return _configured(parsed_args, lambda options: (target.key for target in options.targets))


def credential_names(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The credentials by which network devices are asked."""
    return _configured(parsed_args, lambda options: options.credentials)


def doctor_names(parsed_args: argparse.Namespace, **_: Any) -> list[str]:
    """The checks of ``tocsin doctor``, and the devices."""
    from agent.doctor import names  # noqa: PLC0415 - when a shell asks

    return sorted({*names(), *device_names(parsed_args)})


def _configured(parsed_args: argparse.Namespace, ask: Callable[[Any], Iterable[str]]) -> list[str]:
    from agent.cli._config import config_path  # noqa: PLC0415 - when a shell asks
    from agent.config.load import load  # noqa: PLC0415

    try:
        config = load(config_path(parsed_args.config)).config
    except CommandError:  # no such file
        return []
    options = config.collect.snmp.options if config is not None else None
    return sorted(ask(options)) if options is not None else []


def _offered(ask: Callable[[Agent], Iterable[str]], parsed_args: argparse.Namespace) -> list[str]:
    try:
        return sorted(set(ask(Agent(parsed_args.url, timeout=TIMEOUT_S))))
    except (CommandError, LookupError, TypeError, AttributeError):  # no agent, or an answer of another shape
        return []


def _rules(agent: Agent) -> Iterable[str]:
    _, answer = agent.raw("GET", "/api/v1/rules", {"type": "alert", "exclude_alerts": "true"})
    return [rule["name"] for group in answer["data"]["groups"] for rule in group["rules"]]


def _incidents(agent: Agent) -> Iterable[str]:
    found = agent.get("incidents", state="all", limit=MOST)
    return [name for each in found for name in (each["id"], *(ticket["number"] for ticket in each["tickets"]))]
