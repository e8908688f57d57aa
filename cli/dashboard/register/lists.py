"""Answer lists from the copy: a page of rows, how many there are and what they come to, or all of them as CSV."""

from __future__ import annotations

import io
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from cli.dashboard.register.catalog import Filter, ListSpec
from monthclose.domain.money import EXPONENT_BY_CURRENCY, Money
from monthclose.domain.register.tables import MINOR, Value
from monthclose.use_cases.imports.csv_out import CsvWriter

if TYPE_CHECKING:
    from cli.dashboard.register.cache import Cache

PAGE_SIZE = 50
_EXPORTED_AT_ONCE = 1_000
_IDS = frozenset({"number", "corrects", "payment_id", "provider_ref", "message_id", "invoice"})
"""Columns that have no accents, which takes the longest to look for."""
_MOST_CHOICES, _MOST_WORDS = 1_000, 10
"""More than there are countries, currencies or months; codes of many providers could be more."""

type Parameters = list[Value]


@dataclass(frozen=True, slots=True)
class Query:
    """What a person asks of a list.

    Parameters
    ----------
    search : str
        Words; each must be in the row somewhere.
    filters : mapping
        The chosen value of each filter, by its name; an empty one is none.
    sort : str
        The column, with `-` before it to turn the order round; empty for the list's own.
    page : int
        From 1; after the last page, the last one is shown.
    """

    search: str = ""
    filters: Mapping[str, str] = field(default_factory=dict)
    sort: str = ""
    page: int = 1


class Page(NamedTuple):
    """A page of a list.

    Parameters
    ----------
    rows : sequence of mapping
        By the names of the list's columns.
    total : int
        Rows of all pages.
    page, pages : int
        Which page this is, and how many there are.
    sums : sequence of Money
        Of the list's amount over all pages, by currency, the largest first.
    sort : str
        What it is sorted by.
    """

    rows: Sequence[Mapping[str, Value]]
    total: int
    page: int
    pages: int
    sums: Sequence[Money]
    sort: str


class Coverage(NamedTuple):
    """A close that has ended, and of how many of its batches the register has rows."""

    period: str
    there: int
    batches: int


class Lists:
    """Answers from a copy. Nothing but the copy is read."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._choices: dict[tuple[str, str], tuple[int, list[str]]] = {}

    def page(self, spec: ListSpec, query: Query) -> Page:
        """Read a page of a list."""
        where, values = _where(spec, query)
        sort = _sort(spec, query.sort)
        total, sums = self._totals(spec, where, values)
        pages = max(-(-total // PAGE_SIZE), 1)
        number = min(max(query.page, 1), pages)
        wanted = _rows(spec, where, sort, " LIMIT ? OFFSET ?")
        found = self._cache.cursor().execute(wanted, [*values, PAGE_SIZE, (number - 1) * PAGE_SIZE]).fetchall()
        names = [column.name for column in spec.columns]
        rows = [dict(zip(names, row, strict=True)) for row in found]
        return Page(rows, total, number, pages, sums, sort)

    def _totals(self, spec: ListSpec, where: str, values: Parameters) -> tuple[int, list[Money]]:
        """Count the rows, and sum their amounts by currency."""
        chosen = f"FROM {spec.table}{where}"
        if not spec.amount:
            ((total,),) = self._cache.cursor().execute(f"SELECT count(*) {chosen}", values).fetchall()
            return total, []
        found = (
            self._cache.cursor()
            .execute(
                f"SELECT currency, count(*), coalesce(sum({spec.amount}), 0)::HUGEINT {chosen} GROUP BY currency "
                f"ORDER BY sum({_major(spec.amount)}) DESC, currency",
                values,
            )
            .fetchall()
        )
        sums = [Money(int(minor), currency) for currency, _, minor in found if currency in EXPONENT_BY_CURRENCY]
        return sum(number for _, number, _ in found), sums

    def choices(self, spec: ListSpec, wanted: Filter) -> list[tuple[str, str]]:
        """List what a filter can be set to, each with its label."""
        if wanted.choices:
            return [(value, label) for value, (label, _) in wanted.choices.items()]
        name, revision = (spec.name, wanted.name), self._cache.revision
        if name not in self._choices or self._choices[name][0] != revision:
            self._choices[name] = (revision, self._values(spec, wanted.name))
        return [(value, value) for value in self._choices[name][1]]

    def _values(self, spec: ListSpec, column: str) -> list[str]:
        order, only = "DESC" if column == "period" else "ASC", f" AND {spec.only}" if spec.only else ""
        found = self._cache.cursor().execute(
            f'SELECT DISTINCT "{column}" AS value FROM {spec.table} WHERE value IS NOT NULL{only} '
            f"ORDER BY value {order} LIMIT {_MOST_CHOICES}"
        )
        return [value for (value,) in found.fetchall()]

    def export(self, spec: ListSpec, query: Query) -> Iterator[str]:
        """Write a list as CSV, a piece at a time: amounts in minor units and in major ones, times in UTC.

        Text that a spreadsheet would run as a formula is made harmless.
        """
        where, values = _where(spec, query)
        names = [column.name for column in spec.columns]
        yield _csv([_headings(names)])
        cursor = self._cache.cursor().execute(_rows(spec, where, _sort(spec, query.sort)), values)
        while rows := cursor.fetchmany(_EXPORTED_AT_ONCE):
            yield _csv(_cells(names, row) for row in rows)

    def missing(self) -> list[Coverage]:
        """Find the closes that have ended and of which the register lacks batches: those of earlier releases."""
        found = self._cache.cursor().execute(
            "SELECT period, count(o.key), any_value(c.batches) FROM closes c LEFT JOIN objects o USING (period) "
            "WHERE c.ended GROUP BY period HAVING count(o.key) < any_value(c.batches) ORDER BY period DESC"
        )
        return [Coverage(*row) for row in found.fetchall()]


def plain(text: str) -> str:
    """Write a text in lower case without accents, as the copy does with what is searched."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def _where(spec: ListSpec, query: Query) -> tuple[str, Parameters]:
    conditions, values = [spec.only] if spec.only else list[str](), list[Value]()
    for word in plain(query.search).split()[:_MOST_WORDS]:
        conditions.append(f"({' OR '.join([_by_customer(spec), *map(_contains, spec.searched)])})")
        values += [word] * (len(spec.searched) + 1)
    for wanted in spec.filters:
        chosen = query.filters.get(wanted.name)
        if chosen and wanted.choices:
            conditions += [wanted.choices[chosen][1]] if chosen in wanted.choices else []
        elif chosen:
            conditions.append(f'"{wanted.name}" = ?')
            values.append(chosen)
    return (f" WHERE {' AND '.join(conditions)}" if conditions else ""), values


