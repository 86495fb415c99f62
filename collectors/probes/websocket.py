"""WebSockets: whether the server changes over to one (RFC 6455 section 4), and a conversation of messages over it."""

from __future__ import annotations

import base64
import hashlib
import os

from collectors.probes import _frames, _http1, _tls
from collectors.probes._client import Client, Headers, in_ascii, in_url, must_hold_no_login, parsed
from collectors.probes._dial import Connection
from collectors.probes._http1 import Request
from collectors.probes._login import basic_auth
from collectors.probes._resolve import Resolver
from collectors.probes._run import ProbeFailed, Run
from collectors.probes._secrets import Secrets
from collectors.probes._talk import expand, steps
from collectors.probes.http_options import Proxied
from collectors.probes.modules import WebsocketProbe

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SCHEMES = ("ws", "wss")


class WebsocketProber:
    """Built once for a module; ValueError names the option that is wrong."""

    def __init__(self, options: WebsocketProbe, resolver: Resolver, contexts: _tls.Contexts, secrets: Secrets) -> None:
        self._options = options
        self._resolver = resolver
        self._secrets = secrets
        self._client = Client(Proxied(tls_config=options.http_config.tls_config), resolver, contexts, secrets)
        self._conversation = steps(options.query_response)

    @staticmethod
    def check_target(target: str) -> None:
        """ValueError when the target can never be probed."""
        must_hold_no_login(parsed(target, schemes=_SCHEMES))

    async def probe(self, target: str, run: Run) -> None:
        url = parsed(target, schemes=_SCHEMES)
        for name in ("status_code", "connection_upgraded"):
            run.set(f"probe_websocket_{name}", 0)
        if self._conversation:
            run.set("probe_websocket_failed_due_to_regex", 0)
        address = await self._resolver.choose(url.hostname or "", "ip6", True, run)
        name = self._options.http_config.tls_config.server_name
        connection = await self._client.connect(url, None, address, lambda phase, seconds: None, name)
        try:
            if connection.tls is not None:
                _tls.record(run, connection.tls)
            key = base64.b64encode(os.urandom(16)).decode()
            authority = in_url(in_ascii(url.hostname or "")) + (f":{url.port}" if url.port else "")
            path = (url.path or "/") + (f"?{url.query}" if url.query else "")
            _http1.send(connection, Request("GET", "http", authority, path, self._headers(key)))
            answer = await _http1.receive(connection, "GET")
            run.set("probe_websocket_status_code", answer.status)
            if answer.status != 101:
                raise ProbeFailed(f"the server does not change over to a WebSocket: the status is {answer.status}")
            wanted = base64.b64encode(hashlib.sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()).decode()
            if answer.first("upgrade").lower() != "websocket" or answer.first("sec-websocket-accept") != wanted:
                raise ProbeFailed("the server does not change over to a WebSocket, though it says so")
            run.set("probe_websocket_connection_upgraded", 1)
            await self._talk(connection, run)
            _frames.close(connection)
        finally:
            connection.close()

    def _headers(self, key: str) -> Headers:
        config = self._options.http_config
        pairs = [
            ("User-Agent", "Tocsin"), ("Connection", "Upgrade"), ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", key),
        ]  # fmt: skip
        for name, value in config.http_headers.items():
            pairs.append((name, self._secrets.get(f"http_headers.{name}", value)))
        if config.basic_auth is not None:
            pairs.append(("Authorization", basic_auth(config.basic_auth, self._secrets)))
        elif config.bearer_token is not None:
            pairs.append(("Authorization", f"Bearer {self._secrets.get('bearer_token', config.bearer_token)}"))
        return tuple(pairs)

    async def _talk(self, connection: Connection, run: Run) -> None:
        """Go through the steps: ``expect`` is looked for in the next message, ``send`` is a message."""
        for step in self._conversation:
            reply = step.asked.send
            if step.search is not None:
                message = (await _frames.receive(connection)).decode("utf-8", "replace")
                match = step.search(message)
                if match is None:
                    run.set("probe_websocket_failed_due_to_regex", 1)
                    raise ProbeFailed(f"the message does not match {step.asked.expect[:100]!a}: {message[:60]!a}")
                reply = expand(reply, match)
            if reply:
                _frames.send(connection, reply.encode())
