"""The sandbox's own routes of Stripe: what cardholders and banks do, asked for over HTTP (docs/sandbox.md)."""

import json
import random
from collections.abc import Callable, Mapping

from sandbox.reading import Entry, PlanError
from sandbox.stripe import outside
from sandbox.stripe.account import Command, NothingSuchError, Settings
from sandbox.stripe.balance import Settlement
from sandbox.stripe.currencies import PRESENTMENT
from sandbox.stripe.dispute_cases import REASONS
from sandbox.stripe.fates import DEEDS, befall
from sandbox.stripe.payout_objects import FAILURE_CODES
from sandbox.stripe.payouts import fail, pay_out_now
from sandbox.stripe.refund_fates import FAILURE_REASONS, PENDING_REASONS, STATUSES
from sandbox.stripe.reversals import RefundStatus, Verdict
from sandbox.wire import Request

VERDICTS: Mapping[str, Verdict] = {"lost": "lost", "won": "won"}
_REFUND_STATUSES: Mapping[str, RefundStatus] = {status: status for status in STATUSES}
SETTINGS = "settings"
_ROOT = "/_sandbox/stripe/"


def _read_opening(entry: Entry, _reference: str) -> Command:
    return outside.open_dispute(
        entry.text("payment_intent") or entry.missing("payment_intent"),
        entry.choice("reason", REASONS) or "fraudulent",
        entry.whole("amount", 1),
        status=entry.text("status") or "needs_response",
        takes=_optional_flag(entry, "takes"),
    )


def _read_move(entry: Entry, reference: str) -> Command:
    status = entry.text("status") or entry.missing("status")
    returned = entry.whole("returned", 0)
    return outside.move_dispute(reference, status, takes=_optional_flag(entry, "takes"), returned=returned)


def _read_closing(entry: Entry, reference: str) -> Command:
    status = entry.choice("status", tuple(VERDICTS)) or entry.missing("status")
    return outside.close_dispute(reference, VERDICTS[status], entry.whole("returned", 0))


def _read_refund(entry: Entry, _reference: str) -> Command:
    intent, amount = entry.text("payment_intent") or entry.missing("payment_intent"), entry.whole("amount", 1)
    status = _REFUND_STATUSES[entry.choice("status", STATUSES) or "succeeded"]
    return outside.open_refund(intent, amount, status=status, reason=_read_reason(entry, status))


def _read_refund_move(entry: Entry, reference: str) -> Command:
    status = _REFUND_STATUSES[entry.choice("status", STATUSES) or entry.missing("status")]
    return outside.move_refund(reference, status, _read_reason(entry, status))


def _read_reason(entry: Entry, status: RefundStatus) -> str | None:
    return entry.choice("reason", PENDING_REASONS if status == "pending" else FAILURE_REASONS)


def _read_authentication(entry: Entry, reference: str) -> Command:
    return outside.authenticate(reference, succeeds=entry.flag("succeeds", default=True))


def _read_settlement(entry: Entry, reference: str) -> Command:
    return outside.settle(reference, succeeds=_optional_flag(entry, "succeeds"))


def _read_late_failure(_entry: Entry, reference: str) -> Command:
    return outside.fail_late(reference)


def _read_payouts(_entry: Entry, _reference: str) -> Command:
    return pay_out_now()


def _read_payout_failure(entry: Entry, reference: str) -> Command:
    return fail(reference, entry.choice("code", FAILURE_CODES) or "could_not_process")


def _read_setup_authentication(entry: Entry, reference: str) -> Command:
    return outside.authenticate_setup(reference, succeeds=entry.flag("succeeds", default=True))


def _read_days(_entry: Entry, _reference: str) -> Command:
    return outside.pass_days()


def _read_fate(entry: Entry, _reference: str) -> Command:
    draw = entry.whole("draw", 0)
    only = entry.choice("only", tuple(DEEDS)) or ""
    return befall(random.Random(draw), only=only)  # noqa: S311 - a simulation, no secret


def _optional_flag(entry: Entry, name: str) -> bool | None:
    given = entry.flag(name, default=True)
    return given if entry.has(name) else None


CONTROLS: Mapping[tuple[str, str], Callable[[Entry, str], Command]] = {
    ("disputes", ""): _read_opening,
    ("disputes", "move"): _read_move,
    ("disputes", "close"): _read_closing,
    ("refunds", ""): _read_refund,
    ("refunds", "move"): _read_refund_move,
    ("payment_intents", "authenticate"): _read_authentication,
    ("payment_intents", "settle"): _read_settlement,
    ("payment_intents", "fail_late"): _read_late_failure,
    ("setup_intents", "authenticate"): _read_setup_authentication,
    ("payouts", ""): _read_payouts,
    ("payouts", "fail"): _read_payout_failure,
    ("advance", ""): _read_days,
    ("befall", ""): _read_fate,
}
"""By the object's kind and what is done to it, as in ``payment_intents/{id}/settle``."""


def read(request: Request) -> Command | Settings:
    """Read what a request to ``/_sandbox/stripe/…`` wants to happen, or to be set.

    Raises
    ------
    NothingSuchError
        There is no such control.
    PlanError
        The body is wrong.
    """
    parts = request.path.removeprefix(_ROOT).split("/")
    kind, reference, deed = (*parts, "", "")[:3]
    reader = CONTROLS.get((kind, deed))
    is_setting = parts == [SETTINGS]
    known = is_setting or (reader is not None and len(parts) in (1, 3) and bool(reference) == bool(deed))
    if request.method != "POST" or not known:
        raise NothingSuchError(f"there is no control {request.method} {request.path}")
    try:
        document = json.loads(request.body or b"{}")
    except ValueError as error:
        raise PlanError(f"the body is not JSON: {error}") from error
    entry = Entry(document, "the body")
    wanted = reader(entry, reference) if reader is not None else _read_settings(entry)
    entry.end()
    return wanted


def _read_settings(entry: Entry) -> Settings:
    currency, confirms = entry.choice("settlement_currency", sorted(PRESENTMENT)) or "", entry.whole("confirms", 1)
    rates = entry.table("rates")
    given = {name: str(rates.number(name, 1e-9, 1e9, None)) for name in sorted(PRESENTMENT) if rates.has(name)}
    rates.end()
    return Settings(Settlement(currency, given), confirms)
