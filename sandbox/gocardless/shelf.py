"""Where an account's objects of one kind stand, and how they are listed (API reference, "Cursor pagination")."""

import operator
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from sandbox.gocardless import errors
from sandbox.gocardless.params import Query
from sandbox.wire import JSON

_COMPARISONS: Mapping[str, Callable[[str, str], bool]] = {
    "gte": operator.ge,
    "gt": operator.gt,
    "lte": operator.le,
    "lt": operator.lt,
}
_DEFAULT_LIMIT, _LARGEST_LIMIT = 50, 500


class Stored(Protocol):
    """What every object of GoCardless has."""

    @property
    def id(self) -> str:
        """GoCardless' id, with the prefix of its kind."""

    @property
    def created_at(self) -> str:
        """ISO 8601 with milliseconds, UTC: compares as text."""

    def to_json(self) -> JSON:
        """Return the object as GoCardless sends it."""


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list is asked for: newest first, at most ``limit``, after or before an object, created when."""

    limit: int
    after: str | None
    before: str | None
    created: tuple[tuple[Callable[[str, str], bool], str], ...]

    def covers(self, created_at: str) -> bool:
        """Tell whether an object created then belongs on the page."""
        return all(compare(created_at, bound) for compare, bound in self.created)


def read_page(query: Query) -> Page:
    """Read ``limit`` (1 to 500, else 50), ``after`` or ``before``, and the bounds of ``created_at``."""
    limit = query.integer("limit", _DEFAULT_LIMIT)
    if not 1 <= limit <= _LARGEST_LIMIT:
        raise errors.invalid_field("/limit", f"must be between 1 and {_LARGEST_LIMIT}")
    after, before = query.text("after"), query.text("before")
    if after and before:
        raise errors.bad_request("only one of `after` and `before` may be given")
    return Page(limit, after, before, read_bounds("created_at", query.time))


def read_bounds(name: str, read: Callable[[str], str | None]) -> tuple[tuple[Callable[[str, str], bool], str], ...]:
    """Read the bounds of a time or day, as in ``created_at[gte]``."""
    bounds = ((compare, read(f"{name}[{bound}]")) for bound, compare in _COMPARISONS.items())
    return tuple((compare, bound) for compare, bound in bounds if bound is not None)


class Shelf[T: Stored]:
    """Objects of one kind, by id and in the order they came in; also by an owner, such as the mandate of a payment."""

    def __init__(self) -> None:
        self._rows: list[T] = []
        self._places: dict[str, int] = {}
        self._by_owner: defaultdict[str, list[T]] = defaultdict(list)

    def add(self, row: T, *owners: str) -> T:
        """Put an object on the shelf."""
        self._places[row.id] = len(self._rows)
        self._rows.append(row)
        for owner in owners:
            self._by_owner[owner].append(row)
        return row

    def own(self, row: T, owner: str) -> None:
        """Let an object on the shelf have one more owner."""
        self._by_owner[owner].append(row)

    def find(self, reference: str) -> T | None:
        """Return an object, or None."""
        place = self._places.get(reference)
        return None if place is None else self._rows[place]

    def get(self, reference: str) -> T:
        """Return an object that the address of a request names, or raise ``resource_not_found`` (404)."""
        found = self.find(reference)
        if found is None:
            raise errors.no_such_resource()
        return found

    def linked(self, reference: str, pointer: str) -> T:
        """Return an object that a member of the body names, or raise ``validation_failed`` (422)."""
        found = self.find(reference)
        if found is None:
            raise errors.invalid_field(pointer, f"{pointer.rsplit('/', 1)[-1]} does not exist")
        return found

    def all(self) -> tuple[T, ...]:
        """Return all objects, oldest first."""
        return tuple(self._rows)

    def any(self, where: Callable[[T], bool]) -> bool:
        """Tell whether there is one like that."""
        return any(where(row) for row in self._rows)

    def owned_by(self, owner: str) -> list[T]:
        """Return the objects of one owner, oldest first."""
        return self._by_owner.get(owner, [])

    def page(self, page: Page, envelope: str, *, owner: str | None = None, where: Callable[[T], bool]) -> JSON:
        """Return one page, newest first, with the cursors of its neighbours."""
        rows = self._rows if owner is None else self.owned_by(owner)
        places = range(len(rows) - 1, -1, -1)
        if page.after is not None:
            places = range(self._cursor(rows, page.after) - 1, -1, -1)
        elif page.before is not None:
            places = range(self._cursor(rows, page.before) + 1, len(rows))
        matching = (rows[place] for place in places if page.covers(rows[place].created_at) and where(rows[place]))
        found = list(islice(matching, page.limit + 1))
        more = len(found) > page.limit
        del found[page.limit :]
        if page.before is not None:
            found.reverse()
        newer, older = (more, True) if page.before is not None else (page.after is not None, more)
        cursors = {
            "before": found[0].id if found and newer else None,
            "after": found[-1].id if found and older else None,
        }
        return {envelope: [row.to_json() for row in found], "meta": {"cursors": cursors, "limit": page.limit}}

    def _cursor(self, rows: list[T], reference: str) -> int:
        place = self._places.get(reference)
        if place is None:
            raise errors.bad_request(f"Invalid cursor: {reference}")
        return bisect_left(rows, place, key=lambda row: self._places[row.id])