def _by_customer(spec: ListSpec) -> str:
    """Write the condition that a row's customer has a text in their id, name or e-mail address."""
    found = "contains(sought, ?)"
    if spec.table == "customers":
        return found
    return f"customer_id IN (SELECT customer_id FROM customers WHERE {found})"


def _contains(column: str) -> str:
    lower = f"lower(coalesce(\"{column}\", ''))"
    return f"contains({lower if column in _IDS else f'strip_accents({lower})'}, ?)"


def _rows(spec: ListSpec, where: str, sort: str, limit: str = "") -> str:
    """Write the query of a list's rows. Names are looked up last, for a page's rows only, unless they are the order."""
    order, columns = _order(spec, sort), ", ".join(f'"{column.name}"' for column in spec.columns)
    if not spec.named:
        return f"SELECT {columns} FROM {spec.table}{where} ORDER BY {order}{limit}"
    joined = "t.*, c.name FROM {} t LEFT JOIN customers c USING (customer_id)"
    if sort.removeprefix("-") == "name":
        everybody = joined.format(f"(SELECT * FROM {spec.table}{where})")
        return f"SELECT {columns} FROM (SELECT {everybody}) ORDER BY {order}{limit}"
    chosen = joined.format(f"(SELECT * FROM {spec.table}{where} ORDER BY {order}{limit})")
    return f"SELECT {columns} FROM (SELECT {chosen}) ORDER BY {order}"


def _sort(spec: ListSpec, wanted: str) -> str:
    """Return what to sort by, if the list has such a column; its own order otherwise."""
    return wanted if wanted.removeprefix("-") in {column.name for column in spec.columns} else spec.sort


def _order(spec: ListSpec, sort: str) -> str:
    name, down = sort.removeprefix("-"), sort.startswith("-")
    by = _major(name) if name.endswith(MINOR) else f'"{name}"'
    keys = ", ".join(f'"{key}"' for key in spec.key)
    return f"{by} {'DESC' if down else 'ASC'} NULLS LAST, {keys}"


def _major(name: str) -> str:
    """Write an amount in major units: amounts of different currencies are sorted by what they say, not by yen."""
    return f"({name}::DOUBLE / CASE{_FACTORS} ELSE 100 END)"


def _factors() -> Iterator[str]:
    for digits in sorted(set(EXPONENT_BY_CURRENCY.values()) - {2}):
        codes = ", ".join(f"'{code}'" for code, of in sorted(EXPONENT_BY_CURRENCY.items()) if of == digits)
        yield f" WHEN currency IN ({codes}) THEN {10**digits}"


_FACTORS = "".join(_factors())


def _headings(names: Sequence[str]) -> list[str]:
    headings = list[str]()
    for name in names:
        headings += [name, name.removesuffix(MINOR)] if name.endswith(MINOR) else [name]
    return headings


def _cells(names: Sequence[str], row: Sequence[Value]) -> list[str | int]:
    currency = str(row[names.index("currency")] or "") if "currency" in names else ""
    cells = list[str | int]()
    for name, value in zip(names, row, strict=True):
        cells.append("" if value is None else value)
        if name.endswith(MINOR):
            known = isinstance(value, int) and currency in EXPONENT_BY_CURRENCY
            cells.append(f"{Money(int(value or 0), currency).major:f}" if known else "")
    return cells


def _csv(rows: Iterator[Sequence[str | int]] | Sequence[Sequence[str | int]]) -> str:
    text = io.StringIO()
    writer = CsvWriter(text)
    for row in rows:
        writer.write(row)
    return text.getvalue()
