"""A modules file as people have it for blackbox_exporter: taken whole, and what is not taken is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.config.load import dump, load
from collectors.api import Octets, Secret

FILE = Path(__file__).parent / "blackbox_file" / "blackbox.yml"
SECRETS = ("hunter2", "sesame")


def using(tmp_path: Path, *targets: tuple[str, str]) -> Path:
    lines = [f"      - {{module: {module}, target: {target!r}}}" for module, target in targets]
    path = tmp_path / "tocsin.yaml"
    path.write_text("\n".join(["collect:", "  probes:", f"    modules: {FILE}", "    targets:", *lines]))
    return path


TARGETS = (
    ("http_versions", "https://a/"), ("http_proxied", "http://a/"), ("http_proxy_login", "http://a/"),
    ("http_environment", "http://a/"), ("http_basic", "http://a/"), ("http_bearer", "http://a/"),
    ("http_header", "http://a/"), ("http_oauth", "http://a/"), ("http_inline", "https://a/"),
    ("http_headers", "http://a/"), ("tcp_postgresql", "a:5432"), ("irc", "a:6667"), ("unix", "/run/a"),
    ("dns_size", "10.0.0.53"), ("websocket", "wss://a/"), ("grpc", "a:50051"), ("icmp", "a"),
)  # fmt: skip


def test_every_module_but_one_can_be_used_and_what_is_written_out_is_warned_of(tmp_path: Path) -> None:
    loaded = load(using(tmp_path, *TARGETS))
    assert loaded.config is not None, loaded.errors
    warned = [
        (problem.check, problem.message.partition(" in '")[2].rstrip("'") or problem.message)
        for problem in loaded.problems
    ]
    assert warned == [
        ("config/probes", "http.proxy_url"),
        ("config/probes", "http.proxy_connect_header.Proxy-Authorization.0"),
        ("config/probes", "http.basic_auth.password"),
        ("config/probes", "http.authorization.credentials"),
        ("config/probes", "http.headers.Authorization"),
        ("config/probes", "http.oauth2.client_secret"),
        ("config/probes", "http.oauth2.endpoint_params.password"),
        ("config/probes", "http.tls_config.key"),
        ("config/probes", "http.http_headers.X-Api-Key.secrets.0"),
        ("config/unsupported", "'modules.http_cel.http.fail_if_body_json_not_matches_cel' is not supported by Tocsin"),
        ("config/probes", "websocket.http_config.bearer_token"),
        ("config/probes", "websocket.http_config.http_headers.Cookie"),
    ]
    assert loaded.problems[2].hint == "write {credential: NAME} and keep the secret out of this file"
    assert loaded.problems[2].file == str(FILE)
    told = f"{loaded.problems} {loaded.config!r} {dump(loaded.config)}"
    assert not any(secret in told for secret in SECRETS)


def test_a_module_with_an_expression_of_cel_is_refused_with_what_to_write(tmp_path: Path) -> None:
    loaded = load(using(tmp_path, ("http_cel", "http://a/")))
    (error,) = loaded.errors
    assert error.message == "'modules.http_cel.http.fail_if_body_json_not_matches_cel' is not supported by Tocsin"
    assert "fail_if_body_not_matches_regexp" in error.hint


def test_bytes_are_what_the_file_says(tmp_path: Path) -> None:
    loaded = load(using(tmp_path, ("tcp_postgresql", "a:5432")))
    assert loaded.config is not None
    send, expect, _ = loaded.config.collect.probes.options.modules["tcp_postgresql"].tcp.query_response
    assert isinstance(send.send, Octets)
    assert send.send.octets.hex() == "0000000804d2162f"
    assert expect.expect_bytes == "S"


@pytest.mark.parametrize(
    ("module", "where"),
    [
        ("{prober: http, http: {basic_auth: {username: u, password: hunter2}}}", "http.basic_auth.password"),
        ("{prober: http, http: {headers: {Authorization: Bearer hunter2}}}", "http.headers.Authorization"),
        ("{prober: http, http: {proxy_url: 'http://u:hunter2@p:1'}}", "http.proxy_url"),
    ],
)
def test_in_our_own_configuration_a_secret_is_a_mistake(tmp_path: Path, module: str, where: str) -> None:
    path = tmp_path / "tocsin.yaml"
    path.write_text(f"collect: {{probes: {{modules: {{m: {module}}}, targets: [{{module: m, target: 'http://a/'}}]}}}}")
    (error,) = load(path).errors
    assert error.message == f"'collect.probes.modules.m.{where}': module 'm' has a secret written out in '{where}'"
    assert error.column > 40
    assert "hunter2" not in str(error)


def test_a_changed_secret_changes_the_configuration() -> None:
    one, two = Secret("a"), Secret("b")
    assert one != two
    assert hash(one) != hash(two)
    assert "a" not in repr(one).replace("Secret", "")
