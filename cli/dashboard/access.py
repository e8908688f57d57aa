"""Who may see the dashboard: whoever started it, in the browser they opened with the address that it printed.

It listens on the loopback interface only. Other pages in the same browser can send requests there too, and a name of
theirs can be made to lead there (DNS rebinding), so `Host` and `Origin` are checked, a cookie is needed for everything,
and a form key for every change. No page may be framed by another, and no page runs a script that is not a file of ours.
"""

import hmac
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monthclose.domain.errors import UserMistakeError

FORM_KEY = "form_key"
"""The field of a form that shows it comes from one of our pages."""
_ENTRANCE, _STATIC = "/start", "/static/"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_READING = ("GET", "HEAD")
_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""Of every answer, unless it has the header itself: one that a page of ours frames allows that."""
_NO_KEY = (
    "This address has no valid key.\n\nOpen the address that `monthclose dashboard` printed when it started; "
    "it changes with every start.\n"
)


class Access:
    """The keys of one dashboard, which end with it.

    Attributes
    ----------
    entrance : str
        The path that lets a browser in: it sets the cookie, and leads to the first page.
    """

    def __init__(self) -> None:
        self._start, self._session = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        self.entrance = f"{_ENTRANCE}?key={self._start}"
        self.form_key = hmac.digest(self._session.encode(), b"forms", "sha256").hex()

    def check_form(self, form: Mapping[str, object]) -> None:
        """Refuse a form that is not from a page of ours.

        Raises
        ------
        UserMistakeError
            It has no valid key: it is from a dashboard that has ended, or from elsewhere.
        """
        if not hmac.compare_digest(str(form.get(FORM_KEY, "")).encode(), self.form_key.encode()):
            raise UserMistakeError("this form is from another start of the dashboard: open the page again")

    def answer(self, scope: Scope) -> Response | None:
        """Answer a request here; None if it may go on to the pages."""
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if urlsplit(f"//{host}").hostname not in _LOOPBACK:
            return PlainTextResponse("The dashboard answers to 127.0.0.1 and localhost only.\n", 421)
        if not _from_here(scope["method"], headers, f"http://{host}"):
            return PlainTextResponse("This request comes from another site.\n", 403)
        if scope["path"] == _ENTRANCE:
            return self._let_in(scope, host)
        if scope["path"].startswith(_STATIC) or self._has_cookie(headers, host):
            return None
        return PlainTextResponse(_NO_KEY, 403)

    def _let_in(self, scope: Scope, host: str) -> Response:
        (given, *_) = parse_qs(scope["query_string"].decode("latin-1")).get("key", [""])
        if not hmac.compare_digest(given.encode(), self._start.encode()):
            return PlainTextResponse(_NO_KEY, 403)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(_cookie(host), self._session, httponly=True, samesite="strict")
        return answer

    def _has_cookie(self, headers: Headers, host: str) -> bool:
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        found = cookies.get(_cookie(host))
        return found is not None and hmac.compare_digest(found.value.encode(), self._session.encode())


class AccessMiddleware:
    """Puts `Access` before the pages, and the headers of all answers behind them."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app, self._access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass on."""
        if scope["type"] != "http":  # there are no web sockets
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        answer = self._access.answer(scope)
        await (answer or self._app)(scope, receive, with_headers)


def _cookie(host: str) -> str:
    """Name the cookie: browsers keep one jar for all ports of a host."""
    return f"monthclose-{urlsplit(f'//{host}').port or 80}"


def _from_here(method: str, headers: Headers, here: str) -> bool:
    """Whether a request comes from a page of ours or, if it only reads, from the address bar or a link."""
    site = headers.get("sec-fetch-site", "same-origin")
    if method not in _READING:
        return site == "same-origin" and headers.get("origin") == here
    return site in ("same-origin", "none") or headers.get("sec-fetch-dest") == "document"
