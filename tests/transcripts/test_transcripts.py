"""Transcripts: what is typed and what is printed, in one text file each.

A line ``$ tocsin ...`` is run in a copy of the directory ``files/``; what follows, up to the next such line, is
what it must print: standard output, then standard error with ``! `` before each line, then ``[N]`` when the exit status
is not 0. ``#`` begins a comment before the first command or after an empty line. ``$URL`` is a stand-in for the agent
that answers from ``files/agent.json``. The clock stands at 2026-01-31 12:00:00 UTC.

``python tests/transcripts/test_transcripts.py`` writes the outputs anew; read the difference before keeping it.
"""

from __future__ import annotations

import contextlib
import http.server
import io
import json
import os
import re
import shlex
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from agent.cli import main

HERE = Path(__file__).parent
NOW = 1_769_860_800.0
TOKEN = "t0ken-" + "x" * 32


class Canned(http.server.BaseHTTPRequestHandler):
    """Answers ``METHOD path?query`` from a file; refuses a change without the token, as the agent does."""

    answers: dict[str, object]

    def do_GET(self) -> None:
        self._answer(self.answers.get(f"GET {self.path}"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.headers["X-Tocsin-Token"] != TOKEN:
            self._answer({"status": "error", "errorType": "forbidden", "error": "the token is not this agent's"}, 403)
        else:
            self._answer(self.answers.get(f"POST {self.path} {body}"))

    def _answer(self, content: object, status: int = 200) -> None:
        if content is None:
            status, content = 404, {"status": "error", "errorType": "not_found", "error": "there is no such thing"}
        payload = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        """Nothing: the transcript is the log."""


@contextlib.contextmanager
def stage() -> Iterator[dict[str, str]]:
    """A directory, an agent and a clock; gives what stands for ``$NAME``."""
    answers = json.loads((HERE / "files" / "agent.json").read_text(encoding="utf-8"))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (Canned,), {"answers": answers}))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    before, zone = Path.cwd(), os.environ.get("TZ")
    with tempfile.TemporaryDirectory() as directory:
        shutil.copytree(HERE / "files", directory, dirs_exist_ok=True)
        (Path(directory) / "state").mkdir()
        (Path(directory) / "state" / "token").write_text(TOKEN + "\n")
        os.chdir(directory)
        os.environ["TZ"] = "UTC"
        time.tzset()
        try:
            with mock.patch.object(time, "time", return_value=NOW):
                yield {"URL": f"http://127.0.0.1:{server.server_port}", "PWD": str(Path(directory).resolve())}
        finally:
            os.chdir(before)
            os.environ.pop("TZ")
            if zone is not None:
                os.environ["TZ"] = zone
            time.tzset()
            server.shutdown()
            server.server_close()
            thread.join()


def typed(line: str, names: dict[str, str]) -> str:
    """What a command prints."""
    words = shlex.split(line.removeprefix("$ tocsin"))
    for name, value in names.items():
        words = [word.replace(f"${name}", value) for word in words]
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main(words)
    text = out.getvalue() + "".join(f"! {line}\n" for line in err.getvalue().splitlines())
    text = re.sub(r"\(choose from .*\)", "(choose from ...)", text)  # quoted or not, by version of Python
    for name, value in names.items():
        text = text.replace(value, f"${name}")
    return text + (f"[{status}]\n" if status else "")


def replayed(text: str) -> str:
    """The transcript as it is now."""
    lines: list[str] = []
    keep = True
    with stage() as names:
        for line in text.splitlines():
            if line.startswith("$ tocsin"):
                lines += [line, *typed(line, names).splitlines(), ""]
                keep = False
            elif line.startswith("# ") and (keep or not lines[-1]):
                lines.append(line)
                keep = True
            elif keep and not line:
                lines.append("")
    return "\n".join(lines).rstrip("\n") + "\n"


@pytest.mark.parametrize("path", sorted(HERE.glob("*.txt")), ids=lambda path: path.stem)
def test_transcript(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert replayed(text) == text


def test_every_command_has_a_transcript() -> None:
    from agent.cli.parser import COMMANDS

    text = "".join(path.read_text(encoding="utf-8") for path in HERE.glob("*.txt"))
    # run is shown by its mistakes only; a daemon has no end to wait for.
    assert [name for name in COMMANDS if f"$ tocsin {name}" not in text] == []


if __name__ == "__main__":
    for each in [Path(name) for name in sys.argv[1:]] or sorted(HERE.glob("*.txt")):
        each.write_text(replayed(each.read_text(encoding="utf-8")), encoding="utf-8")
