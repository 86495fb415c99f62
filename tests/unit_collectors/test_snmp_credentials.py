"""Credentials of SNMP: mistakes that show without a secret, and secrets that show nowhere."""

from __future__ import annotations

import subprocess
import sys

import msgspec
import pytest

from collectors.snmp.credentials import Auth, Community, CredentialOptions, Priv, User, problems, resolve

KEYS = {"auth_key": {"credential": "a"}, "priv_key": {"credential": "p"}}
V3 = {"version": 3, "user": "tocsin", "auth": "sha256", "priv": "aes128", **KEYS}


def options(**given: object) -> CredentialOptions:
    return msgspec.convert(given, CredentialOptions)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"version": 2, "community": {"credential": "ro"}}, []),
        ({"version": 1, "community": {"credential": "ro"}}, []),
        (V3, []),
        ({"version": 3, "user": "reader"}, []),
        ({**V3, "context": "vrf-a"}, []),
        ({"version": 2}, [("version", "version 2 needs a community", False)]),
        ({"version": 3}, [("version", "version 3 needs a user", False)]),
        ({**V3, "version": 2}, [
            ("version", "version 2 needs a community", False),
            *((key, f"{key} belongs to version 3", False) for key in ("user", "auth", "auth_key", "priv", "priv_key")),
        ]),
        ({**V3, "community": {"credential": "ro"}}, [
            ("community", "a community belongs to versions 1 and 2", False),
        ]),
        ({"version": 3, "user": "u", "auth": "sha"}, [
            ("auth", "auth is there without auth_key", False),
            ("auth", "sha can be broken today", True),
        ]),
        ({"version": 3, "user": "u", "auth_key": {"credential": "a"}}, [
            ("auth_key", "auth_key is there without auth", False),
        ]),
        ({"version": 3, "user": "u", "priv": "aes256c", "priv_key": {"credential": "p"}}, [
            ("priv", "priv needs auth: SNMPv3 encrypts only what is authenticated", False),
        ]),
        ({**V3, "auth": "md5", "priv": "des"}, [("priv", "md5 and des can be broken today", True)]),
    ],
)  # fmt: skip
def test_mistakes(given: dict[str, object], expected: list[tuple[str, str, bool]]) -> None:
    found = [(str(problem.path[0]), problem.text, problem.warning) for problem in problems(options(**given))]
    assert found == expected


def test_values_with_their_secrets() -> None:
    secrets = {"ro": "s3cret", "a": "auth-s3cret", "p": "priv-s3cret"}
    assert resolve(options(version=2, community={"credential": "ro"}), secrets.__getitem__) == Community(2, "s3cret")
    user = resolve(options(**V3), secrets.__getitem__)
    assert user == User("tocsin", Auth.SHA256, "auth-s3cret", Priv.AES128, "priv-s3cret")
    assert resolve(options(version=3, user="u"), secrets.__getitem__) == User("u")
    for shown in (repr(user), str(user), f"{user!r}", repr([user]), repr(Community(2, "s3cret"))):
        assert "s3cret" not in shown


def test_a_short_password_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match="priv_key: the credential 'p' is shorter than 8 characters") as raised:
        resolve(options(**V3), {"a": "long-enough", "p": "shorty"}.__getitem__)
    assert "shorty" not in str(raised.value)


@pytest.mark.parametrize(
    ("wanted", "unwanted"), [("gufo", ("pysnmp", "pyasn1", "cryptography")), ("pysnmp", ("gufo.snmp._fast",))]
)
def test_an_engine_is_loaded_only_when_it_is_used(wanted: str, unwanted: tuple[str, ...]) -> None:
    code = (
        "import sys\n"
        "from collectors.snmp.engines import Choice, open_session\n"
        "from collectors.snmp.port import Address\n"
        "from collectors.snmp.credentials import Community\n"
        "from collectors.snmp import walker\n"
        "loaded = [m for m in sys.modules if m.partition('.')[0] in ('gufo', 'pysnmp', 'pyasn1', 'cryptography')]\n"
        "assert loaded == [], loaded\n"
        f"open_session(Address('127.0.0.1'), Community(2, 'x'), 1.0, Choice('{wanted}'))\n"
        f"found = [m for m in {unwanted!r} if m in sys.modules]\n"
        "assert found == [], found\n"
        f"assert '{wanted}' in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
