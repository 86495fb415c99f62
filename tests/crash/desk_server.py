"""A ticket book over HTTP that outlives the agent's crashes: no uniqueness, and a pause around every commit."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Book:
    def __init__(self, pause: float) -> None:
        self.tickets: list[dict[str, Any]] = []
        self.pause = pause
        self._lock = threading.Lock()

    def serve(self, verb: str, body: dict[str, Any]) -> object:
        time.sleep(self.pause)
        with self._lock:
            answer = getattr(self, verb)(**body)
        time.sleep(self.pause)
        return answer

    def find(self, key: str) -> object:
        return [ticket for ticket in self.tickets if ticket["key"] == key]

    def create(self, key: str, episode: int) -> object:
        ticket = {"id": len(self.tickets) + 1, "key": key, "episode": episode, "state": "new", "notes": [],
                  "created_at": int(time.time() * 1000)}  # fmt: skip
        self.tickets.append(ticket)
        return ticket

    def read(self, number: int) -> object:
        return self.tickets[number - 1]

    def apply(self, number: int, notes: list[str], resolve: bool) -> object:
        ticket = self.tickets[number - 1]
        ticket["notes"] += [note for note in notes if note not in ticket["notes"]]
        if resolve:
            ticket["state"] = "resolved"
        return ticket


@contextmanager
def desk(pause: float = 0.002) -> Iterator[tuple[Book, str]]:
    """A running server: its book and its address."""
    book = Book(pause)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps(book.serve(self.path.removeprefix("/"), body)).encode()
            try:
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)
            except ConnectionError:
                pass  # the agent was killed; what it asked for is done all the same

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield book, f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
