"""Attributes of usage: what an event says beside its resource, so that prices can tell it apart."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.text import check_key
from monthclose.domain.usage import Attributes

FIELD, PREFIX = "attributes", "attributes."
"""A field of a usage file: all of them as a JSON object; and what the field of one begins with: `attributes.region`."""
MOST = 20
"""Most attributes of an event."""
_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")


_RULE = "begins with a letter, and has lower-case letters, digits and underscores, at most 64"
NAMES = f"an attribute's name {_RULE}"


def is_name(name: str) -> bool:
    """Whether an attribute can have a name."""
    return bool(_NAME.fullmatch(name))


def check_name(name: str) -> str:
    """Return a name if an attribute can have it.

    Raises
    ------
    UserMistakeError
        It can't.
    """
    if not is_name(name):
        raise UserMistakeError(f"{name!r} cannot be an attribute: {NAMES}")
    return name


def read_attributes(fields: Mapping[str, str]) -> Attributes:
    """Read the attributes of a row: those in fields of their own, and the object `attributes`. Empty ones are none.

    Raises
    ------
    UserMistakeError
        One cannot be an attribute or appears twice, or there are too many. The words are the same from row to row:
        rejected rows are counted by them, and a name in a row may be anything, a person's address too.
    """
    if not _are_among(tuple(fields)):
        return ()  # most usage has none, and this is done for every row
    found = {name.removeprefix(PREFIX): value for name, value in fields.items() if name.startswith(PREFIX)}
    for name, value in _object(fields.get(FIELD, "")).items():
        if found.get(name, value) != value:
            raise UserMistakeError("an attribute appears twice, with different values")
        found[name] = value
    if len(found) > MOST:
        raise UserMistakeError(f"there are more than {MOST} attributes")
    given = sorted((name, check_key(value, "an attribute's value")) for name, value in found.items() if value)
    if not all(is_name(name) for name, _ in given):
        raise UserMistakeError(f"an attribute's name is not possible: it {_RULE}")
    return tuple(given)


def parse_attributes(text: str | None) -> Attributes:
    """Read attributes as they are stored: a JSON object of texts, or nothing."""
    return tuple(sorted(json.loads(text).items())) if text else ()


@lru_cache(maxsize=1024)
def _are_among(names: tuple[str, ...]) -> bool:
    return any(name.startswith(FIELD) for name in names)


def _object(text: str) -> Mapping[str, str]:
    if not text:
        return {}
    try:
        values = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or any(isinstance(value, list | dict) for value in values.values()):
        raise UserMistakeError('attributes is not a JSON object of texts, like {"region": "eu"}')
    return {name: _text(value) for name, value in values.items() if value is not None}


def _text(value: str | bool) -> str:
    """Write what JSON says as text; numbers are as they are written there already."""
    return value.strip() if isinstance(value, str) else json.dumps(value)
