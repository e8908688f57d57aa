"""What the dashboard's pages can be reached by: its sections, and the tabs of a close."""

from typing import NamedTuple


class Section(NamedTuple):
    """An entry of the navigation on top of every page: its name in the code, its label and its address."""

    name: str
    label: str
    path: str


class Tab(NamedTuple):
    """A tab of a close; the address follows the close's own, `/closes/2026-10`."""

    name: str
    label: str
    path: str


SECTIONS = (
    Section("closes", "Closes", "/"),
    Section("lists", "Lists", "/lists"),
    Section("prices", "Prices", "/prices"),
)
_OPERATE = Section("operate", "Operate", "/operate")
CLOSE_TABS = (Tab("glance", "At a glance", ""), Tab("report", "Report and files", "/report"))


def sections(*, operate: bool) -> tuple[Section, ...]:
    """List the sections: where something may be changed, there is one more."""
    return (*SECTIONS, _OPERATE) if operate else SECTIONS
