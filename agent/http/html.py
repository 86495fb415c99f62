"""Pages for people: templates, and the headers every page is sent with. Plain HTML, no script."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    import jinja2

TEMPLATES = Path(__file__).parent / "pages"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    # With no-referrer a browser's form would carry "Origin: null", which nobody can tell from a foreign one.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def local_time(at: int | None) -> str:
    """Milliseconds since the epoch as local date, time and offset; empty for None."""
    return "" if at is None else datetime.fromtimestamp(at / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %z")


def age(ms: int) -> str:
    """A length of time in its largest whole unit: ``40 s``, ``12 min``, ``5 h``, ``9 d``."""
    seconds = max(0, ms) // 1000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def words(name: str) -> str:
    """``in_progress`` as people write it."""
    return name.replace("_", " ")


def web_address(url: str) -> str:
    """The address when a browser may be sent there, else empty: what a backend calls a URL may be a script."""
    return url if url.startswith(("https://", "http://")) else ""


class Pages:
    """The templates, loaded when the first page is asked for. ``fixed`` is what every page shows."""

    def __init__(self, **fixed: Any) -> None:
        self._fixed = fixed
        self._environment: jinja2.Environment | None = None

    def render(self, name: str, /, code: int = 200, **values: Any) -> web.Response:
        if self._environment is None:
            self._environment = _environment()
        text = self._environment.get_template(name).render(**self._fixed, **values)
        return web.Response(text=text, status=code, content_type="text/html", headers=HEADERS)


def _environment() -> jinja2.Environment:
    import jinja2  # noqa: PLC0415 - an agent whose page nobody opens need not hold it in memory
    from jinja2.sandbox import SandboxedEnvironment  # noqa: PLC0415 - the same

    made = SandboxedEnvironment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(local_time=local_time, age=age, words=words, web_address=web_address)
    return made
