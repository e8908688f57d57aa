"""How pages are made from templates: the environment, its filters, and what every page knows."""

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse

from cli.console import duration
from cli.dashboard.context import dashboard_of
from cli.dashboard.navigation import CLOSE_TABS, sections
from monthclose.domain.money import Money
from monthclose.domain.words import count
from monthclose.templates import environment

NOTHING = "\N{EN DASH}"
"""What is written where there is nothing to write."""
_TEMPLATES = Path(__file__).parent / "templates"


def render(request: Request, template: str, status_code: int = 200, **content: Any) -> HTMLResponse:
    """Make a page.

    Parameters
    ----------
    content : mapping
        What the template is filled in with. `section` is the entry of the navigation that the page belongs to; `period`
        makes it a page of a close, of which `tab` is the one shown.
    """
    dashboard = dashboard_of(request)
    page = {
        "company": dashboard.company,
        "operate": dashboard.operate,
        "by": dashboard.by,
        "form_key": request.app.state.access.form_key,
        "said": dashboard.said.of(request.query_params.get("said", "")),
        "sections": sections(operate=dashboard.operate),
        "close_tabs": CLOSE_TABS,
        "section": "",
        "period": None,
        "tab": "",
        **content,
    }
    return HTMLResponse(_environment().get_template(template).render(page), status_code)


def figures(minor: int, currency: str) -> str:
    """Write an amount without its currency, where that is said beside it: `1,234.50`."""
    return Money(minor, currency).figures


def moment(time: datetime | None) -> str:
    """Write a time: `2026-11-01 00:12 UTC`; a dash if there is none."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if time else NOTHING


def words(code: str) -> str:
    """Write a state, a reason or a code of the program as words: `Action required`."""
    return str(code).replace("_", " ").capitalize()


def percent_of(part: int, whole: int) -> str:
    """Write a part as a share of the whole, rounded down: 100% is all of it; a dash if there is no whole."""
    if whole <= 0:
        return NOTHING
    per_mille = 1000 * part // whole
    return "100%" if per_mille == 1000 else f"{per_mille // 10}.{per_mille % 10}%"


@cache
def _environment() -> Environment:
    made = environment(_TEMPLATES)
    made.filters.update(
        figures=figures, moment=moment, words=words, percent_of=percent_of, count=count, duration=duration
    )
    return made
