"""Convert the domain's records to items and back. Key layout: a customer's items sort by period, then kind."""

import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from monthclose.adapters.dynamo import models as m
from monthclose.domain.accounts import cycles
from monthclose.domain.accounts.customer import SELDOM, Customer, Profile
from monthclose.domain.accounts.given_method import GivenMethod
from monthclose.domain.accounts.grant import Grant, GrantKind, Part, Parts, merged
from monthclose.domain.accounts.ledger import Account, Entry, Leg
from monthclose.domain.calendar import read_zones, zones_content
from monthclose.domain.invoices.credit_note import CreditNote
from monthclose.domain.invoices.invoice import DocumentPlace, Invoice
from monthclose.domain.month import (
    Carried,
    CustomerMonth,
    HoldAction,
    HoldChange,
    MonthRecord,
    Notice,
    NoticeState,
    Parking,
)
from monthclose.domain.payments.payment import Payment, PaymentState, Transition
from monthclose.domain.payments.refund import Refund, RefundKind, RefundState
from monthclose.domain.period import Period
from monthclose.ports import Record

Item = m.CustomerItem | m.BillingItem


def to_item(record: Record) -> Item:  # noqa: PLR0911 (one return a kind)
    """Make a record's item, with the version that it will have once written."""
    match record:
        case Customer():
            return _customer_item(record)
        case Entry():
            return m.EntryItem(
                *_keys(record, f"entry#{record.entry_id}"),
                period=str(record.period),
                entry_id=record.entry_id,
                currency=record.currency,
                time=record.time,
                legs=[[leg.account, leg.minor] for leg in record.legs],
                memo=record.memo,
                day=record.day.isoformat() if record.day else None,
                version=1,
            )
        case Invoice():
            return m.InvoiceItem(
                *_keys(record, f"superseded#{record.number}" if record.replaced_by else "invoice"),
                **_plain(record, "period", "issued_on", "document", "grants_used"),
                issued_on=record.issued_on.isoformat(),
                document=asdict(record.document),
                grants_used=_grants(record.grants_used),
            )
        case CreditNote():
            return m.CreditNoteItem(
                *_keys(record, f"credit_note#{record.number}"),
                **_plain(record, "period", "issued_on", "document"),
                issued_on=record.issued_on.isoformat(),
                document=asdict(record.document),
            )
        case Carried():
            return m.CarriedItem(
                *_keys(record, "carried"), **_plain(record, "period", "document"), document=asdict(record.document)
            )
        case Payment():
            history = [
                [step.time.isoformat(), step.before, step.after, step.why, step.request_id] for step in record.history
            ]
            kind = "payment" if record.sequence == 1 else f"payment#{record.sequence:04}"
            gathers = [str(period) for period in record.gathers] or None
            said: dict[str, Any] = {"waits_for": record.waits_for or None, "card_brand": record.card_brand or None}
            said["refunds"] = [_written(refund) for refund in record.refunds] or None
            plain = _plain(record, "period", "history", "gathers", *said) | said
            return m.PaymentItem(*_keys(record, kind), **plain, history=history, gathers=gathers)
        case Notice():
            kind = f"notice#{record.step}" if record.step else "notice"
            several = {"recipients": record.recipients or None, "returned": record.returned or None}
            plain = _plain(record, "period", "kind", *several) | several
            return m.NoticeItem(*_keys(record, kind), **plain, notice_kind=record.kind)
        case HoldChange():
            return m.HoldItem(*_keys(record, f"hold#{record.number:04}"), **_plain(record, "period"))
        case Parking():
            return m.ParkingItem(*_keys(record, "parking"), **_plain(record, "period"))


def _keys(record: Any, kind: str) -> tuple[str, str]:
    return record.customer_id, f"{record.period}#{kind}"


def _plain(record: Any, *special: str) -> dict[str, Any]:
    """Collect the fields that are stored unchanged; the version is the next one."""
    fields = {
        name: getattr(record, name)
        for name in record.__dataclass_fields__
        if name not in {"customer_id", "version", *special}
    }
    return {**fields, "period": str(record.period), "version": record.version + 1}


