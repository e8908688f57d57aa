"""The clock of a local AWS, which `monthclose local clock` moves: the machine's, so many seconds ahead.

Neither stacks nor settings know of it. The emulator gives its own process's environment to the functions that it runs,
and in it the file's name; AWS has no such process. Whoever sets the variable elsewhere all the same is refused.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

from monthclose.errors import UserMistakeError
from monthclose.names import LOCAL_CLOCK

_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class LocalClock:
    """`Clock` of a local AWS.

    Parameters
    ----------
    environment : mapping
        Has `MONTHCLOSE_LOCAL_CLOCK`, the file that says how far ahead the clock is, and `AWS_ENDPOINT_URL`.

    Raises
    ------
    UserMistakeError
        AWS is not on this machine: a deployment's clock is never shifted.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        if urlsplit(environment.get("AWS_ENDPOINT_URL", "")).hostname not in _LOOPBACK:
            raise UserMistakeError(
                f"{LOCAL_CLOCK} is set, but AWS is not on this machine: only there can the clock be moved"
            )
        self._file = Path(environment[LOCAL_CLOCK])

    def __call__(self) -> datetime:
        """Return the time; the file is read each time, as it changes while a function's process lives."""
        return datetime.now(UTC) + self._ahead()

    def _ahead(self) -> timedelta:
        try:
            return timedelta(seconds=json.loads(self._file.read_bytes())["ahead_seconds"])
        except FileNotFoundError:  # nobody has moved it
            return timedelta()
