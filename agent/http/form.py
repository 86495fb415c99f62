"""Forms as browsers and Prometheus's clients post them: url-encoded, bounded, never a file."""

from __future__ import annotations

from urllib.parse import parse_qsl

from aiohttp import web
from multidict import MultiDict

URL_ENCODED = "application/x-www-form-urlencoded"
FIELDS_LIMIT = 1_000


class BadForm(Exception):
    """The body is no form of ours; the text says why."""


async def read_form(request: web.Request) -> MultiDict[str]:
    """The fields in order; empty when there is no body. Raises BadForm.

    aiohttp's own reader takes any charset and multipart bodies with files; nothing here needs either.
    """
    body = await request.read()
    if not body:
        return MultiDict()
    if request.content_type != URL_ENCODED:
        raise BadForm(f"the body is {request.content_type[:60]!r}; send {URL_ENCODED}")
    try:
        fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=FIELDS_LIMIT)
    except ValueError:
        raise BadForm(f"the body has more than {FIELDS_LIMIT} fields") from None
    return MultiDict(fields)