def _customer_item(customer: Customer) -> m.CustomerItem:
    fields = {name: getattr(customer, name) for name in customer.__dataclass_fields__ if name != "profile"}
    lease = lease_of(customer.customer_id) if customer.open_payment else None
    written = {"grants": _grants(customer.grants), "version": customer.version + 1, "lease": lease}
    given = {"given_method": _given(customer.given_method)}
    billed = {
        "cycles": cycles.content(customer.cycles) or None,
        "fees_ahead": customer.fees_ahead or None,
        "zones": zones_content(customer.zones) or None,
        "payers": customer.payers or None,
        "children": dict(customer.children) or None,
    }
    return m.CustomerItem(**fields | profile_values(customer.profile) | written | given | billed)


def profile_values(profile: Profile) -> dict[str, Any]:
    """Make a profile's attributes; None for those that are not stored."""
    seldom = {name: getattr(profile, name) or None for name in SELDOM}
    return asdict(profile) | seldom | {"billing_day": None if profile.billing_day == 1 else profile.billing_day}


def profile(item: m.CustomerItem) -> Profile:
    """Read a profile."""
    values = {name: getattr(item, name) for name in Profile.__dataclass_fields__}
    values |= {name: values[name] or "" for name in SELDOM}
    return Profile(**values | {"billing_day": int(item.billing_day or 1)})


def _given(method: GivenMethod | None) -> dict[str, Any] | None:
    return asdict(method) | {"given_at": method.given_at.isoformat()} if method else None


def _given_method(content: Mapping[str, Any] | None) -> GivenMethod | None:
    if not content:
        return None
    return GivenMethod(**{**content, "given_at": datetime.fromisoformat(content["given_at"])})


def _grants(parts: Parts) -> list[dict[str, Any]] | None:
    return [
        {
            **asdict(grant),
            "granted_at": grant.granted_at.isoformat(),
            "expires_at": grant.expires_at.isoformat() if grant.expires_at else None,
            "skus": list(grant.skus) or None,
            "left": minor,
        }
        for grant, minor in parts
    ] or None


def _parts(written: Iterable[Mapping[str, Any]] | None) -> Parts:
    """Read parts of grants, sorted in their order of use."""
    return merged(*(_part(one) for one in written or ()))


def _part(content: Mapping[str, Any]) -> Part:
    expires = content["expires_at"]
    grant = Grant(
        grant_id=content["grant_id"],
        kind=GrantKind(content["kind"]),
        minor=content["minor"],
        granted_at=datetime.fromisoformat(content["granted_at"]),
        expires_at=datetime.fromisoformat(expires) if expires else None,
        skus=tuple(content.get("skus") or ()),
    )
    return Part(grant, content["left"])


LEASE_SHARDS = 8
"""Partitions of the index of customers being charged: each takes 1,000 writes a second."""


def lease_of(customer_id: str) -> str:
    """Name the index's partition that a customer being charged is in."""
    return str(zlib.crc32(customer_id.encode()) % LEASE_SHARDS)


def payers_of(item: m.CustomerItem) -> tuple[tuple[str, str], ...]:
    """Read who has paid for a customer."""
    return tuple((since, payer) for since, payer in item.payers or ())


def customer(item: m.CustomerItem) -> Customer:
    """Read a customer."""
    account = {name: getattr(item, name) for name in Customer.__dataclass_fields__ if name != "profile"}
    read = {"grants": _parts(item.grants), "given_method": _given_method(item.given_method)}
    billed = {
        "cycles": cycles.read(item.cycles or []),
        "fees_ahead": item.fees_ahead or "",
        "zones": read_zones(item.zones or []),
        "payers": payers_of(item),
        "children": item.children or {},
    }
    return Customer(profile=profile(item), **account | read | billed)


def month(items: Iterable[m.BillingItem]) -> CustomerMonth:
    """Read a month from all its items."""
    return CustomerMonth.of(record for item in items if (record := _of_month(item)))


