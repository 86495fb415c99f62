"""gRPC: the health service that servers offer (grpc.health.v1.Health/Check), over HTTP/2."""

from __future__ import annotations

import asyncio
from time import monotonic

from collectors.probes import _tls
from collectors.probes._dial import dial
from collectors.probes._http1 import Request
from collectors.probes._http2 import Exchange
from collectors.probes._resolve import Resolver, split_host_port
from collectors.probes._run import ProbeFailed, Run
from collectors.probes.modules import GrpcProbe

_STATUSES = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_DEADLINE_EXCEEDED, _UNAVAILABLE = 4, 14
_ANSWER_LIMIT = 64 * 1024


class GrpcProber:
    """Built once for a module."""

    def __init__(self, options: GrpcProbe, resolver: Resolver, contexts: _tls.Contexts) -> None:
        self._options = options
        self._resolver = resolver
        self._contexts = contexts

    @staticmethod
    def check_target(target: str) -> None:
        """ValueError when the target can never be probed."""
        if not split_host_port(_without_scheme(target), 443)[0]:
            raise ValueError("the target has no host")

    async def probe(self, target: str, run: Run) -> None:
        options = self._options
        run.phases("probe_grpc_duration_seconds", "resolve")
        run.set("probe_grpc_ssl", 0)
        run.set("probe_grpc_status_code", 0)
        host, port = split_host_port(_without_scheme(target), 443 if options.tls else 80)
        address = await self._resolver.choose(host, options.preferred_ip_protocol, options.ip_protocol_fallback, run)
        run.set("probe_grpc_duration_seconds", run.values["probe_dns_lookup_time_seconds", ()], phase="resolve")
        began = monotonic()
        for status in _STATUSES:
            run.set("probe_grpc_healthcheck_response", 0, serving_status=status)
        run.set("probe_grpc_status_code", _UNAVAILABLE)
        try:
            connection = await dial(address, port)
            try:
                if options.tls:
                    context = self._contexts.get(options.tls_config, ("h2",))
                    await connection.secure(context, options.tls_config.server_name or host)
                    if connection.tls is not None:
                        _tls.record(run, connection.tls)
                        run.set("probe_grpc_ssl", 1)
                serving = await self._ask(Exchange(connection), f"{host}:{port}", run)
            finally:
                connection.close()
        except asyncio.CancelledError:  # the time of the probe is over
            run.set("probe_grpc_status_code", _DEADLINE_EXCEEDED)
            raise
        finally:
            run.set("probe_grpc_duration_seconds", monotonic() - began, phase="check")
        run.set("probe_grpc_healthcheck_response", 1, serving_status=serving)
        if serving != "SERVING":
            raise ProbeFailed(f"the service is {serving}")

    async def _ask(self, exchange: Exchange, authority: str, run: Run) -> str:
        """The status the service gives, recorded with that of the call."""
        service = self._options.service.encode()
        message = b"\x0a" + _varint(len(service)) + service if service else b""
        headers = (("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", "Tocsin"))
        scheme = "https" if self._options.tls else "http"
        framed = b"\0" + len(message).to_bytes(4) + message
        await exchange.send(Request("POST", scheme, authority, "/grpc.health.v1.Health/Check", headers, framed))
        answer = await exchange.receive()
        data = b""
        if answer.body is not None:
            async for part in answer.body:
                data += part
                if len(data) > _ANSWER_LIMIT:
                    raise ProbeFailed(f"the answer is larger than {_ANSWER_LIMIT} bytes")
        if answer.status != 200:
            raise ProbeFailed(f"the server answers with HTTP status {answer.status}")
        code = exchange.trailers.get("grpc-status") or answer.first("grpc-status")
        if not (code.isascii() and code.isdigit()):
            raise ProbeFailed("the answer is no gRPC: it has no grpc-status")
        run.set("probe_grpc_status_code", int(code))
        if int(code):
            raise ProbeFailed(f"the call fails with gRPC status {int(code)}")
        return _status(data)


def _without_scheme(target: str) -> str:
    return target.removeprefix("http://").removeprefix("https://")


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _status(data: bytes) -> str:
    """The enum in field 1 of the message; one that is not there is 0."""
    if len(data) < 5 or data[0] or int.from_bytes(data[1:5]) != len(data) - 5:
        raise ProbeFailed("the answer is no message of the health service")
    message = data[5:]
    if not message:
        return _STATUSES[0]
    if len(message) != 2 or message[0] != 0x08 or message[1] >= len(_STATUSES):
        raise ProbeFailed("the answer is no message of the health service")
    return _STATUSES[message[1]]
