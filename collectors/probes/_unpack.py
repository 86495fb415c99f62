"""Bodies without their compression."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator

from collectors.probes._run import ProbeFailed


async def unpacked(body: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """The body without its compression, in pieces that do not depend on how well it was packed."""
    if encoding not in ("gzip", "deflate"):
        async for part in body:
            yield part
        return
    unpacker = None
    async for part in body:
        if unpacker is None:
            unpacker = zlib.decompressobj(_window(encoding, part))
        try:
            yield unpacker.decompress(part, 65_536)
            while unpacker.unconsumed_tail:
                yield unpacker.decompress(unpacker.unconsumed_tail, 65_536)
        except zlib.error:
            raise ProbeFailed(f"the body is not {encoding}") from None
    if unpacker is not None and not unpacker.eof:
        raise ProbeFailed(f"the body is not whole {encoding}")


def _window(encoding: str, start: bytes) -> int:
    """zlib's word for the format. Servers send ``deflate`` with and without zlib's header."""
    if encoding == "gzip":
        return 31
    return 15 if start[:1] == b"\x78" else -15
