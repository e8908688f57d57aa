"""Arguments and options that several commands share, and what the shell completes them with.

Imports nothing but typer: every start of the command reads this module.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

PROVIDERS = ("gocardless", "stripe")
"""The payment providers that customers can be charged through, for the shell's completion."""
HORIZON_DAYS = 7320
MOST_EVENTS = 1000
_MONTHS_COMPLETED = 12


class CreditKind(StrEnum):
    """The kinds of credit that a person can grant; what was paid for comes with `payments record`."""

    PROMOTIONAL = "promotional"
    GOODWILL = "goodwill"


class RefundFor(StrEnum):
    """Why money goes back to a customer."""

    SERVICE = "service"
    OVERPAYMENT = "overpayment"
    GOODWILL = "goodwill"


def complete_period(incomplete: str) -> Iterator[str]:
    """List the last months, the latest first."""
    today = datetime.now(UTC).date()
    for back in range(_MONTHS_COMPLETED):
        months = today.year * 12 + today.month - 1 - back
        written = f"{date(months // 12, months % 12 + 1, 1):%Y-%m}"
        if written.startswith(incomplete):
            yield written


def complete_provider(incomplete: str) -> Iterator[str]:
    """List the payment providers."""
    return (name for name in PROVIDERS if name.startswith(incomplete))


def complete_listable(incomplete: str) -> Iterator[str]:
    """List what `list` can list."""
    from monthclose.use_cases.closes.list_customers import listable  # noqa: PLC0415 - only where it is completed

    return (name for name in listable() if name.startswith(incomplete))


def complete_decimal() -> list[str]:
    """List the decimal marks."""
    return [".", ","]


def complete_time_format() -> list[str]:
    """List the ways times are written."""
    return ["iso", "seconds", "milliseconds", "spreadsheet"]


def complete_source_kind() -> list[str]:
    """List the kinds of files that a source may send."""
    return ["usage", "customers", "prices"]


def _period(help_text: str) -> typer.models.ArgumentInfo:
    argument: typer.models.ArgumentInfo = typer.Argument(
        metavar="PERIOD", help=help_text, show_default=False, autocompletion=complete_period
    )
    return argument


LastMonth = Annotated[str | None, _period("A month, like 2026-10. [default: last month]")]
ThisMonth = Annotated[str, _period("A month, like 2026-10. [default: the current month]")]
RecentMonths = Annotated[str | None, _period("A month, like 2026-10. [default: the last three that were closed]")]
Customer = Annotated[str, typer.Argument(metavar="CUSTOMER", help="The customer's id, as imported.")]
InvoiceNumber = Annotated[str, typer.Argument(metavar="NUMBER", help="The invoice's number, like INV-00000042.")]
Provider = Annotated[
    str, typer.Argument(metavar="PROVIDER", help="The provider's name.", autocompletion=complete_provider)
]
Amount = Annotated[str, typer.Option(metavar="AMOUNT", help="In the customer's currency, like 12.50.")]
OptionalAmount = Annotated[
    str | None,
    typer.Argument(
        metavar="[AMOUNT]", help="In the invoice's currency, like 12.50. [default: all that can be]", show_default=False
    ),
]
Until = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="The last day (UTC) the credit is good. It pays for months that end by then."),
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why. Kept, and shown in the customer's history.")]
ReasonForCustomer = Annotated[
    str, typer.Option(metavar="TEXT", help="Why. Printed on the credit note, so the customer reads it.")
]
By = Annotated[
    str,
    typer.Option("--by", metavar="NAME", help="Who does this. [default: your user name]", show_default=False),
]
NoMail = Annotated[bool, typer.Option("--no-mail", help="Do not e-mail the customer about it.")]
Here = Annotated[
    bool,
    typer.Option(
        "--here",
        help="Do it on this machine, with the provider's key read from its secret, not by the deployment's function.",
    ),
]
InJson = Annotated[bool, typer.Option("--json", help="Print JSON; amounts are in minor units.")]
Events = Annotated[int, typer.Option("--events", min=0, max=MOST_EVENTS, help="How many events to list per line.")]
ROW_FILES = "CSV or JSON Lines, plain, gzip or zip; Parquet; a spreadsheet (.xlsx)."
RowFile = Annotated[Path, typer.Argument(metavar="FILE", help=ROW_FILES, show_default=False)]
Columns = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="FIELD=COLUMN", help="The column that holds a field, if it has another name. Repeatable."
    ),
]
Defaults = Annotated[
    list[str] | None,
    typer.Option(
        "--default",
        metavar="FIELD=VALUE",
        help="The value of a field that has no column, or whose cell is empty. Repeatable.",
    ),
]
RejectsFile = Annotated[
    Path | None,
    typer.Option(
        "--rejects",
        metavar="FILE",
        help="Where to write rejected rows. [default: rejects/ in the state folder]",
        show_default=False,
    ),
]
Decimal = Annotated[
    str,
    typer.Option(
        "--decimal",
        metavar="MARK",
        help="The decimal mark of the file's numbers. With a comma, 1.234,50 is read as 1234.50. [default: .]",
        show_default=False,
        autocompletion=complete_decimal,
    ),
]
Delimiter = Annotated[
    str,
    typer.Option(
        "--delimiter",
        metavar="CHARACTER",
        help="What separates cells: a character, or tab. [default: whichever of , ; and tab the header has most of]",
        show_default=False,
    ),
]
Encoding = Annotated[
    str,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="The encoding of a file that is not UTF-8, like windows-1252.",
        show_default=False,
    ),
]
TimeZone = Annotated[
    str,
    typer.Option(
        "--time-zone",
        metavar="ZONE",
        help="The time zone of times that are written without one, like Europe/Berlin.",
        show_default=False,
    ),
]
TimeFormat = Annotated[
    str,
    typer.Option(
        "--time-format",
        metavar="FORMAT",
        help="How times are written: iso (ISO 8601); seconds or milliseconds, counted from 1970; spreadsheet, in days "
        "as spreadsheets count them. [default: iso]",
        show_default=False,
        autocompletion=complete_time_format,
    ),
]
Sheet = Annotated[
    str,
    typer.Option("--sheet", metavar="NAME", help="The sheet of a spreadsheet that has several.", show_default=False),
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", metavar="COLUMN=VALUE", help="Leave out rows that do not have this value. Repeatable."),
]
Without = Annotated[
    list[str] | None,
    typer.Option("--without", metavar="COLUMN=VALUE", help="Leave out rows that have this value. Repeatable."),
]
Source = Annotated[
    str,
    typer.Option(
        "--source",
        metavar="NAME",
        help="Read the file as those of this source are read (`sources`); further options go before.",
        show_default=False,
    ),
]
CheckFile = Annotated[bool, typer.Option("--check", help="Say what the import would do, and import nothing.")]
MaxRejected = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=100,
        metavar="PERCENT",
        help="Exit with status 2 if more than this share of the rows is rejected; the other rows are imported all the "
        "same. [default: the setting max_rejected_percent]",
        show_default=False,
    ),
]
