"""The socket that the dashboard listens on, which no other machine can reach, and the server behind it."""

import socket
from contextlib import suppress

import uvicorn
from starlette.applications import Starlette

from monthclose.domain.errors import UserMistakeError

LOOPBACK = "127.0.0.1"
USUAL_PORT = 8400
_SECONDS_TO_END = 1
"""What a page is still doing may take so long when the server ends."""


def listen(port: int | None) -> socket.socket:
    """Listen on the loopback interface.

    Parameters
    ----------
    port : int or None
        None: the usual one, or any free one if that is taken.

    Raises
    ------
    UserMistakeError
        The chosen port is taken, or this user may not listen on it.
    """
    if port is not None:
        try:
            return _bound(port)
        except OSError as error:
            raise UserMistakeError(
                f"port {port} cannot be used: {error.strerror}; choose another with --port"
            ) from None
    with suppress(OSError):
        return _bound(USUAL_PORT)
    return _bound(0)


def server_of(app: Starlette) -> uvicorn.Server:
    """Make the server; it logs nothing, as addresses have customers' ids in them."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    return uvicorn.Server(config)


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, port))
        sock.listen()
    except OSError:
        sock.close()
        raise
    return sock
