"""What the company has decided: whom to hold, what to invoice, when to collect, remind and reconcile."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from stacks.config.reading import Json, check_known, read_by_currency, read_choice, read_days, read_flag, read_integer


@dataclass(frozen=True, kw_only=True)
class HoldPolicy:
    """When an account that does not pay is held: `threshold_minor` by currency, in minor units, and `default`.

    Attributes
    ----------
    lift_manual : bool
        Whether payment lifts a hold that a person placed, too.
    tell_placed, tell_lifted : bool
        Whether the customer gets an e-mail of its own for a hold that was placed or lifted.
    """

    grace_days: int
    threshold_minor: Mapping[str, int]
    lift_manual: bool
    tell_placed: bool
    tell_lifted: bool

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Check `hold_policy`."""
        path = "hold_policy"
        check_known(values, path, *cls.__dataclass_fields__)
        return cls(
            grace_days=read_integer(values, path, "grace_days", least=0, most=365),
            threshold_minor=read_by_currency(values, path, "threshold_minor"),
            lift_manual=read_flag(values, path, "lift_manual", default=False),
            tell_placed=read_flag(values, path, "tell_placed", default=True),
            tell_lifted=read_flag(values, path, "tell_lifted", default=True),
        )


@dataclass(frozen=True, kw_only=True)
class Invoicing:
    """Which amounts are invoiced.

    Attributes
    ----------
    minimum_minor : Mapping
        By currency and `default`, in minor units: a smaller amount is carried to the next month.
    zero_invoices : bool
        Whether a month with usage that comes to nothing has an invoice.
    """

    minimum_minor: Mapping[str, int]
    zero_invoices: bool

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Check `invoicing`."""
        path = "invoicing"
        check_known(values, path, *cls.__dataclass_fields__)
        return cls(
            minimum_minor=read_by_currency(values, path, "minimum_minor"),
            zero_invoices=read_flag(values, path, "zero_invoices", default=False),
        )


@dataclass(frozen=True, kw_only=True)
class Reconcile:
    """When payments are settled and the books compared."""

    enabled: bool
    every_minutes: int

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Check `reconcile`."""
        path = "reconcile"
        check_known(values, path, *cls.__dataclass_fields__)
        return cls(
            enabled=read_flag(values, path, "enabled", default=True),
            every_minutes=read_integer(values, path, "every_minutes", least=5, most=1440),
        )


class AfterLast(StrEnum):
    """What becomes of a customer who doesn't react to the last reminder either."""

    HOLD = "hold"
    LEAVE_OPEN = "leave_open"


@dataclass(frozen=True, kw_only=True)
class Dunning:
    """When a declined payment is tried again and its customer reminded, in days from the first refusal.

    Attributes
    ----------
    final_days : int
        Days after the last reminder until `after_last` comes.
    retry_reversed : bool
        Whether money that the customer's bank took back may be charged again by itself.
    """

    retry_days: tuple[int, ...]
    reminder_days: tuple[int, ...]
    last_reminder_day: int
    final_days: int
    after_last: AfterLast
    retry_reversed: bool

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Check `dunning`."""
        path = "dunning"
        check_known(values, path, *cls.__dataclass_fields__)
        last = read_integer(values, path, "last_reminder_day", least=1, most=365)
        return cls(
            retry_days=read_days(values, path, "retry_days", before=last),
            reminder_days=read_days(values, path, "reminder_days", before=last),
            last_reminder_day=last,
            final_days=read_integer(values, path, "final_days", least=0, most=365),
            after_last=read_choice(values, path, "after_last", AfterLast),
            retry_reversed=read_flag(values, path, "retry_reversed", default=False),
        )


@dataclass(frozen=True, kw_only=True)
class Collections:
    """When the collections start every day: `hour` in UTC. Disabled, they run only when somebody starts them."""

    enabled: bool
    hour: int

    @classmethod
    def parse(cls, values: Json) -> Self:
        """Check `collections`."""
        path = "collections"
        check_known(values, path, *cls.__dataclass_fields__)
        return cls(
            enabled=read_flag(values, path, "enabled", default=True),
            hour=read_integer(values, path, "hour", least=0, most=23),
        )
