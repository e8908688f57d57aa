"""Importing a file of rows: check it whole, take its rows, keep the rejected ones, and say what became of them."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from cli.connect import connected
from cli.console import duration, err, grid, note, print_json, say, show
from cli.home import folder, home, shown
from cli.rows_on_disk import RowsByCustomer, RowsInOrder
from cli.system import System
from cli.tables import RowFile, open_rows
from monthclose.domain.audit import in_json
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import PRICES, USAGE, ColumnMapping, FileSchema
from monthclose.domain.imports.file_options import TEXTS, FileOptions, Hints
from monthclose.domain.imports.intake import OTHERS, Reject, Row, Tally, unpacked_name
from monthclose.domain.words import count
from monthclose.use_cases.imports.check_rows import checked
from monthclose.use_cases.imports.csv_out import CsvWriter
from monthclose.use_cases.imports.rejected_rows import UNWRITABLE, header, rejected
from monthclose.use_cases.imports.sources import SourceKeeper
from monthclose.use_cases.imports.tables import Table
from monthclose.use_cases.imports.usage_outcome import reasons_in_words, require_rows

HINTS = Hints("--map {}=COLUMN", "--default {}=VALUE", "--{} {}", hyphens=True)
"""How the command's user says which column is meant, which value stands in, and whatever else there is to say."""

type Work = Callable[[System, Iterator[Row], ColumnMapping, Reject], Tally]
"""Takes the rows of a file, and says what became of them."""


