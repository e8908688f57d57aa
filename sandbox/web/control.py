"""The sandbox's own HTTP routes, below ``/_sandbox/`` (docs/sandbox.md lists them)."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HTTPRequest
from starlette.responses import JSONResponse
from starlette.responses import Response as HTTPResponse
from starlette.routing import Route

from sandbox.chaos.front import Front
from sandbox.chaos.latency import SIGMA
from sandbox.chaos.plan import read_limits, read_plan
from sandbox.desk import Desk
from sandbox.holdings import holdings
from sandbox.mounts import ENDPOINTS
from sandbox.reading import Entry, PlanError
from sandbox.webhooks import read_endpoints
from sandbox.wire import JSON, Request, Response

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
LONGEST_LATENCY_MS = 600_000.0

_FILTERS = ("customer", "payment_intent")

type Handler = Callable[[HTTPRequest], Awaitable[HTTPResponse]]


def control_routes(providers: Sequence[Front], desk: Desk) -> list[Route]:
    """Make the routes."""
    return [
        *_ledger_routes(providers),
        *_setting_routes("chaos", desk.chaos.to_json, _chaos_setter(desk), desk.chaos.end),
        *_setting_routes("limits", desk.limiter.to_json, _limits_setter(desk), lambda: desk.set_limits({})),
        *_setting_routes("webhooks", desk.webhooks.to_json, _webhooks_setter(desk), lambda: desk.webhooks.register({})),
        *_setting_routes("latency", desk.latency.to_json, _latency_setter(desk), lambda: desk.latency.set(0)),
        Route("/_sandbox/clock", _answering(lambda: _clock(providers, desk))),
        Route("/_sandbox/clock/pass", _answering(lambda: _pass_time(providers)), methods=["POST"]),
        Route("/_sandbox/faults", _answering(desk.chaos.counts)),
        Route("/_sandbox/reset", _answering(lambda: _reset(providers, desk)), methods=["POST"]),
        *(
            Route(f"/_sandbox/{provider.name}/{{rest:path}}", _passing_on(provider), methods=METHODS)
            for provider in providers
        ),
    ]


def _ledger_routes(providers: Sequence[Front]) -> list[Route]:
    async def charges(http: HTTPRequest) -> HTTPResponse:
        found = _filtered(providers, http)
        # `kind` says nothing here; whoever compares entries with charges of their own need not know of it.
        return JSONResponse([_without_kind(entry) for entry in found if entry.get("kind", "charge") == "charge"])

    async def movements(http: HTTPRequest) -> HTTPResponse:
        return JSONResponse([{"kind": "charge", **entry} for entry in _filtered(providers, http)])

    async def held(http: HTTPRequest) -> HTTPResponse:
        return JSONResponse([holding.to_json() for holding in holdings(_filtered(providers, http)).values()])

    def health() -> JSON:
        return {"status": "ok", "providers": [provider.name for provider in providers]}

    def requests() -> JSON:
        return {provider.name: provider.request_counts() for provider in providers}

    return [
        Route("/_sandbox/health", _answering(health)),
        Route("/_sandbox/charges", charges),
        Route("/_sandbox/movements", movements),
        Route("/_sandbox/holdings", held),
        Route("/_sandbox/requests", _answering(requests)),
    ]


def _setting_routes(
    name: str, show: Callable[[], JSON], change: Callable[[object], object], clear: Callable[[], object]
) -> list[Route]:
    """Make the routes of one setting: GET shows it, PUT replaces it, DELETE removes it."""

    async def put(http: HTTPRequest) -> HTTPResponse:
        try:
            change(json.loads(await http.body()))
        except PlanError as error:
            return JSONResponse({"error": str(error)}, 400)
        except ValueError as error:
            return JSONResponse({"error": f"the body is not JSON: {error}"}, 400)
        return JSONResponse(show())

    async def delete(_http: HTTPRequest) -> HTTPResponse:
        clear()
        return JSONResponse(show())

    path = f"/_sandbox/{name}"
    return [
        Route(path, _answering(show)),
        Route(path, put, methods=["PUT"]),
        Route(path, delete, methods=["DELETE"]),
    ]


def _chaos_setter(desk: Desk) -> Callable[[object], None]:
    return lambda document: desk.begin(read_plan(document, ENDPOINTS))


def _limits_setter(desk: Desk) -> Callable[[object], None]:
    return lambda document: desk.set_limits(read_limits(document, ENDPOINTS))


def _webhooks_setter(desk: Desk) -> Callable[[object], None]:
    return lambda document: desk.webhooks.register(read_endpoints(document, ENDPOINTS))


def _latency_setter(desk: Desk) -> Callable[[object], None]:
    def change(document: object) -> None:
        entry = Entry(document, "the latency")
        median = entry.number("median_ms", 0.0, LONGEST_LATENCY_MS, None)
        sigma = entry.number("sigma", 0.0, 5.0, SIGMA)
        entry.end()
        desk.latency.set(median, sigma)

    return change


def _clock(providers: Sequence[Front], desk: Desk) -> JSON:
    """Tell the providers' time, when something happens next, and whether all webhooks have arrived."""
    due = min((due for provider in providers if (due := provider.next_due()) is not None), default=None)
    return {"now": desk.clock(), "next_due": due, "webhooks_idle": desk.webhooks.wait_until_idle(0)}


def _pass_time(providers: Sequence[Front]) -> JSON:
    """Let happen what is due by now; events go out in the order in which it happens at each provider."""
    found = [event for provider in providers for event in provider.pass_time()]
    return {"happened": [{"what": event.what, "metadata": dict(event.metadata)} for event in found]}


def _reset(providers: Sequence[Front], desk: Desk) -> JSON:
    for provider in providers:
        provider.reset()
    desk.reset()
    return {"status": "reset"}


def _answering(answer: Callable[[], Mapping[str, Any]]) -> Handler:
    async def endpoint(_http: HTTPRequest) -> HTTPResponse:
        return JSONResponse(answer())

    return endpoint


def _passing_on(provider: Front) -> Handler:
    async def endpoint(http: HTTPRequest) -> HTTPResponse:
        return to_http(await run_in_threadpool(provider.control, await to_request(http)))

    return endpoint


async def to_request(http: HTTPRequest) -> Request:
    """Read a request for a provider."""
    # HTTP header names come in lower case from ASGI.
    return Request(http.method, http.url.path, http.url.query, dict(http.headers), await http.body())


def to_http(response: Response) -> HTTPResponse:
    """Write a provider's answer."""
    return HTTPResponse(response.body, response.status, dict(response.headers))


def _filtered(providers: Sequence[Front], http: HTTPRequest) -> list[JSON]:
    wanted = {name: http.query_params[name] for name in _FILTERS if name in http.query_params}
    moved = (movement for provider in providers for movement in provider.movements())
    return [movement for movement in moved if wanted.items() <= _strings(movement).items()]


def _strings(movement: Mapping[str, Any]) -> dict[str, str]:
    return {name: movement[name] for name in _FILTERS if isinstance(movement.get(name), str)}


def _without_kind(movement: JSON) -> JSON:
    return {name: value for name, value in movement.items() if name != "kind"}
