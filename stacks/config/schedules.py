"""When closes, the reconciler and the collections run."""

from dataclasses import dataclass
from typing import Self

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import read_billing_day
from stacks.config.reading import ConfigError, Json, check_fields, read_flag, read_integer


@dataclass(frozen=True, kw_only=True)
class Reconcile:
    """How often payments are settled and the books compared. If not `enabled`, only when somebody starts it."""

    enabled: bool
    every_minutes: int

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Read `reconcile`."""
        path = "reconcile"
        check_fields(values, path, cls)
        return cls(
            enabled=read_flag(values, path, "enabled", default=True),
            every_minutes=read_integer(values, path, "every_minutes", least=5, most=1440),
        )


@dataclass(frozen=True, kw_only=True)
class Collections:
    """At which hour (UTC) the collections start every day. If not `enabled`, only when somebody starts them."""

    enabled: bool
    hour: int

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Read `collections`."""
        path = "collections"
        check_fields(values, path, cls)
        return cls(
            enabled=read_flag(values, path, "enabled", default=True),
            hour=read_integer(values, path, "hour", least=0, most=23),
        )


def read_billing_days(values: Json, name: str) -> tuple[int, ...]:
    """Read the days of the month on which there is a close, in order: `[1, 15, "last"]`."""
    said = values.get(name)
    if not isinstance(said, list) or not all(isinstance(day, int | str) for day in said):
        raise ConfigError(f'{name}: a list of days is needed, like [1, 15, "last"], not {said!r}')
    try:
        days = sorted({read_billing_day(day) for day in said})
    except UserMistakeError as error:
        raise ConfigError(f"{name}: {error}") from None
    if days[:1] != [1]:
        raise ConfigError(f"{name}: 1 is missing: finance's pack of a calendar month is made by the close on the 1st")
    return tuple(days)
