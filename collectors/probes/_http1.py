"""HTTP/1.1 over an open connection: one request, one answer, every length bounded (RFC 9112)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from collectors.probes._dial import Connection
from collectors.probes._run import ProbeFailed

HEAD_LIMIT = 256 * 1024
HEADER_COUNT = 500
_NO_BODY = frozenset({204, 304})
_SHOWN = 60
_SIZE_LINE = 1_000
"""Bytes of the line before a chunk: its size, and extensions that nobody needs."""


@dataclass(frozen=True, slots=True)
class Request:
    """``target`` is a path with its query, or for a proxy a whole URL. ``authority`` is what goes into ``Host``."""

    method: str
    scheme: str
    authority: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(slots=True)
class Answer:
    """The head of an answer, and its body still to be read. Header names are in lower case."""

    status: int
    version: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: AsyncIterator[bytes] | None = None

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    def first(self, name: str) -> str:
        return next(iter(self.all(name)), "")

    @property
    def length(self) -> int:
        """Content-Length; -1 when the answer does not say or is sent in chunks, 0 where there never is a body."""
        if self.status < 200 or self.status in _NO_BODY:
            return 0
        text = self.first("content-length")
        if "chunked" in self.first("transfer-encoding").lower() or not text.isascii() or not text.isdigit():
            return -1
        return int(text) if len(text) < 19 else -1


def send(connection: Connection, request: Request) -> None:
    lines = [f"{request.method} {request.target} HTTP/1.1", f"Host: {request.authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers]
    if request.body or request.method in ("POST", "PUT", "PATCH"):
        lines.append(f"Content-Length: {len(request.body)}")
    head = "\r\n".join([*lines, "", ""])
    connection.send(head.encode("utf-8", "surrogateescape") + request.body)


async def receive(connection: Connection, method: str) -> Answer:
    """The next final answer; 1xx are passed over."""
    for _ in range(10):
        answer = await _head(connection)
        if answer.status >= 200 or answer.status == 101:
            break
    else:
        raise ProbeFailed("the server sends nothing but interim answers")
    _must_have_one_length(answer)
    # The answer to CONNECT has no body either, only what the tunnel brings.
    empty = method in ("HEAD", "CONNECT") or answer.status in _NO_BODY
    answer.body = None if empty else _body(connection, answer)
    return answer


def _must_have_one_length(answer: Answer) -> None:
    """Where the end of the answer is in doubt, so is what stands in it (RFC 9112, 6.3)."""
    lengths = {*answer.all("content-length")} - {""}
    if len(lengths) > 1 or (lengths and answer.length < 0 and not answer.all("transfer-encoding")):
        told = ", ".join(sorted(lengths))
        raise ProbeFailed(f"the answer has a Content-Length that is none: {told[:_SHOWN]!a}")


async def _head(connection: Connection) -> Answer:
    try:
        line = (await connection.line()).decode("latin-1")
        answer = _status(line)
        size = lines = 0
        while line := (await connection.line()).decode("utf-8", "surrogateescape"):
            size += len(line)
            lines += 1
            if size > HEAD_LIMIT or lines > HEADER_COUNT:
                raise ProbeFailed(f"the head of the answer is larger than {HEAD_LIMIT} bytes or {HEADER_COUNT} lines")
            if line[0] in " \t" and answer.headers:  # the header before it goes on (RFC 9112, 5.2)
                before, value = answer.headers.pop()
                answer.headers.append((before, f"{value} {line.strip()}".strip()))
                continue
            name, colon, value = line.partition(":")
            if not colon or not name or name != name.strip():
                raise ProbeFailed(f"the answer has a header that is none: {line[:_SHOWN]!a}")
            answer.headers.append((name.lower(), value.strip()))
    except EOFError:
        raise ProbeFailed("the connection was closed before the answer was whole") from None
    return answer


def _status(line: str) -> Answer:
    version, _, rest = line.partition(" ")
    code = rest[:3]
    if version not in ("HTTP/1.0", "HTTP/1.1") or not (code.isascii() and code.isdigit()) or rest[3:4] not in ("", " "):
        raise ProbeFailed(f"the answer is no HTTP/1: {line[:_SHOWN]!a}")
    return Answer(int(code), version.removeprefix("HTTP/"))


async def _body(connection: Connection, answer: Answer) -> AsyncIterator[bytes]:
    if "chunked" in answer.first("transfer-encoding").lower():
        async for part in _chunks(connection):
            yield part
    elif answer.length >= 0:
        async for part in _exactly(connection, answer.length):
            yield part
    else:
        while part := await connection.some():
            yield part


async def _exactly(connection: Connection, left: int) -> AsyncIterator[bytes]:
    while left:
        part = await connection.some(min(left, 65_536))
        if not part:
            raise ProbeFailed("the connection was closed before the body was whole")
        left -= len(part)
        yield part


async def _chunks(connection: Connection) -> AsyncIterator[bytes]:
    try:
        while True:
            line = await connection.line()
            if len(line) > _SIZE_LINE:
                raise ProbeFailed(f"the body has a chunk whose head is longer than {_SIZE_LINE} bytes")
            size = line.partition(b";")[0].strip()
            if not size or len(size) > 15 or size.strip(b"0123456789abcdefABCDEF"):
                raise ProbeFailed(f"the body has a chunk of size {size[:_SHOWN]!r}")
            if not (left := int(size, 16)):
                break
            async for part in _exactly(connection, left):
                yield part
            if await connection.line():
                raise ProbeFailed("a chunk of the body is longer than it says")
        size_left = HEAD_LIMIT
        while size_left > 0:
            if not (trailer := await connection.line()):
                return
            size_left -= len(trailer) + 1
        raise ProbeFailed(f"the trailers of the body are larger than {HEAD_LIMIT} bytes")
    except EOFError:
        raise ProbeFailed("the connection was closed before the body was whole") from None
