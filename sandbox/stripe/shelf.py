"""The store of an account's objects of one kind, and how they are listed (Stripe API reference, "Pagination")."""

import operator
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from sandbox.stripe import errors
from sandbox.stripe.params import Params
from sandbox.wire import JSON

_COMPARISONS: Mapping[str, Callable[[int, int], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
}


class Stored(Protocol):
    """What every object of Stripe has."""

    @property
    def id(self) -> str:
        """Stripe's id, with the prefix of its kind."""

    @property
    def created(self) -> int:
        """Seconds since the epoch."""

    def to_json(self) -> JSON:
        """Return the object as Stripe sends it."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: newest first, at most ``limit``, after or before an object, created when."""

    limit: int
    starting_after: str | None
    ending_before: str | None
    created: tuple[tuple[Callable[[int, int], bool], int], ...]

    def covers(self, created: int) -> bool:
        """Tell whether an object created then belongs on the page."""
        return all(compare(created, bound) for compare, bound in self.created)


def read_page(params: Params) -> Page:
    """Read ``limit`` (1 to 100, else 10), ``starting_after`` or ``ending_before``, ``created`` and its bounds."""
    limit = params.integer("limit")
    limit = 10 if limit is None else limit
    if limit < 1:
        raise errors.invalid_integer("limit", "This value must be greater than or equal to 1.")
    if limit > 100:
        raise errors.invalid_integer("limit", "This value must be less than or equal to 100.")
    after, before = params.text("starting_after"), params.text("ending_before")
    if after and before:
        message = "You cannot provide both a value for `starting_after` and `ending_before`."
        raise errors.invalid_parameter("starting_after", message)
    return Page(limit, after, before, read_bounds(params, "created"))


def read_bounds(params: Params, name: str) -> tuple[tuple[Callable[[int, int], bool], int], ...]:
    """Read a time, or bounds of it as in ``created[gte]``."""
    return tuple(_read_bounds(params, name))


def _read_bounds(params: Params, name: str) -> Iterator[tuple[Callable[[int, int], bool], int]]:
    if params.has_text(name):
        exact = params.integer(name)
        assert exact is not None
        yield operator.eq, exact
    elif bounds := params.nested(name):
        for word, compare in _COMPARISONS.items():
            if (bound := bounds.integer(word)) is not None:
                yield compare, bound


class Shelf[T: Stored]:
    """Objects of one kind, by id and in the order they came in, also by owner.

    Parameters
    ----------
    thing : str
        What Stripe's messages call one object.
    url_param : str
        What Stripe's errors call the id in the URL.
    """

    def __init__(self, thing: str, url_param: str) -> None:
        self._thing = thing
        self._url_param = url_param
        self._rows: list[T] = []
        self._position: dict[str, int] = {}
        self._by_owner: defaultdict[str, list[T]] = defaultdict(list)

    def add(self, row: T, customer: str | None = None) -> T:
        """Store an object, under its customer if it has one."""
        self._position[row.id] = len(self._rows)
        self._rows.append(row)
        if customer is not None:
            self.file_under(customer, row)
        return row

    def file_under(self, owner: str, row: T) -> None:
        """Make a stored object findable by an owner too: a customer, or another object's id."""
        insort(self._by_owner[owner], row, key=self._place)

    def find(self, reference: str) -> T | None:
        """Return an object, or None."""
        position = self._position.get(reference)
        return None if position is None else self._rows[position]

    def get(self, reference: str, param: str | None = None) -> T:
        """Return an object, or raise ``resource_missing``: 404, or 400 if a parameter is where the id came from."""
        found = self.find(reference)
        if found is None:
            raise errors.no_such(self._thing, reference, param or self._url_param, 400 if param else 404)
        return found

    def all(self) -> list[T]:
        """Return all objects, oldest first."""
        return list(self._rows)

    def owned(self, owner: str) -> list[T]:
        """Return the objects of an owner, oldest first."""
        return list(self._by_owner.get(owner, ()))

    def page(
        self, page: Page, url: str, *, owner: str | None = None, where: Callable[[T], bool] = lambda _row: True
    ) -> JSON:
        """Return one page as Stripe's list object."""
        rows = self._rows if owner is None else self._by_owner.get(owner, [])
        if page.ending_before is not None:
            places = range(self._cursor(rows, page.ending_before, "ending_before") + 1, len(rows))
        elif page.starting_after is not None:
            places = range(self._cursor(rows, page.starting_after, "starting_after") - 1, -1, -1)
        else:
            places = range(len(rows) - 1, -1, -1)
        matching = (rows[place] for place in places if page.covers(rows[place].created) and where(rows[place]))
        found = list(islice(matching, page.limit + 1))
        data = found[: page.limit]
        if page.ending_before is not None:
            data.reverse()
        return {
            "object": "list",
            "data": [row.to_json() for row in data],
            "has_more": len(found) > page.limit,
            "url": url,
        }

    def _cursor(self, rows: list[T], reference: str, param: str) -> int:
        return bisect_left(rows, self._place(self.get(reference, param)), key=self._place)

    def _place(self, row: T) -> int:
        return self._position[row.id]
