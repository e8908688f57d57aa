"""Connection faults, carried out on the connection itself: answers that never arrive, or only in part."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import Any

from starlette.responses import Response as HTTPResponse
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sandbox.chaos.faults import Fault
from sandbox.wire import Lost

# Close at once and tell the other side with a reset (socket(7), SO_LINGER with a time of zero).
_NO_LINGER = struct.pack("ii", 1, 0)


class Protocol(H11Protocol):
    """uvicorn's HTTP protocol, which lets an answer get at its own connection."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Hand the connection to the requests that come over it, as part of their state."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "connection": self}
        self.hangs = False

    def shutdown(self) -> None:
        """End the connection when the server ends; one that hangs would keep it waiting."""
        if self.hangs:
            self.transport.abort()
        else:
            super().shutdown()

    def reset(self) -> None:
        """Reset the connection."""
        underlying = self.transport.get_extra_info("socket")
        if underlying is not None:
            underlying.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        self.transport.abort()


class LostAnswer(HTTPResponse):
    """An answer that is lost on its way.

    Parameters
    ----------
    lost : Lost
        What the client would have received, and how it is lost.
    """

    def __init__(self, lost: Lost) -> None:
        super().__init__(lost.body, lost.status, dict(lost.headers))
        self._lose: Callable[[Protocol, Receive, Send], Any] = {
            Fault.HANG: self._hang,
            Fault.RESET: self._reset,
            Fault.CUT: self._cut,
        }[lost.fault]
        self._seconds = lost.seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lose the answer."""
        await self._lose(scope["state"]["connection"], receive, send)

    async def _reset(self, connection: Protocol, receive: Receive, _send: Send) -> None:
        connection.reset()
        await _end(receive)

    async def _hang(self, connection: Protocol, receive: Receive, send: Send) -> None:
        connection.hangs = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(_end(receive), self._seconds)
            return  # the client has had enough
        await self._reset(connection, receive, send)

    async def _cut(self, connection: Protocol, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[: len(self.body) // 2], "more_body": True})
        connection.transport.close()  # what was written goes out first: the client sees half of it
        await _end(receive)


async def _end(receive: Receive) -> None:
    """Wait until the connection is no more."""
    while (await receive())["type"] != "http.disconnect":
        pass
