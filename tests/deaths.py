"""A process that dies at one of its requests to DynamoDB: before it is sent, or before its answer is there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.requests_of import in_front_of, operation_of
from tests.unit.dying import DiedError


@dataclass
class Deaths:
    """Lets a client's process die.

    Parameters
    ----------
    at : int
        The number of the request, from 0; none if there are fewer.
    after : bool
        Whether the request is carried out.
    """

    at: int = -1
    after: bool = False
    requests: list[str] = field(default_factory=list)
    """The operations that were asked for."""

    @contextmanager
    def of(self, client: Any) -> Iterator["Deaths"]:
        """Stand in front of a client."""
        with in_front_of(client, self._before, self._after):
            yield self

    def _before(self, request: Any, **_: object) -> None:
        self.requests.append(operation_of(request))
        if len(self.requests) - 1 == self.at and not self.after:
            raise DiedError

    def _after(self, **_: object) -> None:
        if len(self.requests) - 1 == self.at and self.after:
            raise DiedError
