"""Whatever talks to a payment provider with a key that may be replaced while it is used."""

import threading
from collections.abc import Callable

from monthclose.errors import ProviderRefusedError


class Keyed[C]:
    """Reads the key again when the provider refuses it, and repeats the call with the new one.

    The repetition is safe: a provider refuses a key before it does anything. If the key is still the same, the provider
    refuses us.

    Parameters
    ----------
    make : callable
        Makes what talks to the provider, with a key.
    read_key : callable
        Reads the key that is valid now; raises `ProviderRefusedError` if there is none.
    """

    def __init__(self, make: Callable[[str], C], read_key: Callable[[], str]) -> None:
        self._make, self._read_key = make, read_key
        self._lock = threading.Lock()
        self._key = read_key()
        self.latest = make(self._key)
        """What was made with the newest key that was read."""

    def ask[T](self, call: Callable[[C], T]) -> T:
        """Make a call, with a newer key if the provider refuses the one at hand and there is one."""
        used = self.latest
        try:
            return call(used)
        except ProviderRefusedError:
            other = self._other_than(used)
            if other is None:
                raise
            return call(other)

    def _other_than(self, refused: C) -> C | None:
        """Return what has another key than one that was refused; None if there is none."""
        with self._lock:
            if self.latest is refused and (key := self._read_key()) != self._key:
                self._key, self.latest = key, self._make(key)
            return None if self.latest is refused else self.latest
