"""HTTP probes against real servers: what is asked, what is measured, and each way it can go wrong."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from pathlib import Path

import pytest
from probe_kit import Asked, Authority, h2_server, http, mistakes, module, ok, probe, says, serve

from collectors._options import CredentialRef


async def test_phases_and_facts_of_an_answer() -> None:
    seen: list[Asked] = []
    async with serve(http(ok(b"hello", "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT"), seen)) as port:
        found = await probe(module("http", method="PUT", body="a=b", headers={"X-A": "1"}), f"127.0.0.1:{port}/p?q=1")
    assert found.ok
    assert found["probe_http_status_code"] == 200
    assert found["probe_http_version"] == 1.1
    assert found["probe_http_content_length"] == 5
    assert found["probe_http_uncompressed_body_length"] == 5
    assert found["probe_http_last_modified_timestamp_seconds"] == 1445412480
    assert found["probe_http_ssl"] == 0
    assert 0 < found.phase("probe_http_duration_seconds", "connect") < 2
    assert 0 < found.phase("probe_http_duration_seconds", "processing") < 2
    (asked,) = seen
    assert asked.line == "PUT /p?q=1 HTTP/1.1"
    assert asked.headers["host"] == f"127.0.0.1:{port}"
    assert asked.headers["x-a"] == "1"
    assert asked.body == b"a=b"


@pytest.mark.parametrize(
    ("answer", "options", "why"),
    [
        (ok(status="503 Busy"), {}, "the status is 503"),
        (ok(status="503 Busy"), {"valid_status_codes": [503]}, ""),
        (ok(), {"valid_status_codes": [204]}, "the status is 200"),
        (ok(), {"valid_http_versions": ["HTTP/2.0"]}, "the answer is HTTP/1.1"),
        (ok(), {"fail_if_not_ssl": True}, "the last answer did not come over TLS"),
        (ok(b"all is lost"), {"fail_if_body_matches_regexp": ["l[o]st"]}, "the body matches 'l[o]st'"),
        (ok(b"fine"), {"fail_if_body_matches_regexp": ["lost"]}, ""),
        (ok(b"fine"), {"fail_if_body_not_matches_regexp": ["f", "^x"]}, "the body does not match '^x'"),
        (ok(b"", "X: a"), {"fail_if_header_matches": [{"header": "x", "regexp": "a"}]}, "the header x matches what it must not"),  # noqa: E501
        (ok(b""), {"fail_if_header_matches": [{"header": "x", "regexp": "a"}]}, "there is no header x"),
        (ok(b""), {"fail_if_header_not_matches": [{"header": "x", "regexp": "a", "allow_missing": True}]}, ""),
        (ok(b"", "X: b"), {"fail_if_header_not_matches": [{"header": "x", "regexp": "a"}]}, "the header x does not match"),  # noqa: E501
        (ok(b"12345678"), {"body_size_limit": "4B"}, "the body is larger than 4 bytes"),
        (b"SSH-2.0-x\r\n", {}, "the answer is no HTTP/1: 'SSH-2.0-x'"),
        (b"", {}, "the connection was closed before the answer was whole"),
        (b"HTTP/1.1 200 OK\r\n", {}, "the connection was closed before the answer was whole"),
        (b"HTTP/1.1 200 OK\r\nbroken\r\n\r\n", {}, "the answer has a header that is none: 'broken'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", {}, "the connection was closed before the body was whole"),  # noqa: E501
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", {}, "the body has a chunk of size b'zz'"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n", {}, "a chunk of the body is longer than it says"),  # noqa: E501
        (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 600, {}, "the head of the answer is larger than 262144 bytes or 500 lines"),  # noqa: E501
        (b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000, {}, "the answer has a line longer than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\nA: b\r\n" + b" c\r\n" * 600, {}, "the head of the answer is larger than 262144 bytes or 500 lines"),  # noqa: E501
        (b"HTTP/1.1 200 OK\r\n b\r\n\r\n", {}, "the answer has a header that is none: ' b'"),
        (b"HTTP/1.1 200 OK\r\nX: a\r\n\t b\r\nContent-Length: 0\r\n\r\n", {"fail_if_header_not_matches": [{"header": "x", "regexp": "^a b$"}]}, ""),  # noqa: E501
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", {}, "the answer has a Content-Length that is none: '5, 6'"),  # noqa: E501
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", {}, "the answer has a Content-Length that is none: '-5'"),  # noqa: E501
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello", {"fail_if_body_not_matches_regexp": ["^hello$"]}, ""),  # noqa: E501
        (b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", {"fail_if_body_not_matches_regexp": ["^hello$"]}, ""),  # noqa: E501
        (b"HTTP/1.1 100 Continue\r\n\r\n" + ok(), {}, ""),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20, {}, "the server sends nothing but interim answers"),
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", {"fail_if_body_not_matches_regexp": ["end$"]}, ""),
        (b"HTTP/1.1 204 No\r\n\r\n", {}, ""),
    ],
)  # fmt: skip
async def test_what_decides(answer: bytes, options: dict[str, object], why: str) -> None:
    async with serve(http(answer)) as port:
        found = await probe(module("http", **options), f"http://127.0.0.1:{port}/")
    assert found.why == why
    assert found.ok == (not why)
    matched = any("regexp" in option or "header" in option for option in options)
    assert found["probe_failed_due_to_regex"] == (bool(why) and matched)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_compressed_body_is_matched_as_what_it_is(encoding: str) -> None:
    packed = gzip.compress(b"needle " * 50_000) if encoding == "gzip" else zlib.compress(b"needle " * 50_000)
    what = module("http", compression=encoding, fail_if_body_not_matches_regexp=["needle"])
    seen: list[Asked] = []
    async with serve(http(ok(packed, f"Content-Encoding: {encoding}"), seen)) as port:
        found = await probe(what, f"127.0.0.1:{port}")
    assert found.ok
    assert found["probe_http_uncompressed_body_length"] == 350_000
    assert found["probe_http_content_length"] == len(packed)
    assert seen[0].headers["accept-encoding"] == encoding


async def test_a_body_that_unpacks_without_end_is_stopped() -> None:
    bomb = gzip.compress(b"\0" * (64 << 20))
    async with serve(http(ok(bomb))) as port:
        found = await probe(module("http", timeout=10, compression="gzip", body_size_limit="1MB"), f"127.0.0.1:{port}")
    assert found.why == "the body is larger than 1048576 bytes"


async def test_a_server_that_drips_costs_no_more_than_the_timeout() -> None:
    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n":
            writer.write(bytes([byte]))
            await asyncio.sleep(0.1)

    async with serve(slow) as port:
        found = await probe(module("http", timeout=0.3), f"127.0.0.1:{port}")
    assert found.why == "not done after 0.3 s, while waiting for the answer"
    assert 0.29 < found["probe_duration_seconds"] < 2
    assert found["probe_http_status_code"] == 0
    assert found.phase("probe_http_duration_seconds", "connect") > 0


async def test_ipv6_in_the_url() -> None:
    seen: list[Asked] = []
    async with serve(http(ok(), seen), host="::1") as port:
        found = await probe(module("http"), f"http://[::1]:{port}/")
    assert found.ok, found.why
    assert found["probe_ip_protocol"] == 6
    assert seen[0].headers["host"] == f"[::1]:{port}"


async def test_refused_and_unknown() -> None:
    async with serve(says(b"")) as port:
        pass
    found = await probe(module("http"), f"127.0.0.1:{port}")
    assert found.why == f"cannot connect to 127.0.0.1:{port}: refused"
    found = await probe(module("http"), "http://nothing.invalid/")
    assert found.why.startswith("'nothing.invalid' cannot be resolved: ")
    assert found["probe_ip_protocol"] == 0


def hop(asked: Asked) -> bytes:
    path = asked.line.split()[1]
    if path == "/end":
        return ok(f"{asked.line.split()[0]} {asked.headers.get('cookie', '')}".encode())
    if path == "/keep":
        return ok(b"", "Location: /end", status="307 Keep")
    if path == "/loop":
        return ok(b"", "Location: /loop", status="302 Found")
    return ok(b"", "Location: /end", "Set-Cookie: s=1; Path=/", status="303 See")


async def test_any_status_is_taken_on_request() -> None:
    async with serve(http(ok(b"oops", status="500 Broken"))) as port:
        assert (await probe(module("http"), f"127.0.0.1:{port}/")).why == "the status is 500"
        assert (await probe(module("http", accept_any_response=True), f"127.0.0.1:{port}/")).ok
        strict = module("http", accept_any_response=True, fail_if_body_matches_regexp=["oops"])
        assert not (await probe(strict, f"127.0.0.1:{port}/")).ok


async def test_redirects_are_followed_with_cookies_and_counted() -> None:
    wanted = module("http", method="POST", fail_if_body_not_matches_regexp=["^GET s=1$"])
    kept = module("http", method="POST", fail_if_body_not_matches_regexp=["^POST $"])
    async with serve(http(hop)) as port:
        assert (found := await probe(wanted, f"127.0.0.1:{port}/")).ok, found.why
        assert found["probe_http_redirects"] == 1
        assert (await probe(kept, f"127.0.0.1:{port}/keep")).ok
        found = await probe(module("http"), f"127.0.0.1:{port}/loop")
        assert found.why == "the status is 302 after 10 redirects"
        assert found["probe_http_redirects"] == 11
        stay = module("http", follow_redirects=False, valid_status_codes=[303])
        assert (await probe(stay, f"127.0.0.1:{port}/")).ok
        assert (await probe(module("http", no_follow_redirects=True), f"127.0.0.1:{port}/")).why == "the status is 303"


@pytest.mark.parametrize("head", [b"204 No", b"204 No\r\nContent-Length: 5", b"304 Not Modified\r\nContent-Length: 5"])
async def test_an_answer_that_never_has_a_body_has_a_length_of_0(head: bytes) -> None:
    async with serve(http(b"HTTP/1.1 " + head + b"\r\n\r\n")) as port:
        found = await probe(module("http", valid_status_codes=[204, 304]), f"127.0.0.1:{port}/")
    assert found.ok
    assert found["probe_http_content_length"] == 0


async def test_a_blank_in_a_location_is_sent_as_browsers_send_it() -> None:
    seen: list[Asked] = []

    def answer(asked: Asked) -> bytes:
        return ok() if "two" in asked.line else ok(b"", "Location: /one two?a b#c d", status="302 Found")

    async with serve(http(answer, seen)) as port:
        assert (await probe(module("http"), f"127.0.0.1:{port}/")).ok
    assert seen[1].line == "GET /one%20two?a%20b HTTP/1.1"


async def test_secrets_go_where_the_probe_began_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    seen: list[Asked] = []
    options = {
        "basic_auth": {"username": "u", "password": {"credential": "pw"}},
        "headers": {"X-Key": CredentialRef("k")},
    }
    async with serve(http(ok(), seen)) as other, serve(
        http(lambda asked: ok(b"", f"Location: http://127.0.0.1:{other}/", status="302 Found"), seen)
    ) as port:  # fmt: skip
        assert (await probe(module("http", **options), f"127.0.0.1:{port}/")).ok
        await probe(module("http", bearer_token_file="token"), f"127.0.0.1:{other}/", base=tmp_path)
        found = await probe(
            module("http", authorization={"credentials_file": "none"}), f"127.0.0.1:{other}/", base=tmp_path
        )
    first, second, third = seen
    assert first.headers["authorization"] == "Basic dTpzZWNyZXQgb2YgcHc="
    assert first.headers["x-key"] == "secret of k"
    assert not {"authorization", "x-key"} & second.headers.keys()
    assert third.headers["authorization"] == "Bearer from a file"
    assert found.why == "authorization.credentials: none: No such file or directory"


async def test_certificates(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    trusting = {"tls_config": {"ca_file": "ca.pem"}}
    async with serve(http(ok()), authority.server("localhost", alpn=("http/1.1",))) as port:
        found = await probe(module("http", **trusting), f"https://localhost:{port}/", base=tmp_path)
        assert found.ok, found.why
        assert found["probe_http_ssl"] == 1
        assert found["probe_ssl_earliest_cert_expiry"] > 1.7e9
        assert found["probe_ssl_last_chain_expiry_timestamp_seconds"] >= found["probe_ssl_earliest_cert_expiry"]
        assert found.labels("probe_tls_version_info") == {"version": "TLS 1.3"}
        described = found.labels("probe_ssl_last_chain_info")
        assert described["subjectalternative"] == "localhost"
        assert "O=Test CA" in described["issuer"]
        assert len(described["fingerprint_sha256"]) == 64
        assert found.phase("probe_http_duration_seconds", "tls") > 0
        wrong_name = await probe(module("http", **trusting), f"https://127.0.0.1:{port}/", base=tmp_path)
        assert "not valid for '127.0.0.1'" in wrong_name.why
        named = {"tls_config": {"ca_file": "ca.pem", "server_name": "localhost"}}
        assert (await probe(module("http", **named), f"https://127.0.0.1:{port}/", base=tmp_path)).ok
        unknown = await probe(module("http"), f"https://localhost:{port}/")
        assert unknown.why.startswith("the certificate is refused: ")
        open_to_all = module("http", tls_config={"insecure_skip_verify": True})
        found = await probe(open_to_all, f"https://127.0.0.1:{port}/")
        assert found.ok
        assert found["probe_ssl_last_chain_expiry_timestamp_seconds"] == -62_135_596_800
        assert (
            await probe(module("http", fail_if_ssl=True, **trusting), f"https://localhost:{port}/", base=tmp_path)
        ).why
        missing = await probe(module("http", tls_config={"ca_file": "no.pem"}), f"https://localhost:{port}/")
        assert missing.why.startswith("tls_config: no.pem: No such file")


async def test_an_expired_certificate_is_said(tmp_path: Path) -> None:
    import datetime

    authority = Authority.make(tmp_path)
    long_ago = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    server = authority.server("localhost", not_before=long_ago, not_after=long_ago + datetime.timedelta(days=1))
    async with serve(http(ok()), server) as port:
        trusting = module("http", tls_config={"ca_file": "ca.pem"})
        found = await probe(trusting, f"https://localhost:{port}/", base=tmp_path)
    assert found.why == "the certificate is refused: certificate has expired"


async def test_http_2_where_the_server_speaks_it(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    server = h2_server(lambda body: ([(":status", "200"), ("server", "x")], b"hello " + body, []))
    async with serve(server, authority.server(alpn=("h2", "http/1.1"))) as port:
        options = {"tls_config": {"ca_file": "ca.pem"}, "valid_http_versions": ["HTTP/2.0"], "method": "POST"}
        what = module("http", **options, body="there", fail_if_body_not_matches_regexp=["^hello there$"])
        found = await probe(what, f"https://localhost:{port}/", base=tmp_path)
        assert found.ok, found.why
        assert found["probe_http_version"] == 2
        old = module("http", enable_http2=False, tls_config={"ca_file": "ca.pem"})
        assert (await probe(old, f"https://localhost:{port}/", base=tmp_path)).why


async def test_through_a_proxy(tmp_path: Path) -> None:
    authority = Authority.make(tmp_path)
    seen: list[str] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[0]
        seen.append(line)
        if not line.startswith("CONNECT"):
            writer.write(ok(b"by the proxy"))
            return
        host, _, port = line.split()[1].partition(":")
        inner, out = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Go\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while part := await source.read(65_536):
                sink.write(part)
            sink.close()

        await asyncio.gather(pump(reader, out), pump(inner, writer), return_exceptions=True)

    secure = authority.server("localhost", alpn=("http/1.1",))
    async with serve(proxy) as through, serve(http(ok()), secure) as port:
        options = {"proxy_url": f"http://127.0.0.1:{through}", "tls_config": {"ca_file": "ca.pem"}}
        assert (await probe(module("http", **options), f"https://localhost:{port}/", base=tmp_path)).ok
        plain = module("http", skip_resolve_phase_with_proxy=True, **options)
        assert (await probe(plain, "http://nothing.invalid/x")).ok
    assert seen == [f"CONNECT localhost:{port} HTTP/1.1", "GET http://nothing.invalid/x HTTP/1.1"]


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("http://user:pw@host/", "the target holds a login; use basic_auth of a module with a credential"),
        ("ftp://host/", "'ftp://host/' is not an http or https URL"),
        ("http://", "'http://' has no host"),
        ("http://host:99999/", "Port out of range 0-65535"),
        ("http://ho st/", "the URL holds blanks or control characters"),
    ],
)
def test_targets_that_can_never_be_probed(target: str, said: str) -> None:
    assert mistakes(module("http"), target) == [said]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"follow_redirects": True, "no_follow_redirects": True}, "follow_redirects and no_follow_redirects"),
        ({"basic_auth": {}, "bearer_token_file": "x"}, "more than one way to log in"),
        ({"headers": {"A b": "x"}}, "'A b' is not the name of a header"),
        ({"headers": {"A": "x\r\nB: y"}}, "holds a control character"),
        ({"proxy_url": "ftp://x:1"}, "proxy_url must be SCHEME://HOST:PORT"),
        ({"body_size_limit": "many"}, "body_size_limit must be a size"),
        ({"body": "x", "body_file": "y"}, "body_file and body are both given"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        module("http", **options)
