"""Who is behind the report's counts: the first customers of each kind, by name, with what is open of their invoice."""

from datetime import UTC, datetime
from typing import NamedTuple

from monthclose.domain.money import Money
from monthclose.domain.words import count
from monthclose.use_cases.proof.page_parts import Cell, Column, Section, Table, row
from monthclose.use_cases.proof.report import LOOSE_ENDS, MOST_NAMES, LooseEndEntry, LooseEndList, Report


class Kind(NamedTuple):
    """Customers of one kind."""

    name: str
    ends: LooseEndList


def loose_ends(report: Report) -> list[Kind]:
    """Find the kinds of loose ends that the close has."""
    found = [(kind, report.get(kind)) for kind in LOOSE_ENDS]
    return [Kind(kind, ends) for kind, ends in found if ends and ends["in_all"]]


def people(report: Report) -> list[Section]:
    """List the customers of each kind, and say which command lists the rest."""
    kinds = [*loose_ends(report), *(Kind(name, ends) for name, ends in report.get("names", {}).items())]
    if _ids(report.get("unfinished")) == _ids(report.get("names", {}).get("parked")):
        kinds = [kind for kind in kinds if kind.name != "unfinished"]  # they are the parked ones
    return [_section(kind, report["period"]) for kind in kinds]


def _ids(ends: LooseEndList | None) -> tuple[int, list[str]]:
    return (ends["in_all"], sorted(end["customer_id"] for end in ends["customers"])) if ends else (0, [])


def _section(kind: Kind, period: str) -> Section:
    in_all, shown = kind.ends["in_all"], kind.ends["customers"][:MOST_NAMES]
    invoiced = any("invoice" in end for end in shown)
    columns = [Column("Customer", "text"), Column("Why", "text")]
    columns += [Column("Invoice", "code"), Column("Invoiced"), Column("Open")] if invoiced else []
    dated = any(end["since"] for end in shown)
    columns += [Column("Since", "code")] if dated else []
    rows = [
        row(*_who(end), *(_amounts(end) if invoiced else ()), *((utc(end["since"]),) if dated else ())) for end in shown
    ]
    left_out = in_all - len(shown)
    return Section(
        f"{words(kind.name)}: {count(in_all, 'customer')}",
        tables=[Table(columns, rows)] if shown else [],
        note=f"and {left_out:,} more:" if left_out else "",
        command=f"monthclose list {kind.name} {period}" if left_out else "",
    )


def _who(end: LooseEndEntry) -> tuple[Cell, Cell]:
    name = end.get("name", "")
    return Cell(name, end["customer_id"]) if name else Cell(end["customer_id"]), Cell(end["what"])


def _amounts(end: LooseEndEntry) -> tuple[str, str, str]:
    if "invoice" not in end:
        return "", "", ""
    currency = end["currency"]
    return end["invoice"], str(Money(end["invoiced_minor"], currency)), str(Money(end["open_minor"], currency))


def words(code: str) -> str:
    """Write a code as words."""
    return code.replace("_", " ").capitalize()


def utc(iso: str | None) -> str:
    """Write a time in UTC; nothing if there is none."""
    return f"{datetime.fromisoformat(iso).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if iso else ""
