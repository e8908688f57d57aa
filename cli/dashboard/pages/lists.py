"""The lists: customers, invoices, payments and what else there are many of; searched, filtered, sorted, exported."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from cli.dashboard.context import NotFoundError, dashboard_of
from cli.dashboard.register.catalog import LISTS, ListSpec, Shown
from cli.dashboard.register.lists import PAGE_SIZE, Lists, Page, Query
from cli.dashboard.rendering import figures, moment, render, words
from monthclose.domain.money import EXPONENT_BY_CURRENCY
from monthclose.domain.register.tables import Value
from monthclose.errors import TryLaterError

_FIRST = "customers"
_BOM = "\ufeff"
"""Begins a CSV file: without it spreadsheets take UTF-8 for something else."""
_LONGEST = 200
"""Characters of a search; nobody types more."""


class Cell(NamedTuple):
    """A cell of a row: what it says, where that leads, and of what kind it is."""

    text: str
    path: str
    column: Shown


class Heading(NamedTuple):
    """A column's heading: where a click on it leads, and how the list is sorted by it now."""

    column: Shown
    path: str
    sorted: str


class Choice(NamedTuple):
    """A filter, and what it can be set to."""

    name: str
    label: str
    chosen: str
    options: list[tuple[str, str]]


def first(request: Request) -> Response:  # noqa: ARG001 - a page
    """Lead to the first list."""
    return RedirectResponse(f"/lists/{_FIRST}")


def show(request: Request) -> Response:
    """Show a page of a list."""
    spec, query, service = _spec(request), _query(request), dashboard_of(request).lists
    state = service.look()
    shown: dict[str, Any] = {"spec": spec, "lists": LISTS.values(), "state": state, "section": "lists"}
    shown["as_of"] = _as_of(state.as_of)
    if state.as_of is None:
        return render(request, "lists_first.html.j2", **shown, here=str(request.url.path))
    revision = service.revision
    content = service.ask(lambda lists: _content(lists, spec, query))
    return render(request, "lists.html.j2", **shown, revision=revision, query=query, **content)


def fresh(request: Request) -> Response:
    """Say of what time a list is, and whether something has changed since the page was made."""
    spec, service = _spec(request), dashboard_of(request).lists
    state = service.look()
    seen = request.query_params.get("seen", "")
    return render(
        request,
        "lists_fresh.html.j2",
        spec=spec,
        state=state,
        as_of=_as_of(state.as_of),
        revision=seen,
        newer=seen != str(service.revision),
    )


def _as_of(time: datetime | None) -> str:
    """Write of when the rows are: those of another day with their date."""
    if time is None:
        return ""
    return f"{time:%H:%M:%S} UTC" if time.date() == datetime.now(UTC).date() else moment(time)


def export(request: Request) -> Response:
    """Send all rows of a list, as it is searched, filtered and sorted, as CSV."""
    spec, query, service = _spec(request), _query(request), dashboard_of(request).lists
    if service.look().as_of is None:
        raise TryLaterError("the lists are being read for the first time on this machine: an export would lack rows")
    rows = service.ask(lambda lists: lists.export(spec, query))
    name = "-".join((spec.name, *(quote(value, safe="") for value in query.filters.values() if value)))
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}.csv", "Cache-Control": "no-store"}
    return StreamingResponse(_marked(rows), media_type="text/csv; charset=utf-8", headers=headers)


def _marked(rows: Iterator[str]) -> Iterator[str]:
    yield _BOM
    yield from rows


def _spec(request: Request) -> ListSpec:
    """Find the list that an address names.

    Raises
    ------
    NotFoundError
        There is none.
    """
    found = LISTS.get(request.path_params["name"])
    if found is None:
        raise NotFoundError(f"there is no list {request.path_params['name']!r}")
    return found


