"""TCP, Unix sockets, ICMP, DNS and gRPC against real servers on loopback, and each way they can go wrong."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import msgspec
import pytest
from probe_kit import SERIAL, Authority, dns_server, health, mistakes, module, ok, probe, says, serve
from probe_kit import http as http_server

from collectors.probes import _resolve, icmp
from collectors.probes._resolve import Address, address_hash, pick, split_host_port
from collectors.probes._run import ProbeFailed
from collectors.probes.modules import Prober, TcpProbe
from collectors.probes.ready import READY


async def test_tcp_connects_or_says_why() -> None:
    async with serve(says(b"")) as port:
        found = await probe(module("tcp"), f"127.0.0.1:{port}")
        assert found.ok
        assert found["probe_ip_protocol"] == 4
    found = await probe(module("tcp"), f"127.0.0.1:{port}")
    assert found.why == f"cannot connect to 127.0.0.1:{port}: refused"
    assert found["probe_failed_due_to_regex"] == 0


async def test_a_conversation_step_by_step() -> None:
    heard: list[bytes] = []

    async def irc(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readline())
        writer.write(b":x NOTICE\r\nPING :abc\r\n")
        heard.append(await reader.readline())
        writer.write(b":x 001 welcome\n")

    steps = [
        {"send": "NICK prober"},
        {"expect": "^PING :([^ ]+)", "send": "PONG ${1} $$", "labels": [{"name": "name", "value": "$1"}]},
        {"expect": "^:[^ ]+ (?P<code>001)", "labels": [{"name": "value", "value": "${code}-${none}"}]},
    ]
    async with serve(irc) as port:
        found = await probe(module("tcp", query_response=steps), f"127.0.0.1:{port}")
    assert found.ok, found.why
    assert heard == [b"NICK prober\n", b"PONG abc $\n"]
    assert ("probe_expect_info", (("name", "abc"),)) in found.values
    assert ("probe_expect_info", (("value", "001-"),)) in found.values


@pytest.mark.parametrize(
    ("greeting", "step", "why", "regex"),
    [
        (
            b"hello\n",
            {"expect": "^SSH"},
            "no line matches '^SSH' before the connection ends; the last line is 'hello'",
            1,
        ),
        (b"", {"expect": "^SSH"}, "no line matches '^SSH' before the connection ends", 1),
        (b"SSH-2.0", {"expect": "^SSH"}, "", 0),
        (b"x" * 100_000 + b"\n", {"expect": "^SSH"}, "the answer has a line longer than 65536 bytes", 0),
        (b"\xff\xfe\0\n", {"expect": "."}, "", 0),
        (b"\x4a\0\0\0\x0a8.0.36\0", {"expect_raw": r"(?s)^...\x00\x0a[0-9]"}, "", 0),
        (b"\xff\0", {"expect_raw": "^ab"}, "the answer does not match '^ab': it begins with 'ff00'", 1),
        (b"x" * 70_000, {"expect_raw": "y"}, f"the answer does not match 'y': it begins with '{'78' * 30}'", 1),
    ],
)
async def test_what_a_greeting_may_be(greeting: bytes, step: dict[str, str], why: str, regex: int) -> None:
    async with serve(says(greeting)) as port:
        found = await probe(module("tcp", query_response=[step]), f"127.0.0.1:{port}")
    assert found.why == why
    assert found["probe_failed_due_to_regex"] == regex


async def test_a_server_that_says_nothing() -> None:
    async with serve(says(b"", hold=True)) as port:
        found = await probe(module("tcp", timeout=0.2, query_response=[{"expect": "x"}]), f"127.0.0.1:{port}")
    assert found.why == "not done after 0.2 s, while waiting for the answer"


async def test_a_probe_that_takes_too_long_says_what_it_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serve(says(b"SSH-2.0\n", hold=True)) as port:
        steps = [{"expect": "SSH"}, {"expect": "more"}]
        talk = await probe(module("tcp", timeout=0.2, query_response=steps), f"127.0.0.1:{port}")
        assert talk.why == "not done after 0.2 s, in the middle of the answer"
        steps = [{"expect": "SSH", "send": "hello"}, {"expect": "more"}]
        talk = await probe(module("tcp", timeout=0.2, query_response=steps), f"127.0.0.1:{port}")
        assert talk.why == "not done after 0.2 s, while waiting for the answer"
    async with serve(says(b"", hold=True)) as port:
        for prober in ("tcp", "grpc"):
            silent = await probe(module(prober, timeout=0.2, tls=True), f"127.0.0.1:{port}")
            assert silent.why == "not done after 0.2 s, in the TLS handshake"
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, contextlib.ExitStack() as waiting:
        for _ in range(4):  # nobody accepts: beyond the backlog a connection is not made
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        port = full.getsockname()[1]
        refused = await probe(module("tcp", timeout=0.2), f"127.0.0.1:{port}")
        assert refused.why == f"not done after 0.2 s, while connecting to 127.0.0.1:{port}"
    answered = threading.Event()
    monkeypatch.setattr(_resolve, "_look_up", lambda host: answered.wait(30) and [])
    unknown = await probe(module("tcp", timeout=0.2), "shop.invalid:80")
    answered.set()
    assert unknown.why == "not done after 0.2 s, while the name was looked up"


async def test_tls_at_once_and_later(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    context = authority.server("localhost")

    async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n")
        await reader.readline()
        writer.write(b"250-mail\r\n250-STARTTLS\r\n250 HELP\r\n")
        await reader.readline()
        # What an attacker between could slip in before the handshake must not be read as if it were protected.
        writer.write(b"220 go\r\n250 injected\r\n")
        await writer.start_tls(context)
        assert (await reader.readline()).startswith(b"QUIT")

    trusting = {"ca_file": "ca.pem"}
    async with serve(says(b"+OK\n"), context) as port:
        steps = [{"expect": r"^\+OK"}]
        found = await probe(
            module("tcp", tls=True, tls_config=trusting, query_response=steps), f"localhost:{port}", base=tmp_path
        )
        assert found.ok, found.why
        assert found["probe_ssl_earliest_cert_expiry"] > 1.7e9
        found = await probe(module("tcp", tls=True), f"localhost:{port}")
        assert found.why.startswith("the certificate is refused")
    async with serve(says(b"hello, no TLS here\n")) as port:
        found = await probe(module("tcp", tls=True), f"localhost:{port}")
        assert found.why.startswith("TLS failed: ")
    ready = READY["smtp_starttls"].tcp.query_response
    async with serve(smtp) as port:
        what = module("tcp", tls_config=trusting, query_response=[step_of(step) for step in ready])
        found = await probe(what, f"localhost:{port}", base=tmp_path)
        assert found.ok, found.why
        assert found["probe_ssl_earliest_cert_expiry"] > 1.7e9
        more = [*map(step_of, ready), {"expect": "injected"}]
        found = await probe(
            module("tcp", timeout=0.5, tls_config=trusting, query_response=more), f"localhost:{port}", base=tmp_path
        )
        assert not found.ok


def step_of(step: object) -> dict[str, object]:
    import msgspec

    plain: dict[str, object] = msgspec.to_builtins(step)
    plain.pop("expect_bytes")
    return plain


@pytest.mark.parametrize(
    ("name", "greeting"),
    [
        ("ssh_banner", b"SSH-2.0-OpenSSH_9.2\r\n"),
        ("smtp_banner", b"220 mail.example.net ESMTP\r\n"),
        ("imap_banner", b"* OK ready\r\n"),
        ("pop3_banner", b"+OK ready\r\n"),
        ("mysql_greeting", b"\x4a\0\0\0\x0a8.0.36\0rest"),
        ("redis_ping", b"-NOAUTH Authentication required.\r\n"),
        ("postgresql_greeting", b"S"),
        ("ldap_bind", bytes.fromhex("300c02010161070a010004000400")),
    ],
)
async def test_ready_greetings(name: str, greeting: bytes) -> None:
    async with serve(says(greeting, hold=True)) as port:
        assert (found := await probe(READY[name], f"127.0.0.1:{port}")).ok, found.why
    async with serve(says(b"HTTP/1.1 400 Bad Request\r\n")) as port:
        assert not (await probe(READY[name], f"127.0.0.1:{port}")).ok


async def test_unix_sockets(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hi\n")
        writer.close()

    server = await asyncio.start_unix_server(greet, path)
    async with server:
        what = module("unix", query_response=[{"expect": "^hi"}])
        assert (await probe(what, str(path))).ok
        server.close()
    assert (await probe(what, str(tmp_path / "none"))).why.endswith("No such file or directory")
    assert "not the absolute path" in mistakes(what, "relative")[0]


# ICMP


@pytest.mark.parametrize(("target", "version"), [("127.0.0.1", 4), ("::1", 6)])
async def test_echo(target: str, version: int) -> None:
    found = await probe(module("icmp", payload_size=100, ttl=9, dont_fragment=True), target)
    if found.why.startswith("no socket for ICMP") or "Network is unreachable" in found.why:
        pytest.skip(found.why)
    assert found.ok, found.why
    assert found["probe_ip_protocol"] == version
    assert 0 < found.phase("probe_icmp_duration_seconds", "rtt") < 1
    assert found["probe_icmp_reply_hop_limit"] > 0


@pytest.mark.root
@pytest.mark.parametrize("target", ["127.0.0.1", "::1"])
async def test_echo_by_a_raw_socket(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = icmp.socket.socket

    def refusing(family: int, kind: int, protocol: int) -> object:
        if kind == icmp.socket.SOCK_DGRAM:
            raise PermissionError
        return real(family, kind, protocol)

    monkeypatch.setattr(icmp.socket, "socket", refusing)
    found = await probe(module("icmp", count=3), target)
    assert found.ok, found.why
    assert found["probe_icmp_loss_ratio"] == 0
    assert found["probe_icmp_jitter_seconds"] >= 0


@pytest.mark.parametrize(
    ("target", "sound"),
    [("10.0.0.1", True), ("fe80::1%eth0", True), ("gw", True), ("10.0.0.1:80", False), ("no such host", False)],
)
def test_a_host_to_ping(target: str, *, sound: bool) -> None:
    assert (mistakes(module("icmp"), target) == []) is sound


def test_what_stands_under_another_prober_does_nothing() -> None:
    what = msgspec.structs.replace(module("icmp"), tcp=TcpProbe(tls=True))
    assert mistakes(what, "gw") == ["module 'm' has the prober icmp, so what stands here does nothing"]


def test_checksum_of_the_example_in_rfc_1071() -> None:
    assert icmp.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D
    assert icmp.checksum(b"\x01") == 0xFEFF


def test_loss_and_jitter() -> None:
    from collectors.probes._run import Run

    run = Run(0)
    icmp._record(run, [0.010, 0.014, 0.008], 4)
    assert run.values["probe_icmp_loss_ratio", ()] == 0.25
    assert run.values["probe_icmp_jitter_seconds", ()] == pytest.approx(0.005)
    with pytest.raises(ProbeFailed, match="no answer to 4 echo requests"):
        icmp._record(run, [], 4)
    assert run.values["probe_icmp_loss_ratio", ()] == 1


# Addresses


def test_preference_and_fallback() -> None:
    four, six = Address("192.0.2.1", 4), Address("2001:db8::1", 6)
    assert pick("h", [four, six], "ip6", fallback=True) == six
    assert pick("h", [four], "ip6", fallback=True) == four
    assert pick("h", [four, six], "ip4", fallback=False) == four
    with pytest.raises(ProbeFailed, match="'h' has no address of IP version 6 and ip_protocol_fallback is off"):
        pick("h", [four], "ip6", fallback=False)
    assert address_hash("127.0.0.1") == 3668918509  # what blackbox_exporter gives


@pytest.mark.parametrize(
    ("text", "parts"),
    [("h:1", ("h", 1)), ("[::1]:80", ("::1", 80)), ("::1", ("::1", 53)), ("h", ("h", 53)), ("[::1]", ("::1", 53))],
)
def test_host_and_port(text: str, parts: tuple[str, int]) -> None:
    assert split_host_port(text, 53) == parts


@pytest.mark.parametrize("text", ["h:0", "h:99999", "h:x", "h:"])
def test_no_port(text: str) -> None:
    with pytest.raises(ValueError, match="no valid port"):
        split_host_port(text)


async def test_a_name_is_looked_up_once_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look_up(host: str) -> list[Address]:
        asked.append(host)
        return [Address("127.0.0.1", 4)]

    monkeypatch.setattr(_resolve, "_look_up", look_up)
    resolver = _resolve.Resolver()
    found = await asyncio.gather(*(resolver.addresses("name") for _ in range(20)))
    assert found == [[Address("127.0.0.1", 4)]] * 20
    assert asked == ["name"]


async def test_a_silent_resolver_holds_up_only_those_who_ask_it(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    def look_up(host: str) -> list[Address]:
        if host != "quick":
            release.wait(10)
        return [Address("127.0.0.1", 4)]

    monkeypatch.setattr(_resolve, "_look_up", look_up)
    resolver = _resolve.Resolver()
    try:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await asyncio.gather(*(resolver.addresses(f"silent{n % 5}") for n in range(100)))
        assert sum(thread.name == "tocsin-resolve" for thread in threading.enumerate()) == 5
        async with asyncio.timeout(2):
            assert await resolver.addresses("quick") == [Address("127.0.0.1", 4)]
            assert await resolver.addresses("127.0.0.9") == [Address("127.0.0.9", 4)]
    finally:
        release.set()
        await asyncio.gather(*(resolver.addresses(f"silent{n}") for n in range(5)))


async def test_hundreds_of_names_that_hang_delay_no_other_by_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()

    hanging: set[str] = set()

    def look_up(host: str) -> list[Address]:
        if host.startswith("silent"):
            hanging.add(host)
            release.wait(20)
            hanging.discard(host)
        return [Address("127.0.0.1", 4)]

    monkeypatch.setattr(_resolve, "_look_up", look_up)
    monkeypatch.setattr(_resolve, "SLOW", 0.02)
    monkeypatch.setattr(_resolve, "OVERDUE", 150)
    resolver = _resolve.Resolver()
    waits: list[float] = []

    async def neighbours(count: int) -> None:
        for number in range(count):
            began = asyncio.get_running_loop().time()
            assert await resolver.addresses(f"quick{number % 7}")
            waits.append(asyncio.get_running_loop().time() - began)
            await asyncio.sleep(0)

    try:
        first = [asyncio.create_task(resolver.addresses(f"silent{n}")) for n in range(150)]
        await neighbours(50)
        while len(hanging) < 150:
            await asyncio.sleep(0.01)
        again = [asyncio.create_task(resolver.addresses(f"silent{n}")) for n in range(150)]  # those that are asked
        await neighbours(50)
        assert max(waits) < 1, f"the neighbours waited {max(waits):.1f} s"
        release.set()
        assert len(await asyncio.gather(*first, *again)) == 300
        release.clear()
        second = [asyncio.create_task(resolver.addresses(f"silent{n}")) for n in range(150)]
        await neighbours(50)
        assert max(waits) < 1
        assert len(hanging) == _resolve.THREADS, "names that hung before wait for each other"
    finally:
        release.set()
    assert len(await asyncio.gather(*second)) == 150
    assert resolver._overdue == 0


# DNS

A = {"query_name": "example.test", "query_type": "A"}


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_dns_over_each_transport(transport: str, tmp_path: Path) -> None:
    secure = {"transport_protocol": "tcp", "dns_over_tls": True, "tls_config": {"ca_file": "ca.pem"}}
    options = {"udp": {}, "tcp": {"transport_protocol": "tcp"}, "tls": secure}[transport]
    context = Authority.make(tmp_path).server("localhost") if transport == "tls" else None
    async with dns_server(tls=context) as port:
        host = "localhost" if transport == "tls" else "127.0.0.1"
        found = await probe(module("dns", **A, **options), f"{host}:{port}", base=tmp_path)
    assert found.ok, found.why
    assert found["probe_dns_answer_rrs"] == 2
    assert found["probe_dns_authority_rrs"] == 1
    assert found["probe_dns_additional_rrs"] == 1
    assert found["probe_dns_query_succeeded"] == 1
    assert found.phase("probe_dns_duration_seconds", "request") > 0


def flagged(response: dns.message.Message) -> bytes:
    response.flags |= dns.flags.AD
    return response.to_wire()


def failing(response: dns.message.Message) -> bytes:
    response.set_rcode(dns.rcode.SERVFAIL)
    return response.to_wire()


def truncated(response: dns.message.Message) -> bytes:
    response.flags |= dns.flags.TC
    return response.to_wire()[:40]


def other_question(response: dns.message.Message) -> bytes:
    response.question = dns.message.make_query("other.test", "A").question
    return response.to_wire()


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (failing, "the server answers SERVFAIL"),
        (truncated, "the answer is no DNS message: ShortHeader"),
        (lambda response: response.to_wire()[:2] + b"\xff" * 40, "the answer is no DNS message: "),
        (other_question, "the answer is to another question"),
        (lambda response: None, "not done after 0.4 s"),
        (lambda response: b"\0" + response.to_wire(), "not done after 0.4 s"),
    ],
)
async def test_dns_servers_that_are_not_well(change: Callable[[dns.message.Message], bytes | None], why: str) -> None:
    async with dns_server(change) as port:
        found = await probe(module("dns", timeout=0.4, **A), f"127.0.0.1:{port}")
    assert found.why.startswith(why.replace("ShortHeader", ""))
    assert not found.ok


@pytest.mark.parametrize(
    ("name", "kind", "options", "why"),
    [
        ("nothing.test", "A", {}, "the server answers NXDOMAIN"),
        ("nothing.test", "A", {"valid_rcodes": ["NXDOMAIN"]}, ""),
        ("example.test", "MX", {"validate_answer_rrs": {"fail_if_not_matches_regexp": [r"\tMX\t10 mail\."]}}, ""),
        ("example.test", "TXT", {"validate_answer_rrs": {"fail_if_not_matches_regexp": ['"hello world"$']}}, ""),
        ("example.test", "A", {"validate_answer_rrs": {"fail_if_matches_regexp": [r"192\.0\.2\.2$"]}},
         "a record of the answer section matches fail_if_matches_regexp"),
        ("example.test", "A", {"validate_answer_rrs": {"fail_if_not_matches_regexp": [r"192\.0\.2\.2$"]}},
         "a record of the answer section does not match fail_if_not_matches_regexp"),
        ("example.test", "A", {"validate_answer_rrs": {"fail_if_all_match_regexp": [r"192\.0\.2"]}},
         "all records of the answer section match fail_if_all_match_regexp"),
        ("example.test", "A", {"validate_answer_rrs": {"fail_if_none_matches_regexp": ["198"]}},
         "no record of the answer section matches fail_if_none_matches_regexp"),
        ("nothing.test", "A", {"valid_rcodes": ["NXDOMAIN"], "validate_answer_rrs": {"fail_if_none_matches_regexp": ["x"]}},  # noqa: E501
         "the answer section is empty"),
        ("example.test", "A", {"validate_additional_rrs": {"fail_if_matches_regexp": ["53"]}},
         "a record of the additional section matches fail_if_matches_regexp"),
    ],
)  # fmt: skip
async def test_what_an_answer_must_hold(name: str, kind: str, options: dict[str, object], why: str) -> None:
    async with dns_server() as port:
        found = await probe(module("dns", query_name=name, query_type=kind, **options), f"127.0.0.1:{port}")
    assert found.why == why


async def test_soa_and_dnssec() -> None:
    async with dns_server(flagged) as port:
        found = await probe(
            module("dns", query_name="example.test", query_type="SOA", dnssec=True), f"127.0.0.1:{port}"
        )
    assert found["probe_dns_serial"] == SERIAL
    assert found["probe_dns_authenticated"] == 1
    assert found["probe_dns_additional_rrs"] == 2, "the OPT record counts, as it does for the exporter"


def test_dns_options_that_mean_nothing() -> None:
    assert "query_type" not in mistakes(module("dns", **A), "127.0.0.1")
    (said,) = mistakes(module("dns", query_name="x", query_type="NONSENSE"), "127.0.0.1")
    assert "'NONSENSE' is not known" in said
    with pytest.raises(ValueError, match="dns_over_tls needs transport_protocol: tcp"):
        module("dns", dns_over_tls=True, **A)
    with pytest.raises(ValueError, match="needs dns"):
        module("dns")


# gRPC


@pytest.mark.parametrize(
    ("status", "code", "why"),
    [
        (1, 0, ""),
        (2, 0, "the service is NOT_SERVING"),
        (0, 0, "the service is UNKNOWN"),
        (0, 12, "the call fails with gRPC status 12"),
    ],
)
async def test_health_of_a_grpc_service(status: int, code: int, why: str) -> None:
    async with serve(health(status, code)) as port:
        found = await probe(module("grpc", service="shop"), f"127.0.0.1:{port}")
    assert found.why == why
    assert found["probe_grpc_status_code"] == code
    serving = ("probe_grpc_healthcheck_response", (("serving_status", "SERVING"),))
    assert found.values[serving] == (not why)


async def test_grpc_servers_that_are_none(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    async with serve(http_server(ok())) as port:
        found = await probe(module("grpc"), f"127.0.0.1:{port}")
        assert not found.ok
        assert found["probe_grpc_status_code"] == 14
    async with serve(health(1), authority.server("localhost", alpn=("h2",))) as port:
        found = await probe(
            module("grpc", tls=True, tls_config={"ca_file": "ca.pem"}), f"localhost:{port}", base=tmp_path
        )
        assert found.ok, found.why
        assert found["probe_grpc_ssl"] == 1
    async with serve(says(b"", hold=True)) as port:
        found = await probe(module("grpc", timeout=0.2), f"127.0.0.1:{port}")
        assert found["probe_grpc_status_code"] == 4


def test_every_ready_module_is_of_some_prober() -> None:
    assert {each.prober for each in READY.values()} == set(Prober) - {Prober.DNS, Prober.WEBSOCKET}


@pytest.mark.parametrize("prober", ["tcp", "icmp", "dns"])
async def test_the_address_to_probe_from(prober: str) -> None:
    options = {"query_name": "example.test", "query_type": "A"} if prober == "dns" else {}
    with pytest.raises(ValueError, match="source_ip_address: 'eth0' is not an IP address"):
        module(prober, source_ip_address="eth0", **options)
    async with dns_server() as port:
        target = "127.0.0.1" if prober == "icmp" else f"127.0.0.1:{port}"
        found = await probe(module(prober, source_ip_address="127.0.0.2", **options), target)
        assert found.ok or found.why.startswith("no socket for ICMP"), found.why
        found = await probe(module(prober, source_ip_address="192.0.2.77", **options), target)
        assert "Cannot assign requested address" in found.why or found.why.startswith("no socket for ICMP")


LOADED = """
import sys
from pathlib import Path
from collectors.api import load_targets
from collectors.probes.options import Options, TargetOptions
kind = load_targets("probes")
options = Options(targets=(TargetOptions(**{sys.argv[1]: sys.argv[2]}),))
assert not list(kind.check(options, 1000))
kind.build(options, str, Path())
print(*({"h2", "dns", "re2", "aiohttp"} & sys.modules.keys()))
"""


@pytest.mark.parametrize(
    ("short", "target", "loaded"),
    [("icmp", "localhost", ""), ("tcp", "h:1", ""), ("http", "http://h/", ""), ("grpc", "h:1", "h2")],
)
def test_only_what_is_used_is_loaded(short: str, target: str, loaded: str) -> None:
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", LOADED, short, target], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == (loaded, "")
