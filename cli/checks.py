"""The checks of a proof as a table, for `monthclose prove` and `monthclose report`."""

from collections.abc import Iterator, Sequence

from rich.text import Text

from cli.console import grid, note, say, show
from monthclose.domain.closes.checks import State
from monthclose.use_cases.proof.report import CheckEntry
from monthclose.use_cases.proof.report_checks import compared, figure, remarks_on, sides_shown

_MARKS = {State.FAILED: "✗", State.NOT_CHECKED: "?", State.PASSED: "✓"}
_STYLES = {State.FAILED: "red", State.NOT_CHECKED: "yellow", State.PASSED: ""}
_HEADER = ("check", "compared", "one side", "other side", "difference")


def print_checks(entries: Sequence[CheckEntry]) -> None:
    """Print each check with both sides and the difference."""
    rows = [row for entry in entries for row in _rows(entry)]
    if rows:
        show(grid(rows, right=(2, 3, 4), header=_HEADER))


def print_failures(entries: Sequence[CheckEntry], command: str) -> None:
    """Name whom the checks fail for, and how; `command` lists those who are left out."""
    for entry in entries:
        if not entry["failures"]:
            continue
        say(f"{entry['title']} ({entry['check']}): {entry['failures_in_all']:,} failed", "bold red")
        for failure in entry["failures"]:
            about = f"{failure['customer_id']}: " if failure["customer_id"] else ""
            say(f"  {about}{failure['detail']}", "red")
        left_out = entry["failures_in_all"] - len(entry["failures"])
        if left_out:
            note(f"  and {left_out:,} more: {command}")


def _rows(entry: CheckEntry) -> Iterator[list[str | Text]]:
    state = State(entry["state"])
    style, title = _STYLES[state], f"{_MARKS[state]} {entry['title']}"
    for row in sides_shown(entry):
        cells = (
            compared(entry, row),
            *(figure(row, minor) for minor in (row["left"], row["right"], row["difference"])),
        )
        yield [Text(cell, style=style) for cell in (title, *cells)]
        title = ""
    if title:
        yield [Text(cell, style=style) for cell in (title, compared(entry), "", "", "")]
    for remark in remarks_on(entry):
        yield [Text(""), Text(remark, style=style or "dim"), "", "", ""]
