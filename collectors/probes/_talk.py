"""Conversations: what ``query_response`` asks for, step by step, over a connection that is open."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, cast

from collectors._filter import compile_pattern
from collectors._options import Octets
from collectors.probes import _tls
from collectors.probes._dial import Connection
from collectors.probes._options import TlsConfig
from collectors.probes._run import ProbeFailed, Run
from collectors.probes.modules import QueryResponse

RAW_LIMIT = 64 * 1024
LINES_LIMIT = 256 * 1024
"""Bytes of lines in which one step looks for its pattern: a server that never stops talking costs no more."""
_REFERENCE = re.compile(r"\$(?:\$|\{(\w{1,100})\}|(\w{1,100}))", re.ASCII)


class Match(Protocol):
    """What of a match we use."""

    def group(self, which: int | str = 0) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Step:
    """One step, its pattern compiled."""

    asked: QueryResponse
    search: Callable[[str], Match | None] | None


def steps(asked: tuple[QueryResponse, ...]) -> tuple[Step, ...]:
    """ValueError naming ``query_response`` when a pattern is wrong."""
    return tuple(Step(step, _search(step.expect or step.expect_raw)) for step in asked)


async def talk(
    connection: Connection, conversation: tuple[Step, ...], run: Run, *, tls: TlsConfig, server_name: str,
    contexts: _tls.Contexts,
) -> None:  # fmt: skip
    """Go through the steps; ProbeFailed at the first that does not go as asked."""
    for step in conversation:
        asked = step.asked
        reply = asked.send
        if asked.expect_bytes:
            await _bytes(connection, _octets(asked.expect_bytes), run)
        if step.search is not None:
            match = await (_line if asked.expect else _raw)(connection, step, run)
            reply = asked.send if isinstance(asked.send, Octets) else expand(asked.send, match)
            if asked.labels:
                run.set("probe_expect_info", 1, **{each.name: expand(each.value, match) for each in asked.labels})
        if asked.send_hex:
            connection.send(bytes.fromhex(asked.send_hex))
        elif reply:
            connection.send(_sent(reply))
        if asked.starttls:
            await connection.secure(contexts.get(tls), tls.server_name or server_name)
            if connection.tls is not None:
                _tls.record(run, connection.tls)


def _sent(text: str) -> bytes:
    """A line, or the bytes of ``!!binary`` as they are: with a line end behind them they would be others."""
    return text.octets if isinstance(text, Octets) else text.encode() + b"\n"


def _octets(text: str) -> bytes:
    return text.octets if isinstance(text, Octets) else text.encode()


async def _bytes(connection: Connection, wanted: bytes, run: Run) -> None:
    """What comes next is exactly this."""
    came = await connection.exactly(len(wanted))
    if came != wanted:
        run.set("probe_failed_due_to_bytes", 1)
        raise ProbeFailed(f"the answer is not {wanted[:30].hex()!a}: it begins with {came[:30].hex()!a}")


async def _line(connection: Connection, step: Step, run: Run) -> Match:
    """The first line that matches."""
    search = step.search
    last = ""
    size = 0
    try:
        while search is not None and size <= LINES_LIMIT:
            line = await connection.line()
            size += len(line) + 1
            last = line.decode("utf-8", "replace")
            if (match := search(last)) is not None:
                return match
    except EOFError:
        pass
    run.set("probe_failed_due_to_regex", 1)
    said = f"; the last line is {last[:60]!a}" if last else ""
    until = f"in {LINES_LIMIT} bytes" if size > LINES_LIMIT else "before the connection ends"
    raise ProbeFailed(f"no line matches {step.asked.expect[:100]!a} {until}{said}")


async def _raw(connection: Connection, step: Step, run: Run) -> Match:
    """The bytes that came, once they match."""
    search = step.search
    came = b""
    while search is not None:
        part = await connection.some()
        came += part
        if (match := search(came.decode("latin-1"))) is not None:
            return match
        if not part or len(came) > RAW_LIMIT:
            break
    run.set("probe_failed_due_to_regex", 1)
    raise ProbeFailed(f"the answer does not match {step.asked.expect_raw[:100]!a}: it begins with {came[:30].hex()!a}")


def _search(pattern: str) -> Callable[[str], Match | None] | None:
    if not pattern:
        return None
    compile_pattern("query_response", pattern)  # refuses what is wrong, with our words
    import re2  # noqa: PLC0415 - a C++ extension: loaded only by an agent that has a pattern

    settings = re2.Options()
    settings.log_errors = False
    settings.max_mem = 8 << 20
    return cast("Callable[[str], Match | None]", re2.compile(pattern, settings).search)


def expand(template: str, match: Match) -> str:
    """``$1``, ``${1}`` and ``${name}`` become what the group matched, ``$$`` a dollar, as Go's Regexp.Expand does."""

    def group(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name is None:
            return "$"
        try:
            return match.group(int(name) if name.isdigit() else name) or ""
        except (IndexError, KeyError, OverflowError):
            return ""

    return _REFERENCE.sub(group, template)
