"""Reads settings one by one and checks them.

Each function raises `ConfigError` if a setting cannot be used. `path` leads to the object that holds the setting.
"""

import re
from collections.abc import Mapping
from dataclasses import fields
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

type Json = Mapping[str, object]

_LARGEST_SHARE = 0.95


class ConfigError(ValueError):
    """A setting is missing, unknown or out of bounds. The message says which one and what is allowed."""


def check_fields(values: Json, path: str, kind: "type[DataclassInstance]") -> None:
    """Check that every setting is a field of a class."""
    check_known(values, path, *(field.name for field in fields(kind)))


def check_known(values: Json, path: str, *names: str) -> None:
    """Check that every setting has one of these names."""
    for name in values:
        if name not in names:
            raise ConfigError(f"{_at(path, name)}: unknown; known here: {', '.join(sorted(names))}")


def _at(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _required(values: Json, path: str, name: str) -> object:
    if values.get(name) is None:
        raise ConfigError(f"{_at(path, name)}: missing")
    return values[name]


def read_object(values: Json, path: str, name: str) -> Json:
    """Read a JSON object."""
    value = _required(values, path, name)
    if not isinstance(value, Mapping):
        raise ConfigError(f"{_at(path, name)}: a JSON object is needed, not {value!r}")
    return value


def read_text(values: Json, path: str, name: str, *, default: str | None = None) -> str:
    """Read a text. Without a default it must not be empty."""
    value = _required(values, path, name) if default is None else values.get(name) or default
    if not isinstance(value, str) or (not value.strip() and value != default):
        raise ConfigError(f"{_at(path, name)}: a text is needed, not {value!r}")
    return value


def read_by_currency(values: Json, path: str, name: str, *, default: bool | None = True) -> Mapping[str, int]:
    """Read amounts by currency, in minor units.

    Parameters
    ----------
    default : bool or None
        Whether there is an amount for every other currency, under `default`; None: there may be one.
    """
    amounts, here = read_object(values, path, name), _at(path, name)
    if default is False and "default" in amounts:
        raise ConfigError(f"{here}: name each currency; there is no `default`")
    if default and "default" not in amounts:
        raise ConfigError(f"{here}: `default` is missing (it applies to every other currency)")
    for currency in amounts:
        if not re.fullmatch(r"default|[A-Z]{3}", currency):
            raise ConfigError(f"{here}: {currency!r} is neither `default` nor a currency's code")
    return {currency: read_integer(amounts, here, currency, least=0) for currency in amounts}


def read_choice[T: StrEnum](values: Json, path: str, name: str, kind: type[T]) -> T:
    """Read one of the words of an enumeration."""
    value = read_text(values, path, name)
    if value not in list(kind):
        raise ConfigError(f"{_at(path, name)}: {value!r} is not one of {', '.join(kind)}")
    return kind(value)


def read_flag(values: Json, path: str, name: str, *, default: bool) -> bool:
    """Read true or false."""
    value = values.get(name, default)
    if not isinstance(value, bool):
        raise ConfigError(f"{_at(path, name)}: true or false is needed, not {value!r}")
    return value


def read_number(values: Json, path: str, name: str) -> float:
    """Read a number above 0."""
    value = _required(values, path, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
        raise ConfigError(f"{_at(path, name)}: a number above 0 is needed, not {value!r}")
    return value


def read_optional_number(values: Json, path: str, name: str) -> float | None:
    """Read a number of 0 or more; None if it is left out."""
    value = values.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
        raise ConfigError(f"{_at(path, name)}: a number of 0 or more is needed, not {value!r}")
    return value


def read_share(values: Json, path: str, name: str) -> float:
    """Read a share of a whole: 0 to 0.95."""
    value = _required(values, path, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LARGEST_SHARE:
        raise ConfigError(f"{_at(path, name)}: a share of 0 to {_LARGEST_SHARE} is needed, not {value!r}")
    return value


def read_integer(values: Json, path: str, name: str, *, least: int, most: int | None = None) -> int:
    """Read a whole number within bounds, both included."""
    value = _required(values, path, name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ConfigError(f"{_at(path, name)}: a whole number is needed, not {value!r}")
    if value < least or (most is not None and value > most):
        bounds = f"{least} or more" if most is None else f"{least} to {most}"
        raise ConfigError(f"{_at(path, name)}: {value!r} is out of bounds ({bounds})")
    return int(value)


def read_days(values: Json, path: str, name: str, *, before: int) -> tuple[int, ...]:
    """Read a list of days, each later than the one before it, and all before the day `before`."""
    days = _required(values, path, name)
    listed = days if isinstance(days, list) else [None]
    whole = all(isinstance(day, int) and not isinstance(day, bool) and 0 < day < before for day in listed)
    if not whole or listed != sorted(set(listed)):
        raise ConfigError(
            f"{_at(path, name)}: a list of days is needed, each later than the last, from 1 to before the last "
            f"reminder's ({before}), not {days!r}"
        )
    return tuple(listed)
