"""Our probes beside a real blackbox_exporter: the same modules file, the same targets, the same families and labels."""

from __future__ import annotations

import asyncio
import socket
import time
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest
from probe_kit import Asked, Authority, dns_server, health, http, ok, says, serve
from prometheus_client.parser import text_string_to_metric_families

from agent.build import build_targets
from agent.config.load import load

pytestmark = pytest.mark.server("prometheus-blackbox-exporter")

OURS_ONLY = {"probe_tls_cipher_info", "probe_failed_due_to_bytes", "probe_ssl_last_chain_info:serialnumber"}
"""What newer releases of the exporter have and Debian's does not."""
GRPC = {"probe_ssl_earliest_cert_expiry", "probe_ssl_last_chain_expiry_timestamp_seconds"}
"""Of gRPC the exporter gives an expiry of 0 where there is no TLS, at which every rule about it fires; and never the
other. docs/probes.md says so."""
TARGET_LABELS = {"instance", "job", "module", "name"}
MODULES = """\
modules:
  http_2xx: {{prober: http, timeout: 5s, http: {{preferred_ip_protocol: ip4, tls_config: {{ca_file: {ca}}}}}}}
  http_1: {{prober: http, http: {{enable_http2: false, tls_config: {{ca_file: {ca}}}}}}}
  http_unverified: {{prober: http, http: {{tls_config: {{insecure_skip_verify: true}}}}}}
  http_system: {{prober: http}}
  http_post: {{prober: http, http: {{method: POST, body: "a=b", headers: {{Content-Type: text/plain}}}}}}
  http_body: {{prober: http, http: {{fail_if_body_not_matches_regexp: [hello]}}}}
  http_no_body: {{prober: http, http: {{fail_if_body_matches_regexp: ["h.llo"]}}}}
  http_header: {{prober: http, http: {{fail_if_header_not_matches: [{{header: Server, regexp: "^x"}}]}}}}
  http_stay: {{prober: http, http: {{follow_redirects: false, valid_status_codes: [302]}}}}
  http_ssl: {{prober: http, http: {{fail_if_not_ssl: true}}}}
  http_basic: {{prober: http, http: {{basic_auth: {{username: u, password: hunter2}}}}}}
  http_wrong: {{prober: http, http: {{basic_auth: {{username: u, password: other}}}}}}
  http_bearer: {{prober: http, http: {{bearer_token: hunter2}}}}
  http_typed: {{prober: http, http: {{authorization: {{type: Token, credentials: hunter2}}}}}}
  http_header_login: {{prober: http, http: {{headers: {{Authorization: Bearer hunter2}}}}}}
  http_oauth: {{prober: http, http: {{oauth2: {{client_id: a, client_secret: hunter2, token_url: "http://127.0.0.1:{http}/token"}}}}}}
  http_no_token: {{prober: http, http: {{oauth2: {{client_id: a, client_secret: x, token_url: "http://127.0.0.1:{http}/token"}}}}}}
  http_proxy: {{prober: http, http: {{proxy_url: "http://127.0.0.1:{http}"}}}}
  http_only_2: {{prober: http, http: {{valid_http_versions: [HTTP/2.0]}}}}
  tcp: {{prober: tcp}}
  tls: {{prober: tcp, tcp: {{tls: true, tls_config: {{ca_file: {ca}}}}}}}
  banner: {{prober: tcp, tcp: {{query_response: [{{expect: "^SSH-2.0-"}}, {{send: "x"}}]}}}}
  icmp: {{prober: icmp}}
  dns_a: {{prober: dns, dns: {{query_name: example.test, query_type: A}}}}
  dns_soa: {{prober: dns, dns: {{query_name: example.test, query_type: SOA, transport_protocol: tcp}}}}
  dns_mx:
    prober: dns
    dns:
      query_name: example.test
      query_type: MX
      validate_answer_rrs: {{fail_if_not_matches_regexp: ["example\\\\.test\\\\.\\t300\\tIN\\tMX\\t10 mail\\\\..*"]}}
      validate_additional_rrs: {{fail_if_matches_regexp: [".*192.0.2.99"]}}
  dns_missing: {{prober: dns, dns: {{query_name: nothing.test, query_type: A}}}}
  grpc: {{prober: grpc, grpc: {{preferred_ip_protocol: ip4}}}}
  grpc_tls: {{prober: grpc, grpc: {{tls: true, tls_config: {{ca_file: {ca}}}}}}}
"""
Families = dict[tuple[str, frozenset[tuple[str, str]]], float]