def _query(request: Request) -> Query:
    given, spec = request.query_params, _spec(request)
    page = given.get("page", "")
    return Query(
        search=given.get("q", "")[:_LONGEST].strip(),
        filters={each.name: given[each.name] for each in spec.filters if given.get(each.name)},
        sort=given.get("sort", ""),
        page=int(page) if page.isascii() and page.isdigit() and len(page) < len(str(10**9)) else 1,
    )


def _content(lists: Lists, spec: ListSpec, query: Query) -> dict[str, Any]:
    page = lists.page(spec, query)
    columns = [column for column in spec.columns if not column.more]
    choices = [
        Choice(each.name, each.label, query.filters.get(each.name, ""), _options(lists, spec, each.name))
        for each in spec.filters
    ]
    return {
        "page": page,
        "headings": [_heading(spec, query, page, column) for column in columns],
        "rows": [[_cell(spec, column, row) for column in columns] for row in page.rows],
        "choices": [choice for choice in choices if choice.options or choice.chosen],
        "narrowed": bool(query.search or query.filters),
        "missing": lists.missing(),
        "csv": _address(f"/lists/{spec.name}.csv", query, sort=page.sort, page=1),
        "before": _address(f"/lists/{spec.name}", query, sort=query.sort, page=page.page - 1),
        "after": _address(f"/lists/{spec.name}", query, sort=query.sort, page=page.page + 1),
        "here": _address(f"/lists/{spec.name}", query, sort=query.sort, page=page.page),
        "first_row": (page.page - 1) * PAGE_SIZE + 1,
    }


def _options(lists: Lists, spec: ListSpec, name: str) -> list[tuple[str, str]]:
    """List a filter's values, with words for codes."""
    wanted = next(each for each in spec.filters if each.name == name)
    kind = next((column.kind for column in spec.columns if column.name == name), "text")
    return [(value, words(label) if kind == "word" else label) for value, label in lists.choices(spec, wanted)]


def _heading(spec: ListSpec, query: Query, page: Page, column: Shown) -> Heading:
    ascending, descending = column.name, f"-{column.name}"
    largest_first = column.kind in ("amount", "count", "time", "day")
    turned = {ascending: descending, descending: ascending}
    next_sort = turned.get(page.sort, descending if largest_first else ascending)
    now = {ascending: "ascending", descending: "descending"}.get(page.sort, "")
    return Heading(column, _address(f"/lists/{spec.name}", query, sort=next_sort, page=1), now)


def _address(path: str, query: Query, *, sort: str, page: int) -> str:
    """Write the address of a list with what is asked of it."""
    given = {"q": query.search, **query.filters, "sort": sort, "page": str(page) if page > 1 else ""}
    said = {name: value for name, value in given.items() if value}
    return f"{path}?{urlencode(said)}" if said else path


def _cell(spec: ListSpec, column: Shown, row: Mapping[str, Value]) -> Cell:
    value = row[column.name]
    return Cell(_text(column, value, row), _path(spec, column, value), column)


def _text(column: Shown, value: Value, row: Mapping[str, Value]) -> str:
    if value is None:
        return ""
    currency = str(row.get("currency") or "")
    if column.kind == "amount" and isinstance(value, int):
        return figures(value, currency) if currency in EXPONENT_BY_CURRENCY else str(value)
    if column.kind == "count" and isinstance(value, int):
        return f"{value:,}"
    if column.kind == "time":
        return moment(datetime.fromisoformat(str(value)))
    if column.kind == "day":
        return str(value)[:10]
    return words(str(value)) if column.kind == "word" else str(value)


_PATHS: Mapping[str, str] = {"customer": "/customers/", "invoice": "/invoices/", "period": "/closes/"}


def _path(spec: ListSpec, column: Shown, value: Value) -> str:
    """Name the page about what a cell names; empty if there is none."""
    if value is None or column.kind not in _PATHS or (column.kind == "period" and spec.name == "audit"):
        return ""
    return _PATHS[column.kind] + quote(str(value), safe="")


ROUTES = (
    Route("/lists", first),
    Route("/lists/{name}.csv", export),
    Route("/lists/{name}", show),
    Route("/lists/{name}/fresh", fresh),
)
