"""What a process has one of, whatever its threads do at the same moment."""

from collections.abc import Callable
from functools import cache, update_wrapper
from threading import RLock


class Once[**P, T]:
    """Makes what a function returns once per process and argument; see `made_once`."""

    def __init__(self, make: Callable[P, T]) -> None:
        self._made, self._lock = cache(make), RLock()
        update_wrapper(self, make)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return it; whoever asks while another thread makes it waits."""
        with self._lock:
            return self._made(*args, **kwargs)  # type: ignore[arg-type]  # mypy takes the arguments for unhashable

    def forget(self) -> None:
        """Make all of it again when it is asked for."""
        self._made.cache_clear()


def made_once[**P, T](make: Callable[P, T]) -> Once[P, T]:
    """Make what a function returns once per process and argument, even if several threads ask for it first.

    `functools.cache` alone lets each of them make one of its own, and the last to end wins.
    """
    return Once(make)
