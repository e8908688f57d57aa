"""A customer at the providers' hosted pages: opens addresses, follows redirects, fills in forms and submits them."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urljoin, urlsplit

from sandbox.pages import PREFIX
from sandbox.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Form:
    """A form of a page: where it is posted to, what its fields hold, and what its button says."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    button: str = ""


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self._in_button = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(given["action"]))
        elif tag in ("input", "select"):
            self.forms[-1].fields[given["name"]] = given.get("value", "")
        elif tag == "a":
            self.links.append(given["href"])
        self._in_button = tag == "button"

    def handle_endtag(self, tag: str) -> None:
        self._in_button = self._in_button and tag != "button"

    def handle_data(self, data: str) -> None:
        if self._in_button:
            self.forms[-1].button += data
        else:
            self.text.append(data)


class Customer:
    """Somebody with a browser.

    Parameters
    ----------
    answer : Callable[[Request], Response]
        A provider's :meth:`page`; requests to elsewhere are not made: the visit ends there.
    """

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self._answer = answer
        self.url = ""
        self.response: Response | None = None

    @property
    def page(self) -> _Reader:
        assert self.response is not None, f"the visit ended at {self.url}"
        reader = _Reader()
        reader.feed(self.response.body.decode())
        return reader

    @property
    def text(self) -> str:
        """All that the page says, without its style."""
        return " ".join(" ".join(self.page.text).split())

    def open(self, url: str) -> Customer:
        """Open an address, and follow where it leads."""
        return self._request("GET", url)

    def submit(self, button: str = "", kind: str = "", **fields: str) -> Customer:
        """Fill in the first form that has these fields, and submit it.

        Parameters
        ----------
        button : str
            What its button says, or a part of it.
        kind : str
            The type of payment method that it is for.
        """
        form = next(
            form
            for form in self.page.forms
            if button in form.button and kind in ("", form.fields.get("type")) and {*fields} <= {*form.fields}
        )
        return self._request("POST", urljoin(self.url, form.action), urlencode({**form.fields, **fields}))

    def _request(self, method: str, url: str, body: str = "") -> Customer:
        self.url = url
        if not urlsplit(url).path.startswith(f"{PREFIX}/"):
            self.response = None  # they are back at the business
            return self
        headers = {"Content-Type": "application/x-www-form-urlencoded"} if body else {}
        self.response = self._answer(Request.to(method, url, headers, body))
        if self.response.status == 303:
            return self._request("GET", urljoin(url, self.response.headers["Location"]))
        return self
