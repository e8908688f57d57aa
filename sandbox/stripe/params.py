"""Reads Stripe's form-encoded parameters: a request reads what it expects, and unread parameters are refused."""

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl

from sandbox.stripe import errors

type Form = dict[str, "str | Form"]

_FLAGS = {"true": True, "false": False}


def decode(encoded: str) -> Form:
    """Decode ``a=1&b[c]=2&d[]=3&e[0]=4`` into nested dictionaries; lists have their positions as keys."""
    form: Form = {}
    for name, value in parse_qsl(encoded, keep_blank_values=True):
        first, *rest = re.findall(r"[^\[\]]+|(?<=\[)(?=\])", name) or [name]
        node, key = form, first
        for part in rest:
            child = node.get(key)
            if not isinstance(child, dict):
                child = node[key] = {}
            node, key = child, part or str(len(child))
        node[key] = value
    return form


class Params:
    """The parameters of one request. Reading one marks it as known; :meth:`end` refuses those not read.

    Each reader returns None for an absent parameter and raises :class:`~sandbox.stripe.errors.StripeError` (400) for a
    malformed one.
    """

    def __init__(self, form: Form, prefix: str = "") -> None:
        self._form = form
        self._prefix = prefix
        self._known: set[str] = set()
        self._nested: list[Params] = []

    def text(self, name: str) -> str | None:
        """Read a string, which may not be empty."""
        value = self._value(name)
        if value == "":
            raise errors.empty_parameter(self.label(name))
        return value

    def integer(self, name: str) -> int | None:
        """Read an integer."""
        value = self.text(name)
        if value is None:
            return None
        if not re.fullmatch(r"-?[0-9]{1,18}", value):
            raise errors.invalid_integer(self.label(name), f"Invalid integer: {value}")
        return int(value)

    def flag(self, name: str, **others: bool) -> bool:
        """Read ``true`` or ``false`` (the default), or a word that means one of them."""
        value = self.text(name) or "false"
        words = {**_FLAGS, **others}
        if value not in words:
            raise errors.invalid_parameter(self.label(name), f"Invalid boolean: {value}")
        return words[value]

    def choice(self, name: str, *allowed: str) -> str | None:
        """Read one of a few words."""
        value = self.text(name)
        if value is not None and value not in allowed:
            message = f"Invalid {self.label(name)}: must be one of {', '.join(allowed)}"
            raise errors.invalid_parameter(self.label(name), message)
        return value

    def values(self, name: str) -> list[str] | None:
        """Read a list of strings."""
        self._known.add(name)
        value = self._form.get(name)
        if isinstance(value, str):
            raise errors.invalid_parameter(self.label(name), "Invalid array")
        return None if value is None else [item for item in value.values() if isinstance(item, str)]

    def nested(self, name: str) -> "Params | None":
        """Read a hash; its own members must all be read too."""
        self._known.add(name)
        value = self._form.get(name)
        if isinstance(value, str):
            raise errors.invalid_parameter(self.label(name), "Invalid hash")
        if value is None:
            return None
        inner = Params(value, self.label(name))
        self._nested.append(inner)
        return inner

    def hashes(self, name: str) -> "list[Params]":
        """Read a list of hashes; their own members must all be read too."""
        self._known.add(name)
        value = self._form.get(name)
        if isinstance(value, str):
            raise errors.invalid_parameter(self.label(name), "Invalid array")
        listed = Params(value or {}, self.label(name))
        self._nested.append(listed)
        return [inner for place in (value or {}) if (inner := listed.nested(place)) is not None]

    def label(self, name: str) -> str:
        """Return how Stripe's errors call a parameter, as in ``line_items[0][quantity]``."""
        return f"{self._prefix}[{name}]" if self._prefix else name

    def has_text(self, name: str) -> bool:
        """Tell whether a parameter that may be a string or a hash is a string."""
        return isinstance(self._form.get(name), str)

    def metadata(self) -> dict[str, str] | None:
        """Read ``metadata``: 50 keys of 40 characters, values of 500; an empty value unsets (Stripe docs, "Metadata").

        An empty string in place of the hash unsets all keys: it is returned as the empty dictionary.
        """
        self._known.add("metadata")
        value = self._form.get("metadata")
        if value is None:
            return None
        entries = {} if value == "" else value
        if isinstance(entries, str):
            raise errors.invalid_parameter("metadata", "Invalid hash")
        if len(entries) > 50:
            raise errors.invalid_parameter("metadata", "Metadata can have up to 50 keys.")
        return dict(_checked(entries))

    def end(self) -> None:
        """Refuse the request if it has a parameter that was not read (error code ``parameter_unknown``)."""
        unknown = [*self._unknown()]
        if unknown:
            raise errors.unknown_parameters(unknown)

    def _unknown(self) -> Iterator[str]:
        yield from (self.label(name) for name in self._form if name not in self._known)
        for inner in self._nested:
            yield from inner._unknown()

    def _value(self, name: str) -> str | None:
        self._known.add(name)
        value = self._form.get(name)
        if isinstance(value, dict):
            raise errors.invalid_parameter(self.label(name), "Invalid string")
        return value


def _checked(entries: Form) -> Iterator[tuple[str, str]]:
    for key, value in entries.items():
        if not isinstance(value, str):
            raise errors.invalid_parameter(f"metadata[{key}]", "Metadata values must be strings.")
        if len(key) > 40:
            raise errors.invalid_parameter("metadata", f"Metadata keys can be up to 40 characters long: {key}")
        if len(value) > 500:
            raise errors.invalid_parameter(f"metadata[{key}]", "Metadata values can be up to 500 characters long.")
        yield key, value
