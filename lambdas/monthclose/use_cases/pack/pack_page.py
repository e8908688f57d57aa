"""The page of contents of a report pack, which leads to its files: it lies beside them, in S3 and after a download."""

from datetime import UTC, datetime
from urllib.parse import quote

from monthclose.domain.pack.files import in_words
from monthclose.domain.pack.pack import MadeFor, Pack, PackFile
from monthclose.domain.period import period_in_words
from monthclose.domain.words import count
from monthclose.templates import environment

WHY = {
    MadeFor.CLOSE: "made when the close ended",
    MadeFor.CHANGE: "made again, because the books had changed",
    MadeFor.PERSON: "made on request",
}


def render_index(pack: Pack, company: str) -> bytes:
    """Render the page: HTML that needs nothing but the files beside it."""
    programs = [file for file in pack.files if file.name.endswith(".parquet")]
    groups = [("Files", [file for file in pack.files if file not in programs]), ("For programs", programs)]
    page = {
        "company": company,
        "period": str(pack.period),
        "month": period_in_words(pack.period),
        "made": f"{WHY[pack.made_for]}, {utc(pack.made_at)}; figures as of {utc(pack.planned_at)}",
        "customers": count(pack.customers, "customer"),
        "groups": [(title, [_row(file) for file in files]) for title, files in groups if files],
        "unreadable": pack.unreadable,
        "remarks": pack.remarks,
        "unreadable_left_out": pack.unreadable_in_all - len(pack.unreadable),
    }
    return environment().get_template("pack.html.j2").render(page).encode()


def _row(file: PackFile) -> dict[str, str]:
    rows = "" if file.rows is None else f"{file.rows:,}"
    return {"name": file.name, "link": quote(file.name), "what": file.what, "rows": rows, "size": size(file.size)}


def size(number: int) -> str:
    """Write a number of bytes as people read it: `1.4 MB`."""
    amount, units = float(number), ("bytes", "kB", "MB", "GB", "TB")
    for unit in units:
        if amount < 1000 or unit == units[-1]:
            return f"{number} {unit}" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    raise AssertionError


def utc(time: datetime) -> str:
    """Write a time for people."""
    at = time.astimezone(UTC)
    return f"{in_words(at.date())}, {at:%H:%M} UTC"
