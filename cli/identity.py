"""Who changes something, as they say: with `--by`, or else the user who runs the command.

Their AWS identity is recorded beside it, in the audit trail.
"""

import getpass

from monthclose.domain.text import check_reason


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
