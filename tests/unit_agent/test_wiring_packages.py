"""Our own packages and nobody else's; and the trick with the certificates when aiohttp is imported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent.packages import NAMES, clash, other_owner, typed


def test_this_environment_is_clean() -> None:
    assert clash() is None
    assert other_owner() is None


@pytest.mark.parametrize("name", [name for name in NAMES if name != "agent"])
@pytest.mark.parametrize("kind", ["package", "module", "namespace"])
def test_a_foreign_package_first_on_the_path_is_told_and_not_imported(
    tmp_path: Path, root: Path, name: str, kind: str
) -> None:
    if kind == "module":
        (tmp_path / f"{name}.py").write_text("raise SystemExit('imported')")
    else:
        (tmp_path / name).mkdir()
        if kind == "package":
            (tmp_path / name / "__init__.py").write_text("raise SystemExit('imported')")
    code = f"""
import sys
sys.path[:0] = [{str(tmp_path)!r}, {str(root)!r}]
from agent.cli import main
sys.exit(main(["run", "--state", {str(tmp_path / "state")!r}]))
"""
    if kind == "namespace":  # a mere directory loses to a real package, wherever it stands
        code = code.replace('"run"', '"version"').replace(', "--state", ' + repr(str(tmp_path / "state")), "")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path)
    if kind == "namespace":
        assert done.returncode == 0, done.stderr
        return
    assert done.returncode == os.EX_CONFIG, done.stderr
    assert f"the package '{name}' comes from {tmp_path}" in done.stderr or f"/{name}.py" in done.stderr
    assert "an environment of its own" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("listed", ["top_level.txt", "RECORD"])
def test_a_distribution_that_brings_one_of_our_names_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    info = tmp_path / "business_rules-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: business-rules\nVersion: 1.0\n")
    names = "engine\nrules\n" if listed == "top_level.txt" else "engine.py,,\nrules/__init__.py,,\n"
    (info / listed).write_text(names)
    monkeypatch.syspath_prepend(str(tmp_path))
    text = other_owner()
    assert text is not None
    assert "'business-rules' brings a package 'rules'" in text


LIGHT = """
import os, ssl, sys
before = dict(os.environ)
import agent.light
assert dict(os.environ) == before, "the environment was not put back"
from aiohttp import hdrs, web
import aiohttp
heavy = {"aiohttp.client", "aiohttp.connector", "frozenlist._frozenlist"}
assert not heavy & set(sys.modules), "the client was loaded before anybody asked for it"
whole = aiohttp.ClientSession
assert dict(os.environ) == before, "the environment was not put back by the second half"
assert aiohttp.web is web and aiohttp.hdrs is hdrs and issubclass(whole, aiohttp.client.ClientSession)
assert not hasattr(aiohttp, "no_such_name")
assert aiohttp.connector._SSL_CONTEXT_VERIFIED.cert_store_stats()["x509_ca"] == 0, "nothing was saved"
found = ssl.create_default_context().cert_store_stats()["x509_ca"]
assert found > 0 or not os.path.exists("/etc/ssl/certs/ca-certificates.crt")
"""


@pytest.mark.parametrize("given", [{}, {"SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}, {"SSL_CERT_DIR": ""}])
def test_the_environment_is_put_back_and_other_contexts_have_their_certificates(given: dict[str, str]) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("SSL_CERT")}
    done = subprocess.run([sys.executable, "-c", LIGHT], env={**env, **given}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_door_refuses_a_strangers_certificate_and_takes_that_of_its_ca_file(tmp_path: Path) -> None:
    """With ``agent.light`` imported first, as the daemon does it."""
    code = """
import agent.light, asyncio, ssl, sys, pathlib
import trustme
from aiohttp import web
from integrations._session import new_session, Connection
from integrations._resolver import Resolver
folder = pathlib.Path(sys.argv[1])
ca = trustme.CA()
ca.cert_pem.write_to_path(str(folder / "ca.pem"))

async def ask(url, tls):
    resolver = Resolver()
    session = new_session("rt", tls, resolver, secure=True, seen=lambda _name, _ends: None)
    class Traced: connected = False
    try:
        async with session.get(url, trace_request_ctx=Traced()) as reply:
            return reply.status
    except Exception as error:
        return type(error).__name__
    finally:
        await session.close()
        await resolver.close()

async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    async def hello(request): return web.Response(text="hi")
    app = web.Application()
    app.router.add_get("/", hello)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    url = "https://127.0.0.1:%d/" % runner.addresses[0][1]
    print(await ask(url, Connection()), await ask(url, Connection(ca_file=str(folder / "ca.pem"))))
    await runner.cleanup()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["ClientConnectorCertificateError", "200"], done.stdout + done.stderr


def test_a_person_is_told_the_command_as_it_can_be_typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / ".venv/bin"
    folder.mkdir(parents=True)
    (folder / "tocsin").touch(0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", "/nowhere")
    assert typed() == f"{folder}/tocsin"
    monkeypatch.chdir(tmp_path)
    assert typed() == ".venv/bin/tocsin"
    monkeypatch.setenv("PATH", str(folder))
    assert typed() == "tocsin"
