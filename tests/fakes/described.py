"""A request of a fake server in the shape that openapi-core takes, to compare it with an API's own description."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from fakes.fake_http import Request


@dataclass
class Sent:
    request: Request
    host_url: str

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def method(self) -> str:
        return self.request.method.lower()

    @property
    def body(self) -> bytes | None:
        return self.request.body or None

    @property
    def content_type(self) -> str:
        return self.request.headers.get("content-type", "")

    @cached_property
    def parameters(self) -> object:
        """The library writes into it what it reads from the path."""
        from openapi_core.datatypes import RequestParameters
        from werkzeug.datastructures import Headers, ImmutableMultiDict

        query = ImmutableMultiDict(list(self.request.query.items()))
        return RequestParameters(query=query, header=Headers(list(self.request.headers.items())), cookie={}, path={})
