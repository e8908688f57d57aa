"""What a person typed: a mistake is told in one line, with the option's name, what was typed, and what is wanted."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monthclose.domain.money import Money
from monthclose.domain.period import Period
from monthclose.errors import UserMistakeError

_EXAMPLE = re.compile(r"(?:\blike|\[default:) (\d+(?:\.\d+)?)\b")
"""Where the help of an option gives an example."""
_ANY_NUMBER = 10


@contextmanager
def naming(option: str) -> Iterator[None]:
    """Put an option's name, if it has one, before what is wrong with its value, which is quoted there."""
    try:
        yield
    except UserMistakeError as error:
        raise UserMistakeError(f"{option}: {error}" if option else str(error)) from None


def amount_in(currency: str, text: str, option: str = "--amount") -> Money:
    """Read an amount above zero.

    Raises
    ------
    UserMistakeError
        It cannot be read, is not more than zero, or has too many decimals.
    """
    with naming(option):
        amount = Money.parse(text, currency)
        if amount.minor <= 0:
            raise UserMistakeError(f"{text} is not more than zero; write an amount like 12.50")
        return amount


def period_in(text: str, option: str = "") -> Period:
    """Read a period.

    Raises
    ------
    UserMistakeError
        It cannot be read.
    """
    with naming(option):
        return Period.parse(text)


def mistyped(param: Any, typed: str, ctx: Any) -> UserMistakeError:
    """Say what an option wants that could not be read, or what an environment variable wants that stands for it."""
    return UserMistakeError(f"{_name(param, ctx)} {typed}: write {_wanted(param)}")


def _name(param: Any, ctx: Any) -> str:
    if "ENVIRONMENT" in str(ctx.get_parameter_source(param.name)):
        return str(param.envvar)
    return str(param.opts[-1] if param.param_type_name == "option" else param.metavar or param.name).strip("[]")


def _wanted(param: Any) -> str:
    kind, said = param.type_descriptor, param.type_descriptor.parameter_info
    if kind.choices:
        *first, last = (str(getattr(choice, "value", choice)) for choice in kind.choices)
        return f"{', '.join(first)} or {last}"
    if kind.annotation not in (int, float):
        return "the name of a file or folder"
    number = "a whole number" if kind.annotation is int else "a number"
    return f"{number}{_bounds(said.min, said.max)}, like {_example(param, said)}"


def _bounds(lowest: float | None, highest: float | None) -> str:
    if lowest is not None and highest is not None:
        return f" from {lowest} to {highest}"
    return f" of at least {lowest}" if lowest is not None else ""


def _example(param: Any, said: Any) -> str:
    found = _EXAMPLE.search(said.help or "")
    return found[1] if found else str(param.default or _ANY_NUMBER)
