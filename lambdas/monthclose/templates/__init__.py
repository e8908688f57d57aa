"""The texts and pages that people read, as Jinja2 templates, and the one environment that renders them."""

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape


@cache
def environment() -> Environment:
    """Load the templates of this folder: HTML is escaped, and a name that the template misses is an error."""
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default_for_string=True),
        trim_blocks=True,
        lstrip_blocks=True,
    )


_PAGES = {
    "found": ("Your invoice", "Your browser takes you there."),
    "refused": (
        "This link does not work",
        "It may be incomplete or too old. The mail with your latest invoice has a new one.",
    ),
    "later": ("Please come back in a minute", "Your invoice cannot be shown at this moment."),
}


@cache
def page(name: str) -> str:
    """Make one of the plain pages that say what became of a link. They hold nobody's data."""
    title, text = _PAGES[name]
    return environment().get_template("page.html.j2").render(title=title, text=text)
