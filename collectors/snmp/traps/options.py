"""The section ``collect.snmp.traps``: where notifications come in, whose are taken, and how many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from ipaddress import ip_address
from typing import Annotated

from msgspec import Meta, Struct

from collectors._options import CredentialRef, OptionProblem
from collectors.snmp.credentials import CredentialOptions

PASSED = "systemd"
"""In place of an address: the sockets that the service manager passes."""


class Sources(Enum):
    """Whose notifications are looked at."""

    ANY = "any"
    TARGETS = "targets"


class TrapOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Traps and informs of versions 1, 2c and 3."""

    listen: Annotated[
        str,
        Meta(
            description="ADDRESS:PORT (UDP), or `systemd` for the socket of the unit `tocsin-traps.socket`, which is "
            "how port 162 is had without a right to it.",
            max_length=100,
            examples=["0.0.0.0:10162", "systemd"],
        ),
    ] = "127.0.0.1:10162"
    communities: Annotated[
        tuple[CredentialRef, ...],
        Meta(
            description="Whose traps of versions 1 and 2c are taken: those with one of these communities.",
            max_length=32,
            examples=[[{"credential": "snmp-trap"}]],
        ),
    ] = ()
    users: Annotated[
        tuple[str, ...],
        Meta(
            description="Names of `credentials` of version 3: whose notifications are taken, and with which keys.",
            max_length=256,
            examples=[["lab"]],
        ),
    ] = ()
    sources: Annotated[
        Sources,
        Meta(description="`targets`: only what comes from the address of a target is looked at. `any`: all that does."),
    ] = Sources.ANY
    limit_per_source: Annotated[
        int,
        Meta(description="Notifications a second of one address; what is above is dropped unread.", ge=1, le=100_000),
    ] = 100
    limit: Annotated[
        int,
        Meta(description="Notifications a second of all together; a quarter is kept for targets.", ge=1, le=100_000),
    ] = 5_000


def address_of(listen: str) -> tuple[str, int] | None:
    """Address and port; None for ``systemd``. ValueError says what is wrong."""
    if listen == PASSED:
        return None
    host, colon, port = listen.rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    try:
        ip_address(host)
    except ValueError:
        colon = ""
    if not colon or not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65_536:
        raise ValueError(f"{listen[:100]!a} is no ADDRESS:PORT")
    return host, int(port)


def check(options: TrapOptions, credentials: Mapping[str, CredentialOptions], targets: int) -> Iterator[OptionProblem]:
    """Every mistake; paths begin below ``traps``. ``targets`` is how many there are."""
    try:
        address_of(options.listen)
    except ValueError as error:
        yield OptionProblem(("listen",), str(error), "write it as 0.0.0.0:10162 or [::]:10162, or 'systemd'")
    if not options.communities and not options.users:
        yield OptionProblem(
            ("listen",),
            "no trap would be taken: neither communities nor users are given",
            "add 'communities: [{credential: NAME}]', or 'users: [...]' with names of credentials of version 3",
        )
    for number, name in enumerate(options.users):
        found = credentials.get(name)
        if found is None:
            known = ", ".join(sorted(credentials)[:20]) or "none"
            text = f"there is no credential {name[:100]!a} in collect.snmp.credentials"
            yield OptionProblem(("users", number), text, f"there are: {known}")
        elif found.version != 3:
            text = f"{name[:100]!a} is of version {found.version}, which has no user"
            yield OptionProblem(("users", number), text, "its community belongs to 'communities'")
    if options.sources is Sources.TARGETS and not targets:
        yield OptionProblem(("sources",), "no trap would be taken: there are no targets", "use 'any', or add targets")
    if options.limit < options.limit_per_source:
        yield OptionProblem(
            ("limit",),
            f"the limit for all ({options.limit}) is below that for one source ({options.limit_per_source})",
            "one source alone could then keep all others out",
            warning=True,
        )
