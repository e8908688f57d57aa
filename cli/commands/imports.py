"""`monthclose import`: customers, prices and usage from files of rows; prices, taxes and the logo taken whole."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Unpack

import typer

from cli.commands.price_effects import effects_as_json, print_effects
from cli.connect import connected
from cli.console import note, print_json, say
from cli.importing import HINTS, ImportOptions, Reading, file_options, import_rows, recorded_import, summarise
from cli.options import HORIZON_DAYS
from cli.system import System
from cli.tables import read_bytes, read_toml, read_whole
from monthclose.domain.audit import in_json as as_text
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import CUSTOMERS, PRICES, USAGE, ColumnMapping
from monthclose.domain.imports.intake import Reject, Row, Tally
from monthclose.domain.pricing import PriceBook
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.tax.reading import new_tax_table
from monthclose.domain.words import count
from monthclose.ports import PriceBooks
from monthclose.use_cases.imports.check_billable import unbillable_in_words
from monthclose.use_cases.imports.check_taxable import unknown_classes, unknown_in_words
from monthclose.use_cases.imports.import_customers import import_customers
from monthclose.use_cases.imports.import_prices import TrialPriceBooks, import_price_book, import_prices
from monthclose.use_cases.invoices.company_logo import current_logo, import_logo
from monthclose.use_cases.rehearsals.price_effects import Effects

_MOST_BYTES = 10_000_000
"""Of a logo that are read: many more than any logo may have."""


def customers(
    ctx: typer.Context,
    file: Path,
    rejects: Path | None = None,
    max_rejected: int | None = None,
    *,
    by: str,
    check: bool = False,
    in_json: bool = False,
    **reading: Unpack[Reading],
) -> None:
    """Create customers, or replace their profiles."""

    def work(system: System, rows: Iterator[Row], mapping: ColumnMapping, reject: Reject) -> Tally:
        return import_customers(
            rows,
            mapping,
            directory=system.ports.directory,
            regrouper=system.use_cases.regrouper,
            check_tax_id=system.ports.check_tax_id,
            taxes=system.ports.tax_tables.get(system.ports.tax_tables.latest()),
            today=system.today,
            reject=reject,
            time_zones=system.calendar.customer_zones,
            billing_days=system.ports.settings.billing_days,
            check=check,
        )

    def tell(tally: Tally) -> None:
        if tally.untaxable:
            note(
                f"the tax table has no rate today for the country and region of {count(tally.untaxable, 'row')}: "
                "a close parks these customers (countries are ISO 3166 codes, like GB)"
            )
        if check:
            _tell_compared(tally)
            _tell_check()
            note("payers were not checked: the import may reject rows for their payer")

    options = ImportOptions(reading, rejects, max_rejected, in_json, by, check)
    import_rows(ctx, CUSTOMERS, file, options, work, tell)


def prices(
    ctx: typer.Context,
    file: Path,
    rejects: Path | None = None,
    *,
    by: str,
    check: bool = False,
    in_json: bool = False,
    **reading: Unpack[Reading],
) -> None:
    """Add prices to the price book, and say whom that touches."""
    data = read_toml(file, file_options(reading).checked(HINTS).encoding)
    if data is not None and (rejects or any(reading.values())):
        raise UserMistakeError(
            "--map, --default, --decimal, --rejects and the like are for files of rows, not for a TOML price book"
        )
    options = ImportOptions(reading, rejects, in_json=in_json, by=by, check=check)
    pricing = _Pricing(check=check)
    if data is not None:
        _import_book(ctx, file, data, options, pricing)
        return

    def work(system: System, rows: Iterator[Row], mapping: ColumnMapping, reject: Reject) -> Tally:
        return import_prices(rows, mapping, price_books=pricing.books(system), reject=reject)

    import_rows(ctx, PRICES, file, options, work, lambda _: pricing.tell(), _price_book, pricing.as_json)


class _Pricing:
    """An import into the price book: what that was before, and whom the import touches."""

    def __init__(self, *, check: bool) -> None:
        self._check = check
        self._system: System | None = None
        self._before = PriceBook()
        self._books: PriceBooks | None = None

    def books(self, system: System) -> PriceBooks:
        """Return what prices are merged into; in a check, that is not stored."""
        stored = system.ports.price_books
        self._system, self._before = system, stored.get(stored.latest())
        self._books = TrialPriceBooks(stored) if self._check else stored
        return self._books

    def tell(self) -> None:
        """Print whom the import touches."""
        print_effects(self._effects())
        for line in unknown_in_words(self._unknown_classes()):
            note(line)
        if self._check:
            _tell_check()

    def as_json(self) -> Mapping[str, Any]:
        """Put whom the import touches into JSON."""
        unknown = self._unknown_classes()
        return {"effects": effects_as_json(self._effects()), **({"unknown_tax_classes": unknown} if unknown else {})}

    def _unknown_classes(self) -> list[str]:
        assert self._system
        assert self._books
        return _unknown_classes(self._system, self._books)

    def _effects(self) -> Effects:
        assert self._system
        assert self._books
        return self._system.use_cases.price_effects.find(self._before, self._books.get(self._books.latest()))


def usage(
    ctx: typer.Context,
    file: Path,
    rejects: Path | None = None,
    max_rejected: int | None = None,
    horizon: int = HORIZON_DAYS,
    *,
    by: str,
    check: bool = False,
    in_json: bool = False,
    **reading: Unpack[Reading],
) -> None:
    """Store usage of known customers."""

    def work(system: System, rows: Iterator[Row], mapping: ColumnMapping, reject: Reject) -> Tally:
        importer = system.use_cases.usage_importer
        importer = replace(importer, horizon=timedelta(days=horizon), pace=importer.pace.telling(note))
        importer = importer.on_trial() if check else importer
        return importer.load(rows, mapping, file.name, reject)

    def tell(tally: Tally) -> None:
        _tell_compared(tally)
        for period, number in sorted(tally.late.items()):
            note(
                f"{count(number, 'row')} too late for the close of {period}, which had begun: billed on next month's "
                f"invoices, as adjustments (for parked customers on the invoice of {period}, when it is closed again)"
            )
        for line in unbillable_in_words(tally):
            note(line)
        if check:
            _tell_check()

    options = ImportOptions(reading, rejects, max_rejected, in_json, by, check)
    import_rows(ctx, USAGE, file, options, work, tell)


def _tell_compared(tally: Tally) -> None:
    same = tally.taken - tally.new - tally.changed
    say(f"  {count(tally.new)} new, {count(tally.changed)} changed, {count(same)} already stored")


def _tell_check() -> None:
    note("nothing was imported: this was a check")


def _all_or_nothing[T](file: Path, work: Callable[[], T]) -> T:
    try:
        return work()
    except UserMistakeError as error:
        raise UserMistakeError(f"nothing of {file.name} was imported\n{error}") from None


def _unknown_classes(system: System, books: PriceBooks) -> list[str]:
    tables = system.ports.tax_tables
    return unknown_classes(books.get(books.latest()), tables.get(tables.latest()))


def _price_book(system: System) -> str:
    return system.ports.price_books.latest()


def _import_book(
    ctx: typer.Context, file: Path, data: Mapping[str, object], options: ImportOptions, pricing: _Pricing
) -> None:
    _all_or_nothing(file, lambda: read_book(data))  # a mistake in it needs no connection to be told
    began, system = time.monotonic(), connected(ctx)
    price_books, calendar = pricing.books(system), system.calendar
    book = _all_or_nothing(file, lambda: read_book(data, calendar))

    def work() -> Tally:
        return _all_or_nothing(file, lambda: import_price_book(book, price_books=price_books))

    tally = work() if options.check else recorded_import(system, PRICES.name, file, options.by, work, _price_book)
    if not tally.taken:
        raise UserMistakeError(
            f"{file.name} has no entries\n"
            "a price book has [[prices]], [[fees]], [[discounts]], [[commitments]] or [[limits]]"
        )
    spent, in_json = time.monotonic() - began, options.in_json
    summarise(PRICES, file, tally, file, spent, in_json=in_json, check=options.check, more=pricing.as_json)
    if not in_json:
        pricing.tell()


def taxes(ctx: typer.Context, file: Path, by: str, *, in_json: bool = False) -> None:
    """Replace the whole tax table."""
    content = read_whole(file).encode()
    try:
        table = new_tax_table(content)
    except UserMistakeError as error:
        raise UserMistakeError(f"{file.name}: {error}") from None
    system = connected(ctx)
    was, will_be = (
        system.ports.tax_tables.latest(),
        as_text(file=file.name, version=table.version, rates=len(table.rules)),
    )
    with system.use_cases.acts.acting("taxes.imported", by=by, before=as_text(version=was or None), after=will_be):
        system.ports.tax_tables.put(content)
    countries = {country for rule in (*table.rules, *table.reverse_charge) for country in rule.countries}
    unknown = _unknown_classes(system, system.ports.price_books)
    if in_json:
        print_json(
            {
                "kind": "taxes",
                "file": file.name,
                "version": table.version,
                "seller": table.seller,
                "rates": len(table.rules),
                "countries": sorted(countries),
                **({"classes": list(table.known_classes)} if table.known_classes else {}),
                **({"unknown_tax_classes": unknown} if unknown else {}),
            }
        )
        return
    covered = f"{count(len(table.rules), 'rate')} in {count(len(countries), 'country', 'countries')}"
    say(f"taxes: {covered}, the seller is in {table.seller}; version {table.version}", "bold")
    for line in unknown_in_words(unknown):
        note(line)


def logo(ctx: typer.Context, file: Path, by: str, *, in_json: bool = False) -> None:
    """Set the logo for future invoices."""
    content, documents = read_bytes(file, _MOST_BYTES), (system := connected(ctx)).ports.documents
    was = as_text(logo=current_logo(documents) or None)
    try:
        with system.use_cases.acts.acting("logo.imported", by=by, before=was, after=as_text(file=file.name)) as act:
            key = import_logo(content, documents=documents)
            act.done(as_text(logo=key))
    except UserMistakeError as error:
        raise UserMistakeError(f"{file.name}: {error}") from None
    if in_json:
        print_json({"kind": "logo", "file": file.name, "key": key})
    else:
        say(f"logo of all invoices from now on: {key}", "bold")
