"""The dashboard as a web application: its pages, its files, and the pages that say what went wrong."""

from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cli.dashboard.access import Access, AccessMiddleware
from cli.dashboard.context import Dashboard, NotFoundError
from cli.dashboard.pages import ROUTES
from cli.dashboard.rendering import render
from cli.failures import explained, refusal_behind
from monthclose import templates
from monthclose.errors import BrokeOffError, ProviderRefusedError, TryLaterError, UserMistakeError

_STATIC = Path(__file__).parent / "static"
_CHARTS_CSS = Path(templates.__file__).parent / "charts.css"
_TITLES = {404: "There is no such page", 405: "There is no such page"}


def create_app(dashboard: Dashboard, access: Access) -> Starlette:
    """Put the dashboard together."""
    app = Starlette(
        routes=[*ROUTES, Route("/static/charts.css", _charts_css), Mount("/static", StaticFiles(directory=_STATIC))],
        middleware=[Middleware(AccessMiddleware, access=access), Middleware(_Explaining)],
        exception_handlers={HTTPException: _of_http},
    )
    app.state.dashboard, app.state.access = dashboard, access
    return app


def _charts_css(_request: Request) -> Response:
    """Serve the style of the charts, which the report's page has as well."""
    return FileResponse(_CHARTS_CSS)


class _Explaining:
    """Turns every error into a page that says what is wrong, as the command does; the server goes on."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        begun = False

        async def noticing(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, noticing)
        except Exception as error:
            if begun:
                raise
            await _of_any(Request(scope), error)(scope, receive, send)


def _of_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    title = _TITLES.get(error.status_code, "This request cannot be answered")
    return render(request, "error.html.j2", error.status_code, title=title, lines=["The address may be mistyped."])


def _of_any(request: Request, error: Exception) -> Response:
    """Say what is wrong, in the words of the command."""
    if isinstance(error, NotFoundError):
        title, status, said = "Not found", 404, str(error)
    elif isinstance(error, UserMistakeError | BrokeOffError | ProviderRefusedError):
        title, status, said = "This cannot be done", 409, str(error)
    elif isinstance(error, TryLaterError) and refusal_behind(error) is None:
        title, status, said = "Please try again in a moment", 503, str(error)
    else:
        title, status, said = "This page cannot be shown", 500, explained(error)
    return render(request, "error.html.j2", status, title=title, lines=said.splitlines())
