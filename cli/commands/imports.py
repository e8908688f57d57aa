"""`monthclose import`: customers, prices and usage from files."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from cli.connect import connected
from cli.console import duration, err, grid, note, say, show
from cli.home import folder, home, shown
from cli.system import System
from cli.tables import RowFile, open_rows, read_toml
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import CUSTOMERS, PRICES, USAGE, ColumnMapping, FileSchema
from monthclose.domain.imports.intake import Reject, Row, Tally
from monthclose.domain.pricing.reading import read_book
from monthclose.domain.words import count
from monthclose.use_cases.imports.check_billable import told_unbillable
from monthclose.use_cases.imports.check_rows import checked
from monthclose.use_cases.imports.csv_out import CsvWriter
from monthclose.use_cases.imports.import_customers import import_customers
from monthclose.use_cases.imports.import_prices import import_price_book, import_prices
from monthclose.use_cases.imports.import_usage import HORIZON
from monthclose.use_cases.imports.rejected_rows import UNWRITABLE, header, rejected
from monthclose.use_cases.imports.tables import Table

app = typer.Typer(
    help="Import customers, prices and usage from CSV or JSON Lines, plain or gzip.", no_args_is_help=True
)

_File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSON Lines, plain or gzip.", show_default=False)]
_Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="Which column holds a field, if not the one of its name."),
]
_Default = Annotated[
    list[str] | None,
    typer.Option("--default", metavar="FIELD=VALUE", help="What a field is where there is no column or an empty cell."),
]
_Rejects = Annotated[
    Path | None,
    typer.Option(
        "--rejects", metavar="FILE", help="Where rows that cannot be taken go; below the state folder by default."
    ),
]
_Decimal = Annotated[
    str,
    typer.Option(
        "--decimal",
        metavar="MARK",
        help="The decimal mark of the file's numbers: with a comma, 1.234,50 is read as 1234.50.",
        show_default=False,
    ),
]
_MaxRejected = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=100,
        metavar="PERCENT",
        help="Exit status 2 if a larger share of the rows is rejected; the others are taken all the same. "
        "Without it, the setting max_rejected_percent.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class _Wishes:
    """What the options say of how a file is read."""

    mapped: list[str] | None
    defaults: list[str] | None
    rejects: Path | None
    decimal: str = ""
    max_rejected: int | None = None


type Work = Callable[[System, Iterator[Row], ColumnMapping, Reject], Tally]


@app.command("customers")
def customers(
    ctx: typer.Context,
    file: _File,
    mapped: _Map = None,
    default: _Default = None,
    rejects: _Rejects = None,
    max_rejected: _MaxRejected = None,
) -> None:
    """Create customers, or replace their profiles; accounts stay as they are.

    Fields: customer_id, name, email, currency (ISO 4217), payment_provider, payment_method (the provider's id of the
    card or mandate; may be empty). Optional: country and region (ISO 3166 where taxes depend on them), tax_id
    (checked), address (lines).
    """

    def work(system: System, rows: Iterator[Row], mapping: ColumnMapping, reject: Reject) -> Tally:
        return import_customers(
            rows,
            mapping,
            directory=system.ports.directory,
            check_tax_id=system.ports.check_tax_id,
            taxes=system.ports.tax_tables.get(system.ports.tax_tables.latest()),
            today=system.ports.clock().date(),
            reject=reject,
        )

    def tell(tally: Tally) -> None:
        if tally.untaxable:
            note(
                f"the tax table has no rate today for the country and region of {count(tally.untaxable, 'row')}: "
                "a close parks such customers (countries are codes of ISO 3166, like GB)"
            )

    _run(ctx, CUSTOMERS, file, _Wishes(mapped, default, rejects, max_rejected=max_rejected), work, tell)


@app.command("prices")
def prices(
    ctx: typer.Context,
    file: _File,
    mapped: _Map = None,
    default: _Default = None,
    rejects: _Rejects = None,
    decimal: _Decimal = "",
) -> None:
    """Add prices to the price book; those of the same SKU and currency are replaced. All of the file's or none.

    Fields: sku, currency (ISO 4217), unit_price (in dollars, not cents; fractions of a cent are fine), unit and
    description (optional; without them those in the book stay). A TOML file may have all that a price book can: tiers,
    caps, packages, fees, dates, overrides for customers, discounts and commitments (docs/price-book.md).
    """
    data = read_toml(file)
    if data is not None:
        if mapped or default or rejects or decimal:
            raise UserMistakeError(
                "--map, --default, --decimal and --rejects are for CSV and JSON Lines, not for a TOML price book"
            )
        _import_book(ctx, file, data)
        return

    def work(system: System, rows: Iterator[Row], mapping: ColumnMapping, reject: Reject) -> Tally:
        return import_prices(rows, mapping, price_books=system.ports.price_books, reject=reject)

    _run(ctx, PRICES, file, _Wishes(mapped, default, rejects, decimal), work)


@app.command("usage")
def usage(
    ctx: typer.Context,
    file: _File,
    mapped: _Map = None,
    default: _Default = None,
    rejects: _Rejects = None,
    decimal: _Decimal = "",
    max_rejected: _MaxRejected = None,
    horizon: Annotated[
        int, typer.Option(min=1, max=100_000, metavar="DAYS", help="Usage older than this is rejected.")
    ] = HORIZON.days,
) -> None:
    """Store usage of known customers; what is stored already is not stored twice.

    Fields: customer_id, sku, quantity (negative for a correction), time (ISO 8601; UTC if it names no zone), and
    optionally event_id, resource (one machine, one volume), unit_price (for usage rated upstream, else the price book
    decides), description, and replaces (the id of an event of the same month that this one corrects). Without
    event_id, the file's name and the row's line stand in, so importing the same file again adds nothing.
    """

    def work(system: System, rows: Iterator[Row], mapping: ColumnMapping, reject: Reject) -> Tally:
        importer = replace(system.use_cases.usage_importer, horizon=timedelta(days=horizon))
        return importer.load(rows, mapping, file.name, reject)

    def tell(tally: Tally) -> None:
        for period, number in sorted(tally.late.items()):
            note(
                f"the close of {period} had begun before {count(number, 'row')} of this file came: "
                "they will be on the invoices of the next month, as adjustments"
            )
        for line in told_unbillable(tally):
            note(line)

    _run(ctx, USAGE, file, _Wishes(mapped, default, rejects, decimal, max_rejected), work, tell)


def _all_or_nothing[T](file: Path, work: Callable[[], T]) -> T:
    try:
        return work()
    except UserMistakeError as error:
        raise UserMistakeError(f"nothing of {file.name} was imported\n{error}") from None


def _import_book(ctx: typer.Context, file: Path, data: Mapping[str, object]) -> None:
    book = _all_or_nothing(file, lambda: read_book(data))
    began, price_books = time.monotonic(), connected(ctx).ports.price_books
    tally = _all_or_nothing(file, lambda: import_price_book(book, price_books=price_books))
    if not tally.taken:
        raise UserMistakeError(
            f"{file.name} has no entries\na price book has [[prices]], [[fees]], [[discounts]] or [[commitments]]"
        )
    _summarise(PRICES, file, tally, file, time.monotonic() - began)


def _pairs(texts: list[str] | None, option: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts or []:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UserMistakeError(f"{option} {text}: write it as FIELD=SOMETHING")
        if name in pairs:
            raise UserMistakeError(f"{option} names {name} twice")
        pairs[name.strip()] = value
    return pairs


def _run(
    ctx: typer.Context,
    schema: FileSchema,
    file: Path,
    options: _Wishes,
    work: Work,
    tell: Callable[[Tally], None] = lambda _: None,
) -> None:
    with open_rows(file, options.decimal) as opened:
        # Read to its end before anything is taken: its last row may show that the first ones say something else.
        with opened.rows() as table:
            mapping = _plan(schema, file, table.table, options)
            system = connected(ctx)
            began = time.monotonic()
            with _progress(table, "checking ") as rows:
                for _ in checked(file.name, rows, mapping):
                    pass
        with (
            opened.rows() as table,
            Rejects(file, options.rejects, table.table.columns) as rejected,
            _progress(table) as rows,
        ):
            tally = work(system, rows, mapping, rejected.write)
        _summarise(schema, file, tally, rejected.path, time.monotonic() - began)
        tell(tally)
        _judge(file, tally, options.max_rejected, system)


def _plan(schema: FileSchema, file: Path, table: Table, options: _Wishes) -> ColumnMapping:
    mapped, defaults = _pairs(options.mapped, "--map"), _pairs(options.defaults, "--default")
    try:
        return ColumnMapping.resolve(
            schema, table.columns, mapped, defaults, decimal=options.decimal, open_ended=table.open_ended
        )
    except UserMistakeError as error:
        raise UserMistakeError(f"{file.name}: {error}") from None


def _judge(file: Path, tally: Tally, wanted: int | None, system: System) -> None:
    most = system.ports.settings.max_rejected_percent if wanted is None else wanted
    if tally.rejected_above(most):
        bad = tally.rejected.total()
        raise UserMistakeError(
            f"{bad:,} of {count(bad + tally.taken, 'row')} of {file.name} were rejected, more than {most}%\n"
            "what was taken stays: mend what they were rejected for, and import the file again"
        )


class Rejects:
    """The rejects file: row number, reason and the original cells. It is made with the first rejected row."""

    def __init__(self, file: Path, wanted: Path | None, columns: list[str]) -> None:
        if wanted and wanted.exists() and wanted.samefile(file):
            raise UserMistakeError(f"--rejects {wanted} is the file that is imported")
        stem = file.name.removesuffix(".gz").rpartition(".")[0] or file.name
        self.path = wanted or home() / "rejects" / f"{stem}.rejects.csv"
        self._wanted, self._columns = wanted, columns
        self._stack = ExitStack()
        self._writer: CsvWriter | None = None

    def __enter__(self) -> "Rejects":
        if self._wanted:
            self._open()
        else:
            self.path.unlink(missing_ok=True)  # an earlier import's rejects would be taken for this one's
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def write(self, row: Row, reason: str) -> None:
        """Write a rejected row."""
        writer = self._writer or self._open()
        writer.write(rejected(row, reason, self._columns))

    def _open(self) -> CsvWriter:
        if not self._wanted:
            folder("rejects")
        try:
            file = self.path.open("w", encoding="utf-8", errors=UNWRITABLE, newline="")
            self._writer = CsvWriter(self._stack.enter_context(file))
        except OSError as error:
            raise UserMistakeError(f"the rejects file {self.path} cannot be written: {error.strerror}") from None
        self._writer.write(header(self._columns))
        return self._writer


@contextmanager
def _progress(table: RowFile, doing: str = "") -> Iterator[Iterator[Row]]:
    """Show how much of the file has been read, while its rows go by."""
    console = err()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(complete_style="green", finished_style="green"),
        DownloadColumn(),
        TextColumn("{task.fields[rows]}"),
    )
    with Progress(
        *columns, TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(f"{doing}{table.path.name}", total=table.size or None, rows="")

        def rows() -> Iterator[Row]:
            spoken = time.monotonic()
            for number, row in enumerate(table.rows, 1):
                yield row
                if number % 1000 == 0:
                    bar.update(task, completed=table.position(), rows=count(number, "row"))
                    if not console.is_terminal and time.monotonic() - spoken > 10:
                        spoken = time.monotonic()
                        note(f"{doing}{count(number, 'row')} read, {table.position() / (table.size or 1):.0%}")

        yield rows()


def _summarise(schema: FileSchema, file: Path, tally: Tally, rejects: Path, seconds: float) -> None:
    bad = tally.rejected.total()
    if not tally.taken and not bad:
        raise UserMistakeError(f"{file.name} has columns but no rows")
    if not tally.taken:
        reasons = ", ".join(f"{reason} ({count(number, 'row')})" for reason, number in tally.rejected.most_common(3))
        raise UserMistakeError(f"nothing of {file.name} was imported: {reasons}\nthe rejected rows: {shown(rejects)}")
    verdict = f"{count(tally.taken, 'row')} taken" + (f", {bad:,} rejected" if bad else "")
    say(f"{schema.name}: {verdict} in {duration(seconds)}", "bold")
    rows = [(f"  {number:,}", name or "others") for name, number in sorted(tally.groups.items())]
    rejected = [(f"  {number:,}", f"rejected: {reason}") for reason, number in tally.rejected.most_common()]
    show(grid([*rows, *rejected], right=(0,)))
    if bad:
        note(f"the rejected rows: {shown(rejects)}", "")
