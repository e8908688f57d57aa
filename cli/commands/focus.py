"""`monthclose focus`: what a customer was billed, as a file for tools that read cloud costs."""

import io
from pathlib import Path

import typer

from cli.console import note, print_json_stream, say
from cli.months import connect_for
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.finance.focus import COLUMNS, VERSION, focus_rows
from monthclose.domain.words import count
from monthclose.use_cases.imports.csv_out import CsvWriter


def focus(ctx: typer.Context, customer_id: str, period: str | None, file: Path | None, *, in_json: bool) -> None:
    """Write or print a customer's FOCUS file."""
    if in_json and file:
        raise UserMistakeError("--file writes CSV: --json does not go with it")
    system, chosen = connect_for(ctx, period)
    at = system.ports.clock()
    rows = list(focus_rows(system.use_cases.books_reader.read(customer_id, chosen, at), chosen, at, system.calendar))
    if in_json:
        found = ({name: row[name] or None for name in COLUMNS} for row in rows)
        print_json_stream({"period": str(chosen), "customer_id": customer_id, "focus": VERSION}, "rows", found)
        return
    text = io.StringIO()
    writer = CsvWriter(text)
    writer.write(COLUMNS)
    for row in rows:
        writer.write(row[name] for name in COLUMNS)
    if file is None:
        say(text.getvalue().removesuffix("\n"))
    else:
        _write(file, text.getvalue())
        say(f"{count(len(rows), 'row')} written to {file}")
    if not rows:
        note(f"{customer_id} was billed nothing in {chosen}")


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise UserMistakeError(f"{file} cannot be written: {error.strerror}") from None
