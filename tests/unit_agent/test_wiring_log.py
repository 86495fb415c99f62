"""The log as the journal and a terminal get it: in a process of its own, because the log belongs to the process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOSTILE = [
    "a\nb",
    "\x1b[31mred",
    "\r\x00\x07",
    "\u2028\u202e",
    "\ud800",
    'he said "x" = y',
    "磁盘",
    "",
    " ",
    "\\",
    "%s {}",
]


def lines(code: str, **env: str) -> list[str]:
    """What that code writes to standard error."""
    body = f"from agent import log\nlog.setup('info')\nsaid = log.get('t')\nhostile = {HOSTILE!r}\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", body], capture_output=True, timeout=60, env={**os.environ, "PYTHONUTF8": "1", **env}
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stderr.decode("utf-8", "replace").split("\n")[:-1]


def test_one_event_is_one_line_whatever_its_values() -> None:
    code = """
class Odd:
    def __str__(self): return "x\\ny\\x1b[0m"
for each in hostile:
    said.info("event", value=each)
    said.info("event", value=[each])
    said.info("event", value={each: each})
    said.info("event", value=ValueError(each))
    said.info(each, value=1)
said.info("event", value=Odd())
said.info("event", value=b"\\x1b\\n")
"""
    found = lines(code)
    assert len(found) == 5 * len(HOSTILE) + 2
    assert all(line.startswith("timestamp=20") for line in found)
    assert all(line.isprintable() for line in found), [line for line in found if not line.isprintable()]
    assert any("磁盘" in line for line in found)


def test_an_exception_is_one_line_too_and_tells_where() -> None:
    (line,) = lines("try: 1 / 0\nexcept Exception as error: said.error('died', exc_info=error)")
    assert "ZeroDivisionError" in line
    assert "Traceback" in line


def test_what_libraries_log_has_the_same_form() -> None:
    code = """
import logging
try: 1 / 0
except Exception: logging.getLogger("aiohttp.server").exception("Error handling\\nrequest")
logging.getLogger("x").info("not wanted")
"""
    (line,) = lines(code)
    assert "level=error" in line
    assert "part=aiohttp.server" in line
    assert "ZeroDivisionError" in line


def test_a_new_level_reaches_loggers_that_spoke_before() -> None:
    code = "said.debug('1'); said.info('2'); log.setup('debug'); said.debug('3'); log.setup('error'); said.warning('4')"
    assert [line.split("event=")[1].split()[0] for line in lines(code)] == ["2", "3"]


@pytest.mark.parametrize(
    ("method", "level"), [("debug", 7), ("info", 6), ("warning", 4), ("error", 3), ("critical", 2)]
)
def test_the_journal_gets_the_level_in_front_and_no_time(method: str, level: int, tmp_path: Path) -> None:
    out = tmp_path / "err"
    code = f"from agent import log; log.setup('debug'); log.get('t').{method}('e')"
    with out.open("wb") as file:
        stat = os.fstat(file.fileno())
        env = {**os.environ, "JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"}
        subprocess.run([sys.executable, "-c", code], stderr=file, timeout=60, check=True, env=env)
    assert out.read_text() == f"<{level}>level={method} event=e part=t\n"


def test_another_stream_than_the_journals_gets_no_levels_in_front() -> None:
    """A shell inside a service inherits the name of the journal's stream, and not the stream."""
    (line,) = lines("said.info('e')", JOURNAL_STREAM="8:1")
    assert line.startswith("timestamp=")


@pytest.mark.parametrize("reader", ["gone", "full", "closed"])
def test_a_log_that_nobody_takes_ends_nothing(reader: str) -> None:
    code = (
        "import os, sys\nfrom agent import log\nlog.setup('info')\n"
        "for _ in range(3): log.get('t').info('e' * 5000)\n"
        "os.write(1, b'alive')\nos._exit(0)"
    )
    shell = {
        "gone": '"$0" -c "$1" 2> >(exec 0<&-; exit)',
        "full": '"$0" -c "$1" 2>/dev/full',
        "closed": '"$0" -c "$1" 2>&-',
    }
    done = subprocess.run(["bash", "-c", shell[reader], sys.executable, code], stdout=subprocess.PIPE, timeout=60)
    assert done.stdout == b"alive"
