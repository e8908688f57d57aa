"""When the reconciler and the collections run."""

from dataclasses import dataclass
from typing import Self

from stacks.config.reading import Json, check_fields, read_flag, read_integer


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
