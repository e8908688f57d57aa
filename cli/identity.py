"""Who changes something: said with `--by`, or the user who runs the command; logged on this machine for each change."""

import getpass
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cli.console import note
from cli.home import folder, shown
from monthclose.domain.text import check_reason

LOG = "changes.jsonl"


def somebody(by: str) -> str:
    """Choose who does it: who was named, else the user.

    Raises
    ------
    UserMistakeError
        The name cannot be kept (too long, or with characters that control a terminal).
    """
    return check_reason(by, "--by needs a name") if by.strip() else _user()


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container whose user has no name
        return "operator"


def log_change(command: str, given: Mapping[str, object]) -> None:
    """Write down who runs a command that changes something, and with what, before it runs.

    Beside the records that have a place for it (holds, the ledger's entries of credit and payments, the cause of a
    stopped execution), this is where it is kept.
    """
    options = {name: str(value) for name, value in given.items() if name not in ("ctx", "by") and value not in _UNSAID}
    entry = {"time": datetime.now(UTC).isoformat(), "by": given["by"], "command": command, "given": options}
    path = Path("logs") / LOG
    try:
        path = folder("logs") / LOG
        with path.open("a", encoding="utf-8") as log:
            log.write(json.dumps(entry) + "\n")
    except OSError as error:
        note(f"who ran this could not be logged in {shown(path)}: {error.strerror}", "yellow")


_UNSAID = (None, False, "")