class Reading(TypedDict, total=False):
    """The options that say how a file is read, as the command line gives them."""

    mapped: list[str] | None
    default: list[str] | None
    decimal: str
    delimiter: str
    encoding: str
    time_zone: str
    time_format: str
    sheet: str
    only: list[str] | None
    without: list[str] | None
    source: str


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the options say about how a file is read and answered."""

    reading: Reading
    rejects: Path | None = None
    max_rejected: int | None = None
    in_json: bool = False
    by: str = ""
    check: bool = False
    """Say what the import would do, and do nothing."""

    def of_file(self, sources: Callable[[], SourceKeeper], kind: str) -> FileOptions:
        """Put the options before those of the source that they name.

        Raises
        ------
        UserMistakeError
            One is not possible, or there is no such source of files of this kind.
        """
        name = self.reading.get("source", "")
        own = file_options(self.reading)
        return own.over(sources().find(name, kind).options).checked(HINTS) if name else own.checked(HINTS)


def file_options(reading: Reading) -> FileOptions:
    """Read the options of a file, as the command line gives them.

    Raises
    ------
    UserMistakeError
        One is not `NAME=VALUE`, or names something twice.
    """
    texts = {name: str(reading.get(name, "")) for name in TEXTS}
    tables = {
        "mapped": _pairs(reading.get("mapped"), "--map", "sku=Product"),
        "defaults": _pairs(reading.get("default"), "--default", "sku=storage"),
        "only": _pairs(reading.get("only"), "--only", "Region=EU"),
        "without": _pairs(reading.get("without"), "--without", "Region=EU"),
    }
    return FileOptions.read({**texts, **tables})


def import_rows(
    ctx: typer.Context,
    schema: FileSchema,
    file: Path,
    options: ImportOptions,
    work: Work,
    tell: Callable[[Tally], None] = lambda _: None,
    version: Callable[[System], str] = lambda _: "",
    more: Callable[[], Mapping[str, Any]] = dict,
) -> None:
    """Import a file of rows; usage comes customer by customer, as it is stored.

    Parameters
    ----------
    tell : callable
        Says in words what the summary has no number for.
    version : callable
        Names the version of what the file is imported into, if it has versions.
    more : callable
        Makes what is added to the summary as JSON.

    Raises
    ------
    UserMistakeError
        The file cannot be read, none of its rows can be taken, or too many are rejected.
    """
    reading = options.of_file(lambda: connected(ctx).use_cases.sources, schema.name)
    with ExitStack() as opening:
        opened = opening.enter_context(open_rows(file, reading, lambda: connected(ctx).ports.column_files))
        dealt: RowsByCustomer | None = None
        # Read to its end before anything is taken: its last row may show that the first ones say something else.
        with opened.rows() as table:
            mapping = _mapping(schema, file, table.table, reading)
            system = connected(ctx)
            system.ports.patience.endless(note)
            began = time.monotonic()
            if schema is USAGE:
                dealt = opening.enter_context(closing(RowsByCustomer(file, table.table.columns, mapping)))
            with _progress(table, "checking ") as rows:
                for row in checked(file.name, rows, mapping, HINTS, system.calendar.zone):
                    if dealt:
                        dealt.deal(row)
        with (
            (dealt or opened).rows() as table,
            Rejects(file, options.rejects, table.table.columns) as rejected_rows,
            _progress(table) as rows,
        ):
            importing = partial(work, system, rows, mapping, rejected_rows.write)
            if options.check:
                tally = importing()
            else:
                with _interrupted(schema):
                    tally = recorded_import(system, schema.name, file, options.by, importing, version)
        spent = time.monotonic() - began
        summarise(
            schema, file, tally, rejected_rows.path, spent, in_json=options.in_json, check=options.check, more=more
        )
        if not options.in_json:
            tell(tally)
        _judge(file, tally, options, system)


@contextmanager
def _interrupted(schema: FileSchema) -> Iterator[None]:
    """Tell whoever presses Ctrl-C what became of the file; of prices, all rows count or none."""
    try:
        yield
    except KeyboardInterrupt:
        if schema is not PRICES:
            note("what was imported stays; import the file again to add the rest")
        raise


def recorded_import(
    system: System, kind: str, file: Path, by: str, work: Callable[[], Tally], version: Callable[[System], str]
) -> Tally:
    """Import a file as one act in the audit trail: with counts and versions, and nothing of what is in it."""
    was = version(system)
    before = in_json(version=was) if was else ""
    with system.use_cases.acts.acting(f"{kind}.imported", by=by, before=before, after=in_json(file=file.name)) as act:
        tally = work()
        counts = {"imported": tally.taken, "rejected": tally.rejected.total()}
        act.done(in_json(version=version(system) or None, **counts))
    return tally


def _mapping(schema: FileSchema, file: Path, table: Table, options: FileOptions) -> ColumnMapping:
    try:
        return ColumnMapping.resolve(schema, table.columns, options, HINTS, open_ended=table.open_ended)
    except UserMistakeError as error:
        raise UserMistakeError(f"{file.name}: {error}") from None


def _pairs(texts: list[str] | None, option: str, example: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for text in texts or []:
        name, sign, value = text.partition("=")
        if not sign or not name:
            raise UserMistakeError(f"{option} {text}: write it like {example}")
        if name in pairs:
            raise UserMistakeError(f"{option} names {name} twice")
        pairs[name.strip()] = value
    return pairs


def _judge(file: Path, tally: Tally, options: ImportOptions, system: System) -> None:
    most = system.ports.settings.max_rejected_percent if options.max_rejected is None else options.max_rejected
    if tally.rejected_above(most):
        bad, rows = tally.rejected.total(), count(tally.rejected.total() + tally.taken, "row")
        done = "would be" if options.check else "were"
        stays = "" if options.check else "what was imported stays: "
        again = "check" if options.check else "import"
        raise UserMistakeError(
            f"{bad:,} of {rows} of {file.name} {done} rejected, more than {most}%\n"
            f"{stays}correct the rejected rows, and {again} the file again"
        )


class Rejects:
    """The rejects file: row number, reason and the original cells, in the file's order.

    It is made with the first rejected row, and written at the end: rows may come customer by customer.
    """

    def __init__(self, file: Path, wanted: Path | None, columns: list[str]) -> None:
        if wanted and wanted.exists() and wanted.samefile(file):
            raise UserMistakeError(f"--rejects {wanted} is the file being imported")
        stem = unpacked_name(file.name).rpartition(".")[0] or file.name
        self.path = wanted or home() / "rejects" / f"{stem}.rejects.csv"
        self._wanted, self._columns = wanted, columns
        self._stack = ExitStack()
        self._writer: CsvWriter | None = None
        self._rows = self._stack.enter_context(closing(RowsInOrder()))

    def __enter__(self) -> "Rejects":
        if self._wanted:
            self._open()
        else:
            self.path.unlink(missing_ok=True)  # an earlier import's rejects would be taken for this one's
        return self

    def __exit__(self, _: object, failure: BaseException | None, *__: object) -> None:
        try:
            with self._stack:
                if self._writer:
                    for cells in self._rows.all():
                        self._writer.write(cells)
        except OSError as error:
            if not failure:  # what has failed before says more
                raise self._unwritable(error) from None

    def write(self, row: Row, reason: str) -> None:
        """Take a rejected row."""
        if not self._writer:
            self._open()
        self._rows.add(rejected(row, reason, self._columns))

    def _open(self) -> None:
        if not self._wanted:
            folder("rejects")
        try:
            file = self.path.open("w", encoding="utf-8", errors=UNWRITABLE, newline="")
            self._writer = CsvWriter(self._stack.enter_context(file))
        except OSError as error:
            raise self._unwritable(error) from None
        self._writer.write(header(self._columns))

    def _unwritable(self, error: OSError) -> UserMistakeError:
        return UserMistakeError(f"the rejects file {self.path} cannot be written: {error.strerror}")


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


def summarise(
    schema: FileSchema,
    file: Path,
    tally: Tally,
    rejects: Path,
    seconds: float,
    *,
    in_json: bool = False,
    check: bool = False,
    more: Callable[[], Mapping[str, Any]] = dict,
) -> None:
    """Say what became of a file's rows.

    Parameters
    ----------
    check : bool
        Nothing was imported: it was only checked what an import would do.
    more : callable
        Makes what is added as JSON.

    Raises
    ------
    UserMistakeError
        It has no rows, or none was taken.
    """
    bad = tally.rejected.total()
    require_rows(file.name, tally)
    if in_json:
        # Prices have `effects`; customers are compared with what is stored by a check only.
        compares = schema is USAGE or (check and schema is not PRICES)
        compared = {"new": tally.new, "changed": tally.changed} if compares else {}
        checked_only = {"check": True} if check else {}
        left_out = {"left_out": _named(tally.left_out)} if tally.left_out else {}
        print_json({**_as_json(schema, file, tally, rejects), **left_out, **checked_only, **compared, **more()})
    if not tally.taken:
        reasons = reasons_in_words(tally)
        held = f"; {count(tally.withheld, 'good row')} held back: the file is imported whole or not at all"
        done = "would be" if check else "was"
        raise UserMistakeError(
            f"nothing of {file.name} {done} imported: {reasons}{held if tally.withheld else ''}\n"
            f"the rejected rows: {shown(rejects)}"
        )
    if in_json:
        return
    verdict = f"{count(tally.taken, 'row')} {'would be imported' if check else 'imported'}" + (
        f", {bad:,} rejected" if bad else ""
    )
    say(f"{schema.name}: {verdict} in {duration(seconds)}", "bold")
    rows = [(f"  {number:,}", name or "others") for name, number in sorted(tally.groups.items())]
    bad_rows = [(f"  {number:,}", f"rejected: {reason}") for reason, number in tally.rejected.most_common()]
    others = [(f"  {number:,}", f"left out: {reason or 'others'}") for reason, number in tally.left_out.most_common()]
    show(grid([*rows, *bad_rows, *others], right=(0,)))
    if bad:
        note(f"the rejected rows: {shown(rejects)}", "")


def _as_json(schema: FileSchema, file: Path, tally: Tally, rejects: Path) -> dict[str, Any]:
    return {
        "kind": schema.name,
        "file": file.name,
        "imported": tally.taken,
        "rejected": tally.rejected.total(),
        "held_back": tally.withheld,
        "groups": _named(tally.groups),
        "reasons": dict(tally.rejected.most_common()),
        "late": _named(tally.late),
        "untaxable": tally.untaxable,
        "unpriced": _named(tally.unpriced),
        "untaxed": _named(tally.untaxed),
        "rejects_file": str(rejects) if tally.rejected else None,
    }


def _named(counts: dict[str, int]) -> dict[str, int]:
    """Name what is counted together because there are too many names."""
    return {"others" if name == OTHERS else name: number for name, number in sorted(counts.items())}