def answer(asked: Asked) -> bytes:
    path = asked.line.split()[1]
    if path == "/token":
        good = asked.headers.get("authorization") == "Basic YTpodW50ZXIy"
        return (
            ok(b'{"access_token": "hunter2", "expires_in": 60}', "Content-Type: application/json")
            if good
            else ok(status="401 No")
        )
    if path == "/login":
        logins = ("Basic dTpodW50ZXIy", "Bearer hunter2", "Token hunter2")
        return ok(b"in") if asked.headers.get("authorization") in logins else ok(b"out", status="401 Who")
    if path == "/redirect":
        return ok(b"", "Location: /", status="302 Found")
    if path == "/gzip":
        import gzip

        return ok(gzip.compress(b"hello " * 100), "Content-Encoding: gzip")
    if path == "/chunked":
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    if path == "/404":
        return ok(b"no", status="404 Not Found")
    return ok(b"hello world", "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT", "Server: nginx")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path)


@pytest.fixture
async def ports(authority: Authority) -> AsyncIterator[dict[str, int]]:
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        yield {
            "http": await enter(serve(http(answer))),
            "https": await enter(serve(http(answer), authority.server(alpn=("http/1.1",)))),
            "ssh": await enter(serve(says(b"SSH-2.0-x\r\n", hold=True))),
            "dns": await enter(dns_server()),
            "grpc": await enter(serve(health(1))),
            "grpc_down": await enter(serve(health(2))),
            "grpc_tls": await enter(serve(health(1), authority.server(alpn=("h2",)))),
            "closed": 1,
        }


@pytest.fixture
def exporter(
    tmp_path: Path, authority: Authority, ports: dict[str, int], require: Callable[[str], Path]
) -> Iterator[str]:
    """Its URL; its modules are ``modules.yml``."""
    (tmp_path / "modules.yml").write_text(MODULES.format(ca=authority.file, http=ports["http"]))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [require("prometheus-blackbox-exporter"), f"--config.file={tmp_path / 'modules.yml'}",
               f"--web.listen-address={address}"]  # fmt: skip
    with Popen(command, stdout=DEVNULL, stderr=DEVNULL) as process:
        try:
            until = time.monotonic() + 10
            while time.monotonic() < until:
                try:
                    urllib.request.urlopen(f"http://{address}/-/healthy", timeout=1).close()
                    break
                except OSError:
                    assert process.poll() is None, "the exporter refused its configuration"
                    time.sleep(0.05)
            yield f"http://{address}"
        finally:
            process.terminate()


CASES = (
    ("http_2xx", "http://127.0.0.1:{http}/"), ("http_2xx", "http://localhost:{http}/redirect"),
    ("http_2xx", "127.0.0.1:{http}/gzip"), ("http_2xx", "http://127.0.0.1:{http}/chunked"),
    ("http_2xx", "http://127.0.0.1:{http}/404"), ("http_2xx", "http://127.0.0.1:{closed}/"),
    ("http_2xx", "https://localhost:{https}/"), ("http_1", "https://127.0.0.1:{https}/"),
    ("http_unverified", "https://127.0.0.1:{https}/"), ("http_system", "https://127.0.0.1:{https}/"),
    ("http_post", "http://127.0.0.1:{http}/"), ("http_body", "http://127.0.0.1:{http}/"),
    ("http_no_body", "http://127.0.0.1:{http}/"), ("http_header", "http://127.0.0.1:{http}/"),
    ("http_stay", "http://127.0.0.1:{http}/redirect"), ("http_ssl", "http://127.0.0.1:{http}/"),
    ("http_2xx", "http://nothing.invalid/"),
    *((f"http_{login}", "http://127.0.0.1:{http}/login") for login in (
        "basic", "wrong", "bearer", "typed", "header_login", "oauth", "no_token", "2xx",
    )),
    ("http_proxy", "http://127.0.0.1:{closed}/"),
    ("http_only_2", "http://127.0.0.1:{http}/"),
    ("tcp", "127.0.0.1:{ssh}"), ("tcp", "127.0.0.1:{closed}"), ("tls", "localhost:{https}"), ("tls", "127.0.0.1:{ssh}"),
    ("banner", "127.0.0.1:{ssh}"), ("banner", "127.0.0.1:{closed}"),
    ("icmp", "127.0.0.1"), ("icmp", "::1"),
    ("dns_a", "127.0.0.1:{dns}"), ("dns_soa", "127.0.0.1:{dns}"), ("dns_mx", "127.0.0.1:{dns}"),
    ("dns_missing", "127.0.0.1:{dns}"), ("dns_a", "127.0.0.1:{closed}"),
    ("grpc", "127.0.0.1:{grpc}"), ("grpc", "127.0.0.1:{grpc_down}"), ("grpc_tls", "localhost:{grpc_tls}"),
)  # fmt: skip


