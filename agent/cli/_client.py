"""Talks to a running agent: JSON over HTTP, with a deadline and a bound on the answer.

Every answer is ``{"status": "success", "data": ...}`` or ``{"status": "error", "errorType": ..., "error": ...}``, as in
the Prometheus HTTP API. A call that changes something carries the token the agent keeps in its state directory.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

from agent.cli._errors import BUSY, FINDINGS, NO_PERMISSION, PROTOCOL, UNAVAILABLE, USAGE, CommandError
from agent.cli._output import clean

if TYPE_CHECKING:
    from http.client import HTTPConnection

DEFAULT_URL = "http://127.0.0.1:9787"
BASE = "/api/v1/tocsin"
MAX_ANSWER = 64 << 20
TIMEOUT_S = 30.0
_STATUS = {401: NO_PERMISSION, 403: NO_PERMISSION, 429: BUSY, 503: BUSY}


def add_url(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", default=DEFAULT_URL, metavar="URL", help=f"the running agent (default: {DEFAULT_URL})")


def add_state(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--state", type=Path, metavar="DIR", help="the agent's state directory, for its token (default: from --config)"
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="the agent's configuration, to find its state directory"
    )


class Agent:
    """One agent at a URL."""

    def __init__(self, url: str, token: str = "", timeout: float = TIMEOUT_S) -> None:
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in {"http", "https"} or not parts.hostname or port == -1:
            raise CommandError(f"'{clean(url)}' is no URL of an agent; write it like {DEFAULT_URL}", USAGE)
        self._url = f"{parts.scheme}://{parts.hostname}" + (f":{port}" if port else "")
        self._secure = parts.scheme == "https"
        self._host, self._port, self._prefix = parts.hostname, port, parts.path.rstrip("/")
        self._token = token
        self._timeout = timeout

    def get(self, path: str, **query: str | int | None) -> Any:
        """The ``data`` of ``GET /api/v1/tocsin/PATH``."""
        return self._data(
            self.raw("GET", f"{BASE}/{path}", {k: str(v) for k, v in query.items() if v is not None}), path
        )

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """The ``data`` of a call that changes something."""
        return self._data(self.raw("POST", f"{BASE}/{path}", {}, body), path)

    def raw(self, method: str, path: str, query: dict[str, str], body: dict[str, Any] | None = None) -> tuple[int, Any]:
        """HTTP status and JSON of any path; CommandError when there is no agent or no JSON."""
        from http.client import HTTPException  # noqa: PLC0415 - brings ssl and email, which help pages do not need

        headers = {"Accept": "application/json"}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
            headers["X-Tocsin-Token"] = self._token
        target = self._prefix + path + (f"?{urlencode(query)}" if query else "")
        connection = self._connection()
        try:
            connection.request(method, target, payload, headers)
            response = connection.getresponse()
            content = response.read(MAX_ANSWER + 1)
        except ConnectionRefusedError:
            raise CommandError(
                f"no agent answers at {self._url} (connection refused); start one with 'tocsin run', or "
                "name it with --url",
                UNAVAILABLE,
            ) from None
        except TimeoutError:
            raise CommandError(
                f"the agent at {self._url} did not answer within {self._timeout:g} s", UNAVAILABLE
            ) from None
        except (OSError, HTTPException) as error:
            raise CommandError(
                f"no agent answers at {self._url} ({clean(error)}); name it with --url", UNAVAILABLE
            ) from None
        finally:
            connection.close()
        if len(content) > MAX_ANSWER:
            raise CommandError(f"{self._url} sent more than {MAX_ANSWER} bytes; ask for less", PROTOCOL)
        try:
            return response.status, json.loads(content)
        except (ValueError, RecursionError):
            raise CommandError(
                f"{self._url} answered {response.status} without JSON; is this the agent, and as new as this command?",
                PROTOCOL,
            ) from None

    def _connection(self) -> HTTPConnection:
        from http.client import HTTPConnection, HTTPSConnection  # noqa: PLC0415 - not for help pages

        if not self._secure:
            return HTTPConnection(self._host, self._port, timeout=self._timeout)
        import ssl  # noqa: PLC0415 - only https needs it

        return HTTPSConnection(self._host, self._port, timeout=self._timeout, context=ssl.create_default_context())

    def _data(self, answer: tuple[int, Any], path: str) -> Any:
        status, content = answer
        if isinstance(content, dict) and content.get("status") == "success" and "data" in content:
            return content["data"]
        if isinstance(content, dict) and content.get("status") == "error":
            raise CommandError(clean(content.get("error", "no reason given")), _STATUS.get(status, FINDINGS))
        raise CommandError(
            f"{self._url} answered {status} to {path} in an unknown form; is it as new as this command?", PROTOCOL
        )


def agent_for(args: argparse.Namespace) -> Agent:
    """The agent to read from."""
    return Agent(args.url)


def agent_for_change(args: argparse.Namespace) -> Agent:
    """The agent to change something at, with its token."""
    return Agent(args.url, _token(_state(args) / "token"))


def path_part(text: str) -> str:
    """An id as one component of a path."""
    return quote(text, safe="")


def _state(args: argparse.Namespace) -> Path:
    from agent.cli._config import state_of  # noqa: PLC0415 - reading a configuration is not needed to look at an agent

    return state_of(args.config, args.state)


def _token(path: Path) -> str:
    try:
        token = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise CommandError(
            f"{path} does not exist; name the agent's state directory with --state (a running agent makes the file)",
            NO_PERMISSION,
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a token"
        raise CommandError(
            f"{path}: {reason}; run this as root or as the agent's user (sudo -u tocsin ...)", NO_PERMISSION
        ) from None
    if not token.isascii() or not token.isprintable() or not token:
        raise CommandError(f"{path} holds no token; restart the agent to make a new one", NO_PERMISSION)
    return token
