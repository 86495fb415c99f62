"""TCP and Unix sockets: whether they can be connected to, and a conversation over them, with TLS at once or later."""

from __future__ import annotations

from collectors.probes import _tls
from collectors.probes._dial import dial, dial_unix
from collectors.probes._resolve import Resolver, split_host_port
from collectors.probes._run import Run
from collectors.probes._talk import steps, talk
from collectors.probes.modules import TcpProbe, UnixProbe


class TcpProber:
    """Built once for a module; ValueError names the option that is wrong."""

    def __init__(self, options: TcpProbe, resolver: Resolver, contexts: _tls.Contexts) -> None:
        self._options = options
        self._resolver = resolver
        self._contexts = contexts
        self._conversation = steps(options.query_response)

    @staticmethod
    def check_target(target: str) -> None:
        """ValueError when the target can never be probed."""
        split_host_port(target)

    async def probe(self, target: str, run: Run) -> None:
        options = self._options
        run.set("probe_failed_due_to_regex", 0)
        run.set("probe_failed_due_to_bytes", 0)
        host, port = split_host_port(target)
        address = await self._resolver.choose(host, options.preferred_ip_protocol, options.ip_protocol_fallback, run)
        connection = await dial(address, port, options.source_ip_address)
        try:
            if options.tls:
                await connection.secure(self._contexts.get(options.tls_config), options.tls_config.server_name or host)
                if connection.tls is not None:
                    _tls.record(run, connection.tls)
            await talk(
                connection, self._conversation, run, tls=options.tls_config, server_name=host, contexts=self._contexts
            )
        finally:
            connection.close()


class UnixProber:
    """The same for a Unix stream socket, whose target is its path."""

    def __init__(self, options: UnixProbe, contexts: _tls.Contexts) -> None:
        self._options = options
        self._contexts = contexts
        self._conversation = steps(options.query_response)

    @staticmethod
    def check_target(target: str) -> None:
        """ValueError when the target can never be probed."""
        if not target.startswith("/") or len(target.encode()) > 107:
            raise ValueError(f"{target[:120]!a} is not the absolute path of a socket (107 bytes at most)")

    async def probe(self, target: str, run: Run) -> None:
        options = self._options
        run.set("probe_failed_due_to_regex", 0)
        run.set("probe_failed_due_to_bytes", 0)
        connection = await dial_unix(target)
        name = options.tls_config.server_name or "localhost"
        try:
            if options.tls:
                await connection.secure(self._contexts.get(options.tls_config), name)
                if connection.tls is not None:
                    _tls.record(run, connection.tls)
            await talk(
                connection, self._conversation, run, tls=options.tls_config, server_name=name, contexts=self._contexts
            )
        finally:
            connection.close()
