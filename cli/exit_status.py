"""How a command ends, for scripts: one number for each outcome, and what it means."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """The exit statuses of all commands; `meaning` is what the help and docs/operating.md say of each."""

    meaning: str

    def __new__(cls, value: int, meaning: str) -> "ExitStatus":
        """Make a member: the number is its value, the meaning an attribute."""
        member = int.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member

    DONE = 0, "done"
    FAILED = 1, "the system failed, is busy or cannot be reached, or the local AWS is not up"
    MISTAKE = 2, "the input cannot be used, or too many of its rows were rejected"
    ALREADY_RUNNING = 3, "the month is already being closed"
    UNRESOLVED = (
        4,
        ("the books do not tie, there are findings, or a payment was not collected or its outcome is not known yet"),
    )
    NOT_APPROVED = 5, "the close was not let through its gate: it needs an approval before it may charge"
    INTERRUPTED = 130, "interrupted with Ctrl-C (a close keeps running)"


def as_table() -> str:
    """List all of them as a table in Markdown, for the documentation."""
    rows = [f"| {status.value} | {status.meaning} |" for status in ExitStatus]
    return "\n".join(["| exit status | meaning |", "|---|---|", *rows])