def _of_month(item: m.BillingItem) -> MonthRecord | None:  # noqa: PLR0911 (one return a kind)
    """Read a record of a month; None if it is of a kind that a later release writes."""
    match item:
        case m.InvoiceItem():
            return _invoice(item)
        case m.CreditNoteItem():
            return _credit_note(item)
        case m.CarriedItem():
            return Carried(**_common(item, "currency", "amount_minor", "time"), document=_place(item.document))
        case m.PaymentItem():
            return payment(item)
        case m.EntryItem():
            return _entry(item)
        case m.NoticeItem():
            return _notice(item)
        case m.HoldItem():
            return hold(item)
        case m.ParkingItem():
            return Parking(**_common(item, "reason", "detail", "time", "active"))
    return None


def _notice(item: m.NoticeItem) -> Notice:
    fields = _common(item, "time", "message_id", "step", "why", "bounces", "recipients", "returned")
    return Notice(**fields, kind=item.notice_kind, state=NoticeState(item.state))


def _common(item: m.BillingItem, *names: str) -> dict[str, Any]:
    fields = {name: getattr(item, name) for name in names}
    return {
        "customer_id": item.customer_id,
        "period": Period.parse(item.period),
        "version": item.version,
        **fields,
    }


def _invoice(item: m.InvoiceItem) -> Invoice:
    amounts = ("total_minor", "tax_minor", "collected_minor", "credited_minor", "written_off_minor")
    return Invoice(
        **_common(item, "number", "currency", *amounts, "replaces", "replaced_by", "being_replaced", "first_payment"),
        issued_on=date.fromisoformat(item.issued_on),
        document=_place(item.document),
        grants_used=_parts(item.grants_used),
    )


def _credit_note(item: m.CreditNoteItem) -> CreditNote:
    names = ("number", "corrects", "currency", "total_minor", "tax_minor", "reason", "correction")
    return CreditNote(
        **_common(item, *names),
        issued_on=date.fromisoformat(item.issued_on),
        document=_place(item.document),
    )


def _place(content: Any) -> DocumentPlace:
    return DocumentPlace(**content)


def hold(item: m.HoldItem) -> HoldChange:
    """Read a change of a hold."""
    return HoldChange(**_common(item, "reason", "time", "number", "by"), action=HoldAction(item.action))


def payment(item: m.PaymentItem) -> Payment:
    """Read a payment."""
    texts = ("provider", "currency", "payment_method", "provider_ref", "code", "advice")
    amounts = ("limit_minor", "amount_minor", "more_minor", "rest_minor", "gathered_minor")
    money_back = ("collected_minor", "refunded_minor", "reversed_minor", "lost_minor")
    history = tuple(
        Transition(datetime.fromisoformat(time), PaymentState(before), PaymentState(after), why, request_id)
        for time, before, after, why, request_id in item.history
    )
    gathers = tuple(Period.parse(period) for period in item.gathers or ())
    fields = _common(item, "sequence", "batch", "attempt", "continues", *texts, *amounts, *money_back)
    fields |= {"waits_for": item.waits_for or "", "card_brand": item.card_brand or ""}
    refunds = tuple(_refund(content) for content in item.refunds or ())
    return Payment(**fields, state=PaymentState(item.state), history=history, gathers=gathers, refunds=refunds)


def _written(refund: Refund) -> dict[str, Any]:
    return {**asdict(refund), "time": refund.time.isoformat()}


def _refund(content: Mapping[str, Any]) -> Refund:
    told = {"kind": RefundKind(content["kind"]), "state": RefundState(content["state"])}
    return Refund(**{**content, **told, "time": datetime.fromisoformat(content["time"])})


def _entry(item: m.EntryItem) -> Entry:
    return Entry(
        entry_id=item.entry_id,
        customer_id=item.customer_id,
        period=Period.parse(item.period),
        currency=item.currency,
        time=item.time,
        legs=tuple(Leg(Account(account), minor) for account, minor in item.legs),
        memo=item.memo,
        day=date.fromisoformat(item.day) if item.day else None,
    )