@pytest.mark.root  # the exporter wants a raw socket
async def test_families_labels_and_values_agree(exporter: str, ports: dict[str, int], tmp_path: Path) -> None:
    targets = [(module, target.format(**ports)) for module, target in CASES]
    lines = [f"      - {{module: {module}, target: {target!r}}}" for module, target in targets]
    config = tmp_path / "tocsin.yaml"
    config.write_text("\n".join(["collect:", "  probes:", "    modules: modules.yml", "    targets:", *lines]))
    loaded = load(config)
    assert loaded.config is not None, loaded.problems
    scheduler, families = build_targets(loaded.config)
    assert scheduler is not None
    await scheduler.once()
    declared = {metric.name: set(metric.labels) for metric in families}
    ours = {scrape.source: scrape for scrape in scheduler.take(1)}
    differences = []
    for module, target in targets:
        scrape = ours[f"probe/{module}:{target}"]
        assert all(set(dict(s.labels)) - TARGET_LABELS <= declared[s.name] for s in scrape.samples)
        mine = {
            (s.name, frozenset(pair for pair in s.labels if pair[0] not in TARGET_LABELS)): s.value
            for s in scrape.samples
            if s.name.startswith("probe_")
        }
        theirs = await asyncio.to_thread(ask, exporter, module, target)
        differences += [
            f"{module} {target}: {each}"
            for each in differ(mine, theirs, apart=GRPC if module.startswith("grpc") else set())
        ]
    assert not differences, "\n".join(differences)


def ask(exporter: str, module: str, target: str) -> Families:
    query = urllib.parse.urlencode({"module": module, "target": target})
    with urllib.request.urlopen(f"{exporter}/probe?{query}", timeout=10) as response:
        text = response.read().decode()
    families = list(text_string_to_metric_families(text))
    assert all(family.type == "gauge" for family in families)
    return {(s.name, frozenset(s.labels.items())): s.value for family in families for s in family.samples}


def differ(mine: Families, theirs: Families, *, apart: set[str]) -> Iterator[str]:
    """Every difference but in durations, which no two probes share, and in what newer exporters have."""

    def comparable(found: Families) -> Families:
        kept = {}
        for (name, labels), value in found.items():
            pairs = frozenset(pair for pair in labels if f"{name}:{pair[0]}" not in OURS_ONLY)
            if name not in OURS_ONLY | apart:
                kept[name, pairs] = value
        return kept

    mine, theirs = comparable(mine), comparable(theirs)
    for name, labels in sorted(mine.keys() ^ theirs.keys(), key=str):
        side = "only ours" if (name, labels) in mine else "only the exporter's"
        yield f"{side}: {name} {dict(labels)}"
    for key in mine.keys() & theirs.keys():
        if "seconds" not in key[0] or "timestamp" in key[0]:
            if mine[key] != theirs[key]:
                yield f"{key[0]} {dict(key[1])}: ours {mine[key]}, the exporter's {theirs[key]}"
        elif abs(mine[key] - theirs[key]) > 2:
            yield f"{key[0]} {dict(key[1])}: ours {mine[key]} s, the exporter's {theirs[key]} s"
