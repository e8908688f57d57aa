"""The HTTP server over the providers: it listens on 127.0.0.1 only.

Beside the providers' own APIs it has the sandbox's: ``GET /_sandbox/health``, ``GET /_sandbox/charges`` (the ledger of
money moved, ``?customer=`` and ``?payment_intent=``), ``GET /_sandbox/requests`` and ``POST /_sandbox/reset``.
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
from starlette.responses import JSONResponse
from starlette.responses import Response as HTTPResponse
from starlette.routing import Route

from sandbox.wire import Provider, Request

HOST = "127.0.0.1"

# Requests wait in threads while a provider takes its time, so there must be more of them than any test has workers.
_THREADS = 256
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_FILTERS = ("customer", "payment_intent")


class CannotListenError(Exception):
    """The port is taken, or not this user's to take."""


def create_app(providers: Mapping[str, Provider]) -> Starlette:
    """Build the web application.

    Parameters
    ----------
    providers : Mapping[str, Provider]
        Each provider by the prefix of its paths, as in ``{"/v1": stripe}``. Providers see the whole path.
    """
    mounted = tuple(providers.values())
    return Starlette(
        routes=[
            *_control_routes(mounted),
            *(
                Route(f"{prefix}/{{rest:path}}", _endpoint(provider), methods=_METHODS)
                for prefix, provider in providers.items()
            ),
        ],
        lifespan=_more_threads,
    )


@contextlib.asynccontextmanager
async def _more_threads(_app: Starlette) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    yield


def _endpoint(provider: Provider) -> Callable[[HTTPRequest], Any]:
    async def endpoint(http: HTTPRequest) -> HTTPResponse:
        # HTTP header names come in lower case from ASGI.
        request = Request(http.method, http.url.path, http.url.query, dict(http.headers), await http.body())
        response = await run_in_threadpool(provider.handle, request)
        return HTTPResponse(response.body, response.status, dict(response.headers))

    return endpoint


def _control_routes(providers: tuple[Provider, ...]) -> list[Route]:
    async def health(_http: HTTPRequest) -> JSONResponse:
        return JSONResponse({"status": "ok", "providers": [provider.name for provider in providers]})

    async def charges(http: HTTPRequest) -> JSONResponse:
        wanted = {name: http.query_params[name] for name in _FILTERS if name in http.query_params}
        moved = (movement for provider in providers for movement in provider.movements())
        return JSONResponse([movement for movement in moved if wanted.items() <= _strings(movement).items()])

    async def requests(_http: HTTPRequest) -> JSONResponse:
        return JSONResponse({provider.name: provider.request_counts() for provider in providers})

    async def reset(_http: HTTPRequest) -> JSONResponse:
        for provider in providers:
            provider.reset()
        return JSONResponse({"status": "reset"})

    return [
        Route("/_sandbox/health", health),
        Route("/_sandbox/charges", charges),
        Route("/_sandbox/requests", requests),
        Route("/_sandbox/reset", reset, methods=["POST"]),
    ]


def _strings(movement: Mapping[str, Any]) -> dict[str, str]:
    return {name: movement[name] for name in _FILTERS if isinstance(movement.get(name), str)}


def listen(port: int = 0) -> socket.socket:
    """Listen on 127.0.0.1; port 0 lets the system choose one.

    Raises
    ------
    CannotListenError
        If another program listens there, or this user may not.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen(_THREADS)
    except OSError as error:
        listener.close()
        raise CannotListenError(f"cannot listen on {HOST}:{port}: {error.strerror}") from error
    return listener


class Server(uvicorn.Server):
    """A server that tells when it accepts requests.

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
            app, log_level="warning", access_log=False, timeout_keep_alive=120, timeout_graceful_shutdown=5
        )
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start serving, then say so."""
        await super().startup(sockets)
        self._on_ready()
