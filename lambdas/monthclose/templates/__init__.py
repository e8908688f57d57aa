"""The texts and pages that people read, as Jinja2 templates, and the one environment that renders them.

A template writes a text that customers read as `{{ _("You owe {open}.") }}`: translated into the language of the
`locale` that it is rendered with, and filled in with the template's own names.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from monthclose.locales import Locale

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context

# Jinja is imported with the first text: functions that place holds and hear webhooks seldom have one to write.

_UNSHOWN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""Controls, what turns texts around, and what is no character: no page and no mail may hold it."""


@cache
def environment(folder: Path = Path(__file__).parent) -> Environment:
    """Load the templates of a folder: HTML is escaped, and a name that the template misses is an error.

    In whatever is put in, characters that cannot be shown are replaced.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context, select_autoescape

    made = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        finalize=_shown,
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["_"] = pass_context(_translated)
    return made


def _translated(context: Context, english: str, /) -> str:
    locale: Locale = context["locale"]
    return locale.text(english, **context.get_all())


def _shown(value: object) -> object:
    return _UNSHOWN.sub("\ufffd", value) if type(value) is str else value


_PAGES = {
    "found": ("Your invoice", "Your browser is taking you there."),
    "refused": (
        "This link does not work",
        "It may be incomplete or have expired. The email with your latest invoice has a new one.",
    ),
    "later": ("Please try again in a minute", "Your invoice cannot be shown right now."),
}


@cache
def page(name: str) -> str:
    """Make one of the plain pages that say what became of a link. They hold nobody's data."""
    title, text = _PAGES[name]
    return environment().get_template("page.html.j2").render(title=title, text=text)
