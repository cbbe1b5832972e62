"""The stand-in over HTTP: tokens and their rights, one request after the other, and faults at any of them."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from hetzner_stand_in.project import READING, TOKEN, Project, Refused

Fault = Callable[[int, str], None]
"""Is told the number of a request, from 1, and what it asks; raises `Refused`, `Silence`, or ends whoever asks."""


class Silence(Exception):
    """No answer: the connection is cut."""


class StandIn:
    """One project, served.

    Attributes:
        project: what is in it.
        requests: all that were asked, as `METHOD /path`.
        before: a fault before a request is done.
        after: a fault after it was done, before it is answered.
    """

    def __init__(self, project: Project | None = None) -> None:
        self.project = project or Project()
        self.requests: list[str] = []
        self.before: Fault = lambda *_: None
        self.after: Fault = lambda *_: None
        self._one_at_a_time = threading.Lock()

    def answer(self, method: str, target: str, token: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Status and body of the answer.

        Raises:
            Silence: there is none.
        """
        with self._one_at_a_time:
            path = unquote(urlsplit(target).path).removeprefix("/v1")
            asked = f"{method} {path}"
            self.requests.append(asked)
            number = len(self.requests)
            try:
                _admit(token, method)
                self.before(number, asked)
                found: dict[str, str] = {}
                for name, value in parse_qsl(urlsplit(target).query):
                    found[name] = f"{found[name]},{value}" if name in found else value
                status, content = self.project.answer(method, path, found, body)
                self.after(number, asked)
            except Refused as error:
                return error.status, {"error": {"code": error.code, "message": str(error), "details": {}}}
            return status, content

    @contextmanager
    def served(self, port: int = 0) -> Iterator[str]:
        """Serve on loopback for as long as the block lasts; gives the address of the API."""
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                try:
                    token = self.headers.get("Authorization", "")
                    status, content = stand_in.answer(self.command, self.path, token, body)
                except Silence:
                    self.close_connection = True
                    return
                text = b"" if content is None else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
            server.daemon_threads = True
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/v1"
            finally:
                server.shutdown()
                thread.join()


def _admit(token: str, method: str) -> None:
    if token not in (f"Bearer {TOKEN}", f"Bearer {READING}"):
        raise Refused(401, "unauthorized", "unable to authenticate")
    if token == f"Bearer {READING}" and method != "GET":
        raise Refused(403, "token_readonly", "the token is only allowed to perform GET requests")


if __name__ == "__main__":
    with StandIn().served(int(sys.argv[1])) as address:
        print(address, flush=True)
        threading.Event().wait()
