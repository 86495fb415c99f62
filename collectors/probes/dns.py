"""DNS: one query over UDP, TCP or TLS, and what its answer must hold. The wire format is dnspython's."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from collectors.probes import _tls
from collectors.probes._dial import dial, reason
from collectors.probes._resolve import Address, Resolver, split_host_port
from collectors.probes._run import STEP, Found, ProbeFailed, Run, patterns
from collectors.probes.modules import DnsProbe, RecordsCheck

T = TypeVar("T")
_STRAYS = 100
"""Answers to other queries that are passed over."""


@dataclass(frozen=True, slots=True)
class _Check:
    """The patterns over the records of one section."""

    section: str
    none: tuple[Found, ...]
    not_all: tuple[Found, ...]
    all: tuple[Found, ...]
    any: tuple[Found, ...]

    def failure(self, records: list[str]) -> str:
        """What is wrong with these records, or ''."""
        where = f"the {self.section} section"
        if not records and (self.all or self.any):
            return f"{where} is empty"
        if any(found(record) for found in self.none for record in records):
            return f"a record of {where} matches fail_if_matches_regexp"
        if any(not found(record) for found in self.all for record in records):
            return f"a record of {where} does not match fail_if_not_matches_regexp"
        if self.not_all and all(found(record) for found in self.not_all for record in records):
            return f"all records of {where} match fail_if_all_match_regexp"
        if self.any and not any(found(record) for found in self.any for record in records):
            return f"no record of {where} matches fail_if_none_matches_regexp"
        return ""


class DnsProber:
    """Built once for a module; ValueError names the option that is wrong."""

    def __init__(self, options: DnsProbe, resolver: Resolver, contexts: _tls.Contexts) -> None:
        self._options = options
        self._resolver = resolver
        self._contexts = contexts
        self._name = _read("query_name", dns.name.from_text, options.query_name)
        self._type = _read("query_type", dns.rdatatype.from_text, options.query_type)
        self._class = _read("query_class", dns.rdataclass.from_text, options.query_class)
        self._valid = frozenset(_read("valid_rcodes", dns.rcode.from_text, name) for name in options.valid_rcodes)
        self._checks = (
            _check("answer", options.validate_answer_rrs),
            _check("authority", options.validate_authority_rrs),
            _check("additional", options.validate_additional_rrs),
        )

    @staticmethod
    def check_target(target: str) -> None:
        """ValueError when the target can never be probed."""
        if not split_host_port(target, 53)[0]:
            raise ValueError("the target has no host")

    async def probe(self, target: str, run: Run) -> None:
        options = self._options
        run.phases("probe_dns_duration_seconds", "resolve", "connect", "request")
        for name in ("answer_rrs", "authority_rrs", "additional_rrs", "query_succeeded"):
            run.set(f"probe_dns_{name}", 0)
        host, port = split_host_port(target, 853 if options.dns_over_tls else 53)
        address = await self._resolver.choose(host, options.preferred_ip_protocol, options.ip_protocol_fallback, run)
        run.set("probe_dns_duration_seconds", run.values["probe_dns_lookup_time_seconds", ()], phase="resolve")
        query = dns.message.make_query(self._name, self._type, self._class, want_dnssec=options.dnssec)
        if options.edns0_udp_size is not None:
            query.use_edns(0, dns.flags.DO if options.dnssec else 0, options.edns0_udp_size)
        query.flags = dns.flags.Flag(0)
        if options.recursion_desired:
            query.flags |= dns.flags.RD
        if options.dnssec:
            query.flags |= dns.flags.AD
        ask = self._over_udp if options.transport_protocol == "udp" else self._over_tcp
        wire = await ask(query, address, port, host, run)
        response = _parsed(query, wire)
        run.set("probe_dns_query_succeeded", 1)
        # From the head of the message: dnspython puts the OPT record aside, which counts as additional.
        for name, count in zip(("answer", "authority", "additional"), struct.unpack_from("!HHH", wire, 6), strict=True):
            run.set(f"probe_dns_{name}_rrs", count)
        self._judge(response, run)

    def _judge(self, response: dns.message.Message, run: Run) -> None:
        if self._type == dns.rdatatype.SOA:
            serials = (getattr(record, "serial", None) for rrset in response.answer for record in rrset)
            run.set("probe_dns_serial", next((serial for serial in serials if serial is not None), 0))
        if self._options.dnssec:
            run.set("probe_dns_authenticated", bool(response.flags & dns.flags.AD))
        if response.rcode() not in self._valid:
            raise ProbeFailed(f"the server answers {dns.rcode.to_text(response.rcode())}")
        for check, section in zip(
            self._checks, (response.answer, response.authority, response.additional), strict=True
        ):
            if failure := check.failure(list(_texts(section))):
                raise ProbeFailed(failure)

    async def _over_udp(self, query: dns.message.Message, address: Address, port: int, host: str, run: Run) -> bytes:
        loop = asyncio.get_running_loop()
        began = monotonic()
        with socket.socket(address.family, socket.SOCK_DGRAM) as opened:
            opened.setblocking(False)
            try:
                if self._options.source_ip_address:
                    opened.bind((self._options.source_ip_address, 0))
                opened.connect((address.text, port) if address.version == 4 else (address.text, port, 0, address.scope))
                asked = monotonic()
                run.set("probe_dns_duration_seconds", asked - began, phase="connect")
                await loop.sock_sendall(opened, query.to_wire())
                STEP.set("while waiting for the answer")
                for _ in range(_STRAYS):
                    wire = await loop.sock_recv(opened, 65_535)
                    if wire[:2] == query.id.to_bytes(2):  # a late answer to somebody else's query is passed over
                        run.set("probe_dns_duration_seconds", monotonic() - asked, phase="request")
                        return wire
                raise ProbeFailed(f"the server sends {_STRAYS} answers, and none to this query")
            except OSError as error:
                raise ProbeFailed(f"cannot ask {address.in_url}:{port}: {reason(error)}") from None

    async def _over_tcp(self, query: dns.message.Message, address: Address, port: int, host: str, run: Run) -> bytes:
        began = monotonic()
        connection = await dial(address, port, self._options.source_ip_address)
        try:
            if self._options.dns_over_tls:
                config = self._options.tls_config
                await connection.secure(self._contexts.get(config), config.server_name or host)
            asked = monotonic()
            run.set("probe_dns_duration_seconds", asked - began, phase="connect")
            question = query.to_wire()
            connection.send(len(question).to_bytes(2) + question)
            STEP.set("while waiting for the answer")
            length = int.from_bytes(await connection.reader.readexactly(2))
            wire = await connection.reader.readexactly(length)
            run.set("probe_dns_duration_seconds", monotonic() - asked, phase="request")
        except asyncio.IncompleteReadError:
            raise ProbeFailed("the connection was closed before the answer was whole") from None
        except OSError as error:
            raise ProbeFailed(f"cannot read: {reason(error)}") from None
        finally:
            connection.close()
        return wire


def _parsed(query: dns.message.Message, wire: bytes) -> dns.message.Message:
    try:
        response = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError, IndexError, struct.error) as error:
        raise ProbeFailed(f"the answer is no DNS message: {type(error).__name__}") from None
    if not query.is_response(response):
        raise ProbeFailed("the answer is to another question")
    return response


def _texts(section: Iterable[dns.rrset.RRset]) -> Iterable[str]:
    """Each record as one line, its parts divided by tabs."""
    for rrset in section:
        for record in rrset:
            kind = dns.rdatatype.to_text(rrset.rdtype)
            yield f"{rrset.name}\t{rrset.ttl}\t{dns.rdataclass.to_text(rrset.rdclass)}\t{kind}\t{record.to_text()}"


def _check(section: str, asked: RecordsCheck) -> _Check:
    return _Check(
        section,
        none=patterns(f"validate_{section}_rrs", asked.fail_if_matches_regexp),
        not_all=patterns(f"validate_{section}_rrs", asked.fail_if_all_match_regexp),
        all=patterns(f"validate_{section}_rrs", asked.fail_if_not_matches_regexp),
        any=patterns(f"validate_{section}_rrs", asked.fail_if_none_matches_regexp),
    )


def _read(option: str, read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{option}: {text[:100]!a} is not known: {str(error) or type(error).__name__}") from None
