from __future__ import annotations

import copy
import logging
import pickle
from pathlib import Path

import msgspec
import pytest

from agent.config.load import dump, load
from agent.secret import Credentials, open_to_others, valid_name
from integrations.api import Unauthorised

CANARY = "canary-5d1f-hunter2"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    made = tmp_path / "credentials"
    made.mkdir(mode=0o700)
    return made


def put(directory: Path, name: str, content: bytes, mode: int = 0o600) -> Path:
    path = directory / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


def test_the_service_manager_comes_first(tmp_path: Path, directory: Path) -> None:
    put(directory, "snow", b"ours\n")
    given = tmp_path / "given"
    given.mkdir()
    # systemd's own modes: the directory belongs to the unit, files are 0400, and both may show group bits of an ACL.
    put(given, "snow", b"systemd's\n", 0o440)
    credentials = Credentials(directory, {"CREDENTIALS_DIRECTORY": str(given)})
    assert credentials("snow").reveal() == "systemd's"
    put(directory, "other", b"only ours")
    assert credentials("other").reveal() == "only ours"


def test_a_file_of_a_directory_that_systemd_loads_is_found_by_its_own_name(tmp_path: Path, directory: Path) -> None:
    given = tmp_path / "given"
    given.mkdir()
    put(given, "tocsin_rt", b"of the directory\n", 0o440)
    put(directory, "rt", b"ours\n")
    credentials = Credentials(directory, {"CREDENTIALS_DIRECTORY": str(given)})
    assert credentials("rt").reveal() == "of the directory"
    assert credentials("tocsin_rt").reveal() == "of the directory"
    put(given, "rt", b"loaded by this very name\n", 0o440)
    assert credentials("rt").reveal() == "loaded by this very name"


def test_the_longest_name_is_looked_for_without_the_prefix(tmp_path: Path) -> None:
    with pytest.raises(Unauthorised, match="is not provided"):
        Credentials(None, {"CREDENTIALS_DIRECTORY": str(tmp_path)})("x" * 255)


def test_it_is_read_anew_each_time(directory: Path) -> None:
    credentials = Credentials(directory, {})
    put(directory, "a", b"one\n")
    assert credentials("a").reveal() == "one"
    put(directory, "a", b"two\r\n")
    assert credentials("a").reveal() == "two"


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("gone", None, "does not exist; create it"),
        ("empty", b"\n", "is empty"),
        ("large", b"x" * 70_000, "is larger than 65536 bytes"),
        ("latin1", CANARY.encode() + b"\xff", "is not UTF-8 text"),
        ("two-lines", CANARY.encode() + b"\nX-Admin: 1", "holds a control character"),
        ("../etc/passwd", None, "is no credential name"),
        ("", None, "is no credential name"),
        (".", None, "is no credential name"),
        ("a/b", None, "is no credential name"),
        ("x" * 300, None, "is no credential name"),
    ],
)
def test_what_is_wrong_is_said_without_the_secret(directory: Path, name: str, content: bytes | None, says: str) -> None:
    if content is not None:
        put(directory, name, content)
    with pytest.raises(Unauthorised) as raised:
        Credentials(directory, {})(name)
    assert says in str(raised.value)
    assert CANARY not in str(raised.value) + repr(raised.value.__cause__) + repr(raised.value.__context__)


def test_without_any_directory_the_mend_names_both_ways() -> None:
    with pytest.raises(Unauthorised, match=r"LoadCredential=snow:.*credentials_directory"):
        Credentials(None, {})("snow")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644, 0o620, 0o601])
def test_a_file_open_to_others_is_refused_with_the_mend(directory: Path, mode: int) -> None:
    path = put(directory, "a", CANARY.encode(), mode)
    with pytest.raises(Unauthorised) as raised:
        Credentials(directory, {})("a")
    assert f"chmod 0600 {path}" in str(raised.value)


def test_a_directory_open_to_others_is_refused_with_the_mend(directory: Path) -> None:
    put(directory, "a", b"x")
    directory.chmod(0o750)
    assert f"run: chmod 0700 {directory}" in open_to_others(directory)
    with pytest.raises(Unauthorised, match="chmod 0700"):
        Credentials(directory, {})("a")


def test_names() -> None:
    assert all(map(valid_name, ["snow", "snmp-auth", "a.b", "x@y", "_1"]))
    assert not any(map(valid_name, ["", ".", "..", "-a", "a/b", "a b", "ä", "a\n"]))


def test_a_secret_cannot_print_or_leave(directory: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(directory, "a", CANARY.encode())
    secret = Credentials(directory, {})("a")
    logging.getLogger("x").warning("the secret is %s %r", secret, secret)
    shown = f"{secret} {secret!r} {[secret]}"
    assert CANARY not in shown + caplog.text
    for leak in (pickle.dumps, copy.deepcopy, msgspec.json.encode):
        with pytest.raises(TypeError):
            leak(secret)


CANARY_PLACES = [
    "integrations: {rt: {type: rt, url: https://rt.example.net, queue: q, auth: {token: %s}}}",
    "integrations: {rt: {type: rt, url: https://rt.example.net, queue: q, auth: {token: {credential: 'x %s'}}}}",
    "integrations: {rt: {type: rt, url: https://rt.example.net, queue: q, auth: {basic: {user: u, password: %s}}}}",
    "integrations: {rt: {type: rt, url: https://rt.example.net, queue: q, auth: {basic: {user: u, password: [%s]}}}}",
    "integrations: {rt: {type: rt, url: 'https://u:%s@rt.example.net', queue: q, auth: {token: {credential: t}}}}",
    "integrations: {rt: {type: rt, url: https://rt.example.net, password: %s, auth: {token: {credential: t}}}}",
    "integrations: {desk: {type: desk, token: %s}}",
]


@pytest.mark.parametrize("text", CANARY_PLACES)
def test_a_secret_written_into_the_file_is_not_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(text % CANARY + "\n")
    loaded = load(path)
    said = "\n".join(map(str, loaded.problems))
    assert loaded.config is None, "it was accepted"
    assert said
    assert CANARY not in said


def test_the_effective_configuration_holds_names_only(tmp_path: Path, directory: Path) -> None:
    put(directory, "rt-token", CANARY.encode())
    path = tmp_path / "c.yaml"
    path.write_text(
        f"credentials_directory: {directory}\n"
        "integrations: {rt: {type: rt, url: https://rt.example.net, queue: q, auth: {token: {credential: rt-token}}}}\n"
    )
    loaded = load(path)
    assert loaded.config is not None, loaded.problems
    assert "rt-token" in dump(loaded.config)
    assert CANARY not in dump(loaded.config) + repr(loaded)
