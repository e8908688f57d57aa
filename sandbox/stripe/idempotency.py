"""Stripe's idempotency layer for API v1 (Stripe API reference, "Idempotent requests")."""

import threading
from collections.abc import Callable
from dataclasses import dataclass

from sandbox.stripe import errors
from sandbox.stripe.params import Form
from sandbox.wire import Proceed, Response

KEPT_SECONDS = 24 * 60 * 60
"""Stripe prunes keys once they are *at least* 24 hours old; the sandbox does so exactly then."""

LONGEST_KEY = 255


@dataclass(slots=True)
class _Record:
    path: str
    form: Form
    begun: float
    response: Response | None = None


class IdempotencyKeys:
    """One account's keys, with the first result of each.

    Parameters
    ----------
    clock : Callable[[], float]
        Seconds since the epoch.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._records: dict[str, _Record] = {}

    def once(self, key: str, path: str, form: Form, execute: Proceed) -> Response:
        """Execute the first request with a key and store its answer, whatever it is; replay it to the others.

        Call this when the parameters are known to be valid: from here on the execution has begun.

        Raises
        ------
        StripeError
            409 while the first request is under way; 400 of type ``idempotency_error`` for another endpoint or other
            parameters. Neither is stored.
        """
        if len(key) > LONGEST_KEY:
            raise errors.StripeError(400, f"Idempotency keys can be up to {LONGEST_KEY} characters long.")
        record, stored = self._claim(key, path, form)
        if stored is not None:
            return stored.with_headers({"Idempotent-Replayed": "true"})
        try:
            record.response = execute()
        except BaseException:
            with self._lock:
                self._records.pop(key, None)
            raise
        return record.response

    def _claim(self, key: str, path: str, form: Form) -> tuple[_Record, Response | None]:
        with self._lock:
            self._prune()
            record = self._records.get(key)
            if record is None:
                record = self._records[key] = _Record(path, form, self._clock())
                return record, None
            if record.path != path:
                raise errors.key_on_other_endpoint(key, path, record.path)
            if record.form != form:
                raise errors.key_with_other_parameters(key)
            if record.response is None:
                raise errors.key_in_use(key)
            return record, record.response

    def _prune(self) -> None:
        # Records are in the order they began in, so the first one that is young enough ends the work.
        oldest_kept = self._clock() - KEPT_SECONDS
        while self._records:
            key, record = next(iter(self._records.items()))
            if record.begun > oldest_kept or record.response is None:
                return
            del self._records[key]
