"""The HTTP server over the providers: it listens on 127.0.0.1 only.

Beside the providers' own APIs it has the pages they send customers to, below ``/pages/``, and the sandbox's own
routes, below ``/_sandbox/``: :mod:`sandbox.web.control`.
"""

import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import anyio.to_thread
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HTTPRequest
from starlette.responses import Response as HTTPResponse
from starlette.routing import Route

from sandbox import pages
from sandbox.chaos.front import Front
from sandbox.desk import Desk
from sandbox.web.connection import LostAnswer, Protocol
from sandbox.web.control import METHODS, control_routes, to_http, to_request
from sandbox.wire import Lost, Provider, Request, Response

HOST = "127.0.0.1"

# Requests wait in threads while a provider takes its time, so there must be more of them than any test has workers.
_THREADS = 256


class CannotListenError(Exception):
    """The port is in use, or not permitted to this user."""


def create_app(providers: Mapping[str, Provider], desk: Desk | None = None) -> Starlette:
    """Build the web application.

    Parameters
    ----------
    providers : Mapping[str, Provider]
        Each provider by the prefix of its paths, as in ``{"/v1": stripe}``. Providers see the whole path.
    desk : Desk, optional
        What their chaos, limits, latency and webhooks are set at; closed with the application. Without one they can be
        set too, but latency, webhooks and 500s need providers that were made for the desk
        (:func:`sandbox.mounts.make_providers`).
    """
    present = desk or Desk()
    fronts = {prefix: present.front(provider) for prefix, provider in providers.items()}
    return Starlette(
        routes=[
            *control_routes(tuple(fronts.values()), present),
            *(_pages(front) for front in fronts.values()),
            *(
                Route(f"{prefix}/{{rest:path}}", _endpoint(front.handle), methods=METHODS)
                for prefix, front in fronts.items()
            ),
        ],
        lifespan=lambda _app: _life(present),
    )


@contextlib.asynccontextmanager
async def _life(desk: Desk) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    try:
        yield
    finally:
        await run_in_threadpool(desk.close)


def _pages(front: Front) -> Route:
    return Route(f"{pages.PREFIX}/{front.name}/{{rest:path}}", _endpoint(front.page), methods=["GET", "POST"])


def _endpoint(answer: Callable[[Request], Response]) -> Callable[[HTTPRequest], Any]:
    async def endpoint(http: HTTPRequest) -> HTTPResponse:
        response = await run_in_threadpool(answer, await to_request(http))
        return LostAnswer(response) if isinstance(response, Lost) else to_http(response)

    return endpoint


def listen(port: int = 0) -> socket.socket:
    """Listen on 127.0.0.1; port 0 lets the system choose one.

    Raises
    ------
    CannotListenError
        If another program listens there, or this user may not.
    """
    # With the protocol named, asyncio sets TCP_NODELAY: else an answer on a kept connection takes 45 ms instead of 2.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(_THREADS)
    except OSError as error:
        listener.close()
        raise CannotListenError(f"cannot listen on {HOST}:{port}: {error.strerror}") from error
    return listener


class Server(uvicorn.Server):
    """A server that reports when it accepts requests.

    Parameters
    ----------
    app : Starlette
        What it serves.
    on_ready : Callable[[], object]
        Called once, in the server's thread, as soon as requests are answered.
    """

    def __init__(self, app: Starlette, on_ready: Callable[[], object]) -> None:
        # Clients keep connections between requests; a server that drops them early makes their next request fail.
        config = uvicorn.Config(
            app,
            http=Protocol,
            log_level="warning",
            access_log=False,
            timeout_keep_alive=120,
            timeout_graceful_shutdown=5,
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving, then say so."""
        await super().startup(sockets)
        self._on_ready()
