"""The company's policies, read from the settings into the domain's own classes, which the functions use as well."""

from collections.abc import Mapping
from dataclasses import fields

from monthclose.domain.collections.dunning import AfterLast, DunningPolicy
from monthclose.domain.collections.hold import HoldPolicy
from monthclose.domain.imports.drop_settings import DropSettings
from monthclose.domain.invoices.invoicing import InvoicingPolicy
from monthclose.domain.notices.sending import MailSettings
from monthclose.domain.payments.hand_limits import HandLimits, Role
from monthclose.domain.rehearsals.gate import GateSettings, Required
from monthclose.domain.rehearsals.settings import OFF, GateRules
from stacks.config.reading import (
    ConfigError,
    Json,
    check_fields,
    check_known,
    read_by_currency,
    read_choice,
    read_days,
    read_flag,
    read_integer,
    read_number,
    read_optional_number,
    read_share,
)
from stacks.config.target import Target


def read_hold_policy(values: Json) -> HoldPolicy:
    """Read `hold_policy`."""
    path = "hold_policy"
    check_fields(values, path, HoldPolicy)
    return HoldPolicy(
        grace_days=read_integer(values, path, "grace_days", least=0, most=365),
        threshold_minor=read_by_currency(values, path, "threshold_minor"),
        lift_manual=read_flag(values, path, "lift_manual", default=False),
        tell_placed=read_flag(values, path, "tell_placed", default=True),
        tell_lifted=read_flag(values, path, "tell_lifted", default=True),
    )


def read_invoicing(values: Json) -> InvoicingPolicy:
    """Read `invoicing`."""
    path = "invoicing"
    check_fields(values, path, InvoicingPolicy)
    return InvoicingPolicy(
        minimum_minor=read_by_currency(values, path, "minimum_minor"),
        zero_invoices=read_flag(values, path, "zero_invoices", default=False),
    )


def read_hand_limits(values: Json) -> Mapping[Role, HandLimits]:
    """Read `hand_limits`: what each role may refund and write off of an invoice, by currency."""
    path = "hand_limits"
    check_known(values, path, *Role)
    return {role: HandLimits(role, read_by_currency({role: {}, **values}, path, role, default=None)) for role in Role}


def read_dunning(values: Json) -> DunningPolicy:
    """Read `dunning`."""
    path = "dunning"
    check_known(values, path, *DunningPolicy().settings())
    last = read_integer(values, path, "last_reminder_day", least=1, most=365)
    return DunningPolicy(
        retry_days=read_days(values, path, "retry_days", before=last),
        reminder_days=read_days(values, path, "reminder_days", before=last),
        last_reminder_day=last,
        final_days=read_integer(values, path, "final_days", least=0, most=365),
        after_last=read_choice(values, path, "after_last", AfterLast),
        retry_reversed=read_flag(values, path, "retry_reversed", default=False),
    )


def read_gates(values: Json) -> GateSettings:
    """Read `gates`: whether closes need an approval, and the rules; one that is left out is off."""
    path = "gates"
    check_known(values, path, "approval", *(field.name for field in fields(GateRules)))
    required = read_choice({"approval": Required.OFF, **values}, path, "approval", Required)
    return GateSettings(required, _read_rules(values, path))


def gates_settings(gates: GateSettings) -> dict[str, object]:
    """Write the value of `MONTHCLOSE_GATES`, which the functions read; what is off is left out."""
    approval = {"approval": gates.required.value} if gates.required is not Required.OFF else {}
    return {**approval, **gates.rules.values()}


def _read_rules(values: Json, path: str) -> GateRules:
    values = {"everybody_customers": OFF.everybody_customers, "vanished_customers": 0, **values}
    amounts = {
        name: read_by_currency({name: {}, **values}, path, name, default=None)
        for name in ("invoice_minor", "customer_floor_minor", "differ_minor")
    }
    times = read_optional_number(values, path, "customer_times")
    if times is not None and times < 1:
        raise ConfigError(f"{path}.customer_times: {times!r} times the usual invoice is less than it; 1 or more")
    if amounts["customer_floor_minor"] and times is None:
        raise ConfigError(f"{path}.customer_floor_minor: has no effect without {path}.customer_times")
    return GateRules(
        total_percent=read_optional_number(values, path, "total_percent"),
        customer_times=times,
        vanished_customers=read_integer(values, path, "vanished_customers", least=0),
        unused_entries=read_flag(values, path, "unused_entries", default=False),
        everybody_percent=_percent(values, path, "everybody_percent"),
        everybody_customers=read_integer(values, path, "everybody_customers", least=1),
        parked_percent=_percent(values, path, "parked_percent"),
        gone_percent=_percent(values, path, "gone_percent"),
        new_percent=read_optional_number(values, path, "new_percent"),
        differ_percent=read_optional_number(values, path, "differ_percent"),
        **amounts,
    )


def _percent(values: Json, path: str, name: str) -> float | None:
    """Read a share of a whole, of which more than all is a mistake; None if it is left out."""
    number = read_optional_number(values, path, name)
    if number is not None and number > 100:
        raise ConfigError(f"{path}.{name}: {number!r} is out of bounds (0 to 100)")
    return number


def read_mail(values: Json) -> MailSettings:
    """Read `mail`; without it, all of the account's quota may be used."""
    path = "mail"
    check_fields(values, path, MailSettings)
    rate = read_number(values, path, "emails_per_second") if "emails_per_second" in values else None
    return MailSettings(rate, read_share({"share_left": 0, **values}, path, "share_left"))


def read_usage_drop(values: Json, *, target: Target) -> DropSettings:
    """Read `usage_drop`."""
    path = "usage_drop"
    check_fields(values, path, DropSettings)
    # A wait is nine events of an execution's history, which AWS ends at 25,000: at 30 s, after a day of waiting.
    least_wait = 30 if target is Target.AWS else 1
    return DropSettings(
        # A part is in memory while it is loaded, and a file of one part is read into memory whole.
        part_kb=read_integer(values, path, "part_kb", least=1, most=16_384),
        lanes=read_integer(values, path, "lanes", least=1, most=40),
        wait_seconds=read_integer(values, path, "wait_seconds", least=least_wait, most=3600),
        rows_per_second_while_closing=read_integer(
            {"rows_per_second_while_closing": DropSettings().rows_per_second_while_closing, **values},
            path,
            "rows_per_second_while_closing",
            least=0,
        ),
    )
