"""What has been done in this dashboard: each confirmation counts once, and the next page says what came of it."""

import secrets
from collections import OrderedDict, deque
from threading import Lock

_MOST_TICKETS, _MOST_SAID = 10_000, 100


class Once:
    """Tickets of confirmations: a button that is pressed twice, or a page that is sent again, does nothing more."""

    def __init__(self) -> None:
        self._used, self._lock = deque[str](maxlen=_MOST_TICKETS), Lock()

    def take(self, ticket: str) -> bool:
        """Use a ticket; false if it was used before."""
        with self._lock:
            if not ticket or ticket in self._used:
                return False
            self._used.append(ticket)
            return True


class Said:
    """Sentences for the page that an act leads to. They are kept here, so that no address can say anything."""

    def __init__(self) -> None:
        self._kept, self._lock = OrderedDict[str, str](), Lock()

    def keep(self, text: str) -> str:
        """Keep a sentence, and return its name."""
        name = secrets.token_urlsafe(8)
        with self._lock:
            self._kept[name] = text
            if len(self._kept) > _MOST_SAID:
                self._kept.popitem(last=False)
        return name

    def of(self, name: str) -> str:
        """Find a sentence; empty if there is none of that name."""
        return self._kept.get(name, "")
