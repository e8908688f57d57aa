"""A mail server that accepts everything and keeps who was written to: the record that "mailed twice" is judged by."""

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import cast

_HOST = "127.0.0.1"
SECONDS = 0.2
"""How long it takes to hand a message over: half of it before it is accepted, half after.

A mail server that answers at once would hide what becomes of messages whose sender dies before it hears of them.
"""


class MailServer(socketserver.ThreadingTCPServer):
    """Speaks as much SMTP as clients need to hand a message over (RFC 5321, without extensions)."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__((_HOST, 0), _Conversation)
        self._lock = threading.Lock()
        self._recipients: list[str] = []

    @property
    def host(self) -> str:
        return _HOST

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def recipients(self) -> list[str]:
        """Who was written to so far, once for each message."""
        with self._lock:
            return list(self._recipients)

    def keep(self, recipients: list[str]) -> None:
        """Keep that a message was accepted."""
        with self._lock:
            self._recipients += recipients


class _Conversation(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        with suppress(ConnectionError):  # clients are killed in the middle of a sentence
            self._talk()

    def _talk(self) -> None:
        recipients: list[str] = []
        self._say("220 bench")
        while line := self.rfile.readline():
            verb = line[:4].upper().strip()
            if verb == b"RCPT":
                recipients.append(line.decode().partition("<")[2].partition(">")[0])
            elif verb in (b"MAIL", b"RSET", b"HELO", b"EHLO"):
                recipients = []
            elif verb == b"DATA":
                self._say("354 go on")
                if not self._read_message():
                    return  # the client died before the end: nothing was accepted
                time.sleep(SECONDS / 2)
                cast("MailServer", self.server).keep(recipients)
                time.sleep(SECONDS / 2)
                recipients = []
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            self._say("250 ok")

    def _read_message(self) -> bool:
        while line := self.rfile.readline():
            if line.rstrip(b"\r\n") == b".":
                return True
        return False

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """Run one for as long as the context lasts."""
    with MailServer() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
