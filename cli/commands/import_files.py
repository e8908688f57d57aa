"""`monthclose import taxes` and `monthclose import logo`: files that are taken whole or not at all."""

from pathlib import Path
from typing import Annotated

import typer

from cli.connect import connected
from cli.console import say
from cli.tables import read_bytes, read_whole
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.words import count
from monthclose.use_cases.invoices.company_logo import import_logo

_MOST_BYTES = 10_000_000
"""That are read of a logo: many more than can be taken."""


def taxes(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="TOML; see docs/taxes.md.", show_default=False)],
) -> None:
    """Replace the whole tax table. Every customer is taxed by it from then on; who it lacks is parked, not billed."""
    content = read_whole(file)
    try:
        table = connected(ctx).ports.tax_tables.put(content.encode())
    except UserMistakeError as error:
        raise UserMistakeError(f"{file.name}: {error}") from None
    countries = {country for rule in (*table.rules, *table.reverse_charge) for country in rule.countries}
    covered = f"{count(len(table.rules), 'rate')} in {count(len(countries), 'country', 'countries')}"
    say(f"taxes: {covered}, seen from {table.seller}; version {table.version}", "bold")


def logo(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="SVG, PNG or JPEG.", show_default=False)],
) -> None:
    """Take a logo for the invoices to come; those that are issued keep theirs."""
    content = read_bytes(file, _MOST_BYTES)
    try:
        key = import_logo(content, documents=connected(ctx).ports.documents)
    except UserMistakeError as error:
        raise UserMistakeError(f"{file.name}: {error}") from None
    say(f"logo: {key}", "bold")
