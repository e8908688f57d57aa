"""Reads GoCardless' requests: a request reads what it expects, and unread members are refused."""

import json
import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from sandbox.gocardless import errors
from sandbox.wire import JSON, Request

_METADATA_KEYS, _LONGEST_KEY, _LONGEST_VALUE = 3, 50, 500


def iso(seconds: float) -> str:
    """Write a time as GoCardless does: milliseconds and ``Z``."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


class Query:
    """The parameters in an address."""

    def __init__(self, encoded: str) -> None:
        self._values = dict(parse_qsl(encoded))
        self._known: set[str] = set()

    def text(self, name: str) -> str | None:
        """Read a parameter."""
        self._known.add(name)
        return self._values.get(name)

    def words(self, name: str) -> frozenset[str]:
        """Read words that commas separate; none means any."""
        return frozenset((self.text(name) or "").split(",")) - {""}

    def integer(self, name: str, default: int) -> int:
        """Read a whole number."""
        value = self.text(name)
        if value is None:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", value):
            raise errors.invalid_field(f"/{name}", "must be a number")
        return int(value)

    def time(self, name: str) -> str | None:
        """Read a time with a zone; it is returned as GoCardless writes it."""
        value = self.text(name)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            raise errors.invalid_field(f"/{name}", "must be an ISO 8601 timestamp")
        return iso(moment.timestamp())

    def end(self) -> None:
        """Refuse the request if it has a parameter that was not read."""
        if unknown := sorted(self._values.keys() - self._known):
            raise errors.bad_request(f"Unknown query parameter: {', '.join(unknown)}")


class Body:
    """A hash in a body. Each reader raises ``validation_failed`` for a malformed or missing member.

    Parameters
    ----------
    values : JSON
        The hash.
    pointer : str
        Where in the body it stands, as in ``/payments``.
    """

    def __init__(self, values: JSON, pointer: str) -> None:
        self._values = values
        self._pointer = pointer
        self._known: set[str] = set()
        self._nested: list[Body] = []

    def pointer(self, name: str) -> str:
        """Say where in the body a member stands."""
        return f"{self._pointer}/{name}"

    def text(self, name: str, longest: int = 255) -> str | None:
        """Read a string."""
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise errors.invalid_field(self.pointer(name), "must be a string")
        if len(value) > longest:
            raise errors.invalid_field(self.pointer(name), f"is too long (maximum is {longest} characters)")
        return value or None

    def required(self, name: str) -> str:
        """Read a string that must be there."""
        value = self.text(name)
        if value is None:
            raise errors.invalid_field(self.pointer(name), "is required")
        return value

    def amount(self, name: str) -> int:
        """Read an amount in minor units, above 0, that must be there; digits in a string are as good."""
        value = self._value(name)
        if value is None:
            raise errors.invalid_field(self.pointer(name), "is required")
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise errors.invalid_field(self.pointer(name), "must be a number")
        if value < 1:
            raise errors.invalid_field(self.pointer(name), "must be greater than 0")
        return value

    def whole(self, name: str) -> int | None:
        """Read a whole number."""
        value = self._value(name)
        if value is not None and (not isinstance(value, int) or isinstance(value, bool)):
            raise errors.invalid_field(self.pointer(name), "must be a number")
        return value

    def has(self, name: str) -> bool:
        """Return whether a member is there."""
        return name in self._values

    def flag(self, name: str) -> bool:
        """Read true or false (the default)."""
        value = self._value(name)
        if not isinstance(value, bool | None):
            raise errors.invalid_field(self.pointer(name), "must be a boolean")
        return bool(value)

    def nested(self, name: str) -> "Body":
        """Read a hash, empty if absent; its own members must all be read too."""
        value = self._value(name)
        if not isinstance(value, dict | None):
            raise errors.invalid_field(self.pointer(name), "must be an object")
        inner = Body(value or {}, self.pointer(name))
        self._nested.append(inner)
        return inner

    def metadata(self) -> dict[str, str]:
        """Read ``metadata``: at most 3 keys of 50 characters, values of 500 (API reference, of each object)."""
        value = self._value("metadata")
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise errors.invalid_field(self.pointer("metadata"), "must be an object of strings")
        if len(value) > _METADATA_KEYS:
            raise errors.invalid_field(self.pointer("metadata"), f"has too many keys (maximum is {_METADATA_KEYS})")
        for key, item in value.items():
            if len(key) > _LONGEST_KEY or len(item) > _LONGEST_VALUE:
                raise errors.invalid_field(
                    self.pointer("metadata"),
                    f"keys have up to {_LONGEST_KEY} characters and values up to {_LONGEST_VALUE}",
                )
        return dict(value)

    def end(self) -> None:
        """Refuse the request if it has a member that was not read."""
        if unknown := sorted(self._values.keys() - self._known):
            raise errors.invalid_field(self.pointer(unknown[0]), "is not a known parameter")
        for inner in self._nested:
            inner.end()

    def _value(self, name: str) -> object:
        self._known.add(name)
        return self._values.get(name)


def read_body(content: bytes, content_type: str, envelope: str) -> Body:
    """Read a body whose one member is the envelope: ``{"payments": {…}}``. No body at all is an empty hash."""
    if not content:
        return Body({}, f"/{envelope}")
    if content_type.partition(";")[0].strip() != "application/json":
        raise errors.unsupported_media_type()
    try:
        document = json.loads(content)
    except ValueError as error:
        raise errors.bad_request("The body is not valid JSON") from error
    inner = {} if document is None else document.get(envelope) if isinstance(document, dict) else None
    if not isinstance(inner, dict):
        raise errors.invalid_usage(400, "invalid_document_structure", f"The body must be an object with {envelope!r}")
    return Body(inner, f"/{envelope}")


def mentioned(request: Request) -> list[str]:
    """Return every text in a request's address and body, unchecked: ids of objects are among them."""
    found = [value for _, value in parse_qsl(request.query)]
    try:
        unread: list[object] = [json.loads(request.body or b"{}")]
    except ValueError:
        return found
    while unread:
        value = unread.pop()
        if isinstance(value, dict):
            unread.extend(value.values())
        elif isinstance(value, str):
            found.append(value)
    return found
