"""The fake GoCardless behind an HTTP server that breaks connections: after the request took effect, of course."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from sandbox.wire import Provider, Request

if TYPE_CHECKING:
    from collections.abc import Iterator


class Break(StrEnum):
    HANG = "no answer comes"
    RESET = "the connection is reset instead of an answer"
    CUT = "the connection is reset in the middle of the answer"


class BreakingServer(ThreadingHTTPServer):
    """Breaks the answers to as many requests as it is told; counts its connections."""

    daemon_threads = True

    def __init__(self, provider: Provider) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.provider = provider
        self.breaks: list[Break] = []
        self.connections = 0
        self.may_end = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/gocardless"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: BreakingServer

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        response = self.server.provider.handle(Request.to(self.command, self.path, dict(self.headers), body))
        how = self.server.breaks.pop(0) if self.server.breaks else None
        if how is Break.HANG:
            self.server.may_end.wait(timeout=60)
        if how in (None, Break.CUT):
            self.send_response(response.status)
            for name, value in response.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body if how is None else response.body[: len(response.body) // 2])
        if how is not None:
            # Without lingering, closing is a reset; what was written before has a moment to arrive.
            if how is Break.RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True

    do_GET = do_POST = _answer  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@contextlib.contextmanager
def breaking(provider: Provider) -> Iterator[BreakingServer]:
    """Serve a provider at `/gocardless`."""
    server = BreakingServer(provider)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.may_end.set()
        server.shutdown()
        server.server_close()
        thread.join(timeout=30)
