"""A walk of one device as a recording."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from msgspec.structs import replace

from collectors._devices import CannotAskError
from collectors._options import Reveal
from collectors.snmp import diagnose, engines
from collectors.snmp.build import suspect
from collectors.snmp.credentials import Community, Credential
from collectors.snmp.errors import SnmpError
from collectors.snmp.hosts import Hosts
from collectors.snmp.options import Options, TargetOptions
from collectors.snmp.port import Row
from collectors.snmp.recording import head, redacted, write
from collectors.snmp.walker import Caps, Memory, Walker

EVERYTHING = ("1.0", "1.2", "1.3")
"""ISO standards (LLDP), IEEE (link aggregation), and what nearly all else is below."""
_CAPS = Caps(rows=1_000_000, octets=100 << 20, seconds=3600.0)


class Recorded(msgspec.Struct, frozen=True):
    """``text`` is the file; ``why`` it is not complete, "" when it is; ``left_out`` are rows that tell too much."""

    text: str
    rows: int
    left_out: int
    why: str


def target_of(options: Options, host: str, credential: str, port: int | None) -> TargetOptions:
    """The target of this name or address, or else a new one. CannotAskError when nobody says as whom to ask."""
    found = next((each for each in options.targets if host in (each.key, each.host)), None)
    name = credential or (found.credential if found is not None else "")
    if not options.credentials:
        raise CannotAskError(
            f"nothing says as whom {host} is to be asked; add a credential to collect.snmp.credentials"
        )
    known = ", ".join(sorted(options.credentials))
    if not name and len(options.credentials) == 1:
        name = next(iter(options.credentials))
    if not name:
        raise CannotAskError(f"say as whom {host} is to be asked: --credential with one of {known}")
    if name not in options.credentials:
        raise CannotAskError(f"there is no credential {name[:100]!a}; there are {known}")
    if found is None:
        try:
            found = msgspec.convert({"host": host, "credential": name}, TargetOptions)
        except msgspec.ValidationError:
            raise CannotAskError(f"{host[:100]!a} is no address or host name, and no target is called so") from None
    return replace(found, credential=name, port=port or found.port)


async def record(
    options: Options, given: TargetOptions, roots: Sequence[str], reveal: Reveal, at: float, *, redact: bool,
    walked: Callable[[int], None] = lambda _: None,
) -> Recorded:  # fmt: skip
    """Walk ``roots``; ``at`` is now (Unix seconds), ``walked`` is told how many rows there are. CannotAskError."""
    tags: dict[str, int] = {}
    rows: list[Row] = []
    why = ""
    try:
        asked = await suspect(given, options, reveal, Hosts())
    except SnmpError as error:
        raise CannotAskError(str(error)) from None
    session = engines.open_for_recording(asked.address, asked.credential, asked.timeout, tags)
    clock = asyncio.get_running_loop().time
    walker = Walker(session, Memory(), clock, retries=given.retries, caps=_CAPS)
    try:
        for root in roots:
            part = await walker.walk(root)
            rows += part.rows
            walked(len(rows))
            if not part.complete:
                why = f"{root}: {part.why}"
                break
    except SnmpError as error:
        if not rows:
            raise CannotAskError(str(await diagnose.diagnose(error, asked, thorough=True))) from None
        why = str(error)
    finally:
        session.close()
    kept = redacted(rows, tags, _names(asked.credential)) if redact else rows
    comments = head(at, f"{given.key} ({given.host})" if not redact else given.name or "a device", why)
    if redact:
        comments.append(f"left out: {len(rows) - len(kept)} values that tell serials, addresses, people or secrets")
    return Recorded("".join(write(kept, tags, comments)), len(kept), len(rows) - len(kept), why)


def _names(credential: Credential) -> tuple[str, ...]:
    return (credential.community,) if isinstance(credential, Community) else (credential.name,)
