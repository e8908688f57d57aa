"""The providers' hosted pages in HTML: plain forms that a person, a browser or a test can submit; no script."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from sandbox.wire import Request, Response

PREFIX = "/pages"
"""Where they are, below the sandbox's own address; then comes the provider's name."""

_STYLE = (
    ":root{color-scheme:light dark;font-family:system-ui,sans-serif;line-height:1.5}"
    "body{max-width:30rem;margin:2rem auto;padding:0 1rem}"
    "form{border:1px solid #767676;border-radius:.5rem;padding:1rem;margin:1rem 0}"
    "label{display:block;margin-bottom:.75rem}"
    "input,select{display:block;box-sizing:border-box;width:100%;font:inherit;padding:.4rem}"
    "button{font:inherit;padding:.5rem 1rem}"
    "[role=alert]{border-left:.25rem solid #b00020;padding-left:.75rem}"
)


@dataclass(frozen=True, slots=True)
class Field:
    """One entry of a form.

    Attributes
    ----------
    hint : str
        What to try, shown in the empty field.
    required : bool
        Whether the browser insists on it.
    """

    name: str
    label: str
    hint: str = ""
    value: str = ""
    required: bool = True

    def html(self) -> str:
        """Write it as a labelled input."""
        required = " required" if self.required else ""
        return (
            f'<label>{escape(self.label)}<input name="{escape(self.name)}" value="{escape(self.value)}" '
            f'placeholder="{escape(self.hint)}" autocomplete="off"{required}></label>'
        )


def form(action: str, fields: Iterable[Field], button: str, *, legend: str = "", **hidden: str) -> str:
    """Write a form that is posted to an address on this server.

    Parameters
    ----------
    **hidden
        Further values, by their names.
    """
    title = f"<h2>{escape(legend)}</h2>" if legend else ""
    unseen = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in hidden.items())
    shown = "".join(field.html() for field in fields)
    return (
        f'<form method="post" action="{escape(action)}">{title}{unseen}{shown}'
        f'<button type="submit">{escape(button)}</button></form>'
    )


def link(url: str, text: str) -> str:
    """Write a link."""
    return f'<p><a href="{escape(url)}">{escape(text)}</a></p>'


def paragraph(text: str) -> str:
    """Write a paragraph."""
    return f"<p>{escape(text)}</p>"


def alert(text: str) -> str:
    """Write what went wrong; nothing if nothing did."""
    return f'<p role="alert">{escape(text)}</p>' if text else ""


def page(title: str, *parts: str, status: int = 200) -> Response:
    """Answer with a page.

    Parameters
    ----------
    *parts
        HTML, made by the functions of this module.
    """
    html = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{''.join(parts)}</main></body></html>"
    )
    headers = {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        "Referrer-Policy": "no-referrer",
    }
    return Response(status, html.encode(), headers)


def not_found() -> Response:
    """Answer that there is no such page."""
    return page("Page not found", paragraph("There is no such page, or it is no longer in use."), status=404)


def see(url: str) -> Response:
    """Send the browser on to another page."""
    return Response(303, b"", {"Location": url})


def submitted(request: Request) -> dict[str, str]:
    """Read what a form was submitted with; blanks around it do not count."""
    return {name: value.strip() for name, value in parse_qsl(request.body.decode(errors="replace"))}


def with_query(url: str, **values: str) -> str:
    """Add parameters to an address, which may have some of its own."""
    parts = urlsplit(url)
    added = "&".join(f"{name}={quote(value, safe='')}" for name, value in values.items())
    return urlunsplit(parts._replace(query=f"{parts.query}&{added}" if parts.query else added))


def is_address(url: str) -> bool:
    """Tell whether a text is the address of a web page."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def site(request: Request, usual: str) -> str:
    """Return where the pages are, for whoever made a request: at the address that the request was sent to.

    Parameters
    ----------
    usual : str
        The provider's own address, for requests that came over no wire.
    """
    host = request.headers.get("host", "")
    return f"http://{host}{PREFIX}" if host else f"{usual}{PREFIX}"
