"""States of months, remembered from looking up to storing, and for the next events of a large month."""

from collections import OrderedDict
from threading import Lock

from monthclose.adapters.dynamo.usage.packs import MonthState
from monthclose.domain.usage import UsageMonth

_MOST_BYTES = 64_000_000


class RememberedStates:
    """The latest states of months, up to a size in memory; those used last are kept. Any number of threads may use it.

    What is remembered may be old. That does no harm: a change that rests on it is refused by its condition.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self._states: OrderedDict[UsageMonth, tuple[MonthState, int]] = OrderedDict()
        self._most_bytes, self._bytes, self._lock = most_bytes, 0, Lock()

    def get(self, month: UsageMonth) -> MonthState | None:
        """Find the state of a month."""
        with self._lock:
            if month not in self._states:
                return None
            self._states.move_to_end(month)
            return self._states[month][0]

    def put(self, state: MonthState) -> None:
        """Remember a state, and forget those that were not used for longest if they are too many."""
        with self._lock:
            self._drop(state.month)
            self._states[state.month] = state, state.size
            self._bytes += state.size
            while self._bytes > self._most_bytes:
                self._drop(next(iter(self._states)))

    def forget(self, month: UsageMonth) -> None:
        """Forget a month's state."""
        with self._lock:
            self._drop(month)

    def _drop(self, month: UsageMonth) -> None:
        _, size = self._states.pop(month, (None, 0))
        self._bytes -= size
