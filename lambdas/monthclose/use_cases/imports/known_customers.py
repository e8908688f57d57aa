"""The customers that a file's rows name, cached."""

from threading import Lock

from monthclose.ports import Billed, CustomerDirectory

_MOST_CACHED = 20_000
"""Most customers that are cached: bounds the memory."""


class KnownCustomers:
    """Finds customers. Any number of threads may use it."""

    def __init__(self, directory: CustomerDirectory) -> None:
        self._directory, self._lock = directory, Lock()
        self._answers: dict[str, Billed | None] = {}

    def find(self, customer_ids: set[str]) -> dict[str, Billed]:
        """Find those of some ids that are customers'."""
        with self._lock:
            answers = {name: self._answers[name] for name in customer_ids if name in self._answers}
        asked = customer_ids - answers.keys()
        if asked:
            found = self._directory.billed(asked)
            answers.update((name, found.get(name)) for name in asked)
            with self._lock:
                if len(self._answers) > _MOST_CACHED:
                    self._answers.clear()
                self._answers.update((name, answers[name]) for name in asked)
        return {name: billed for name, billed in answers.items() if billed}
