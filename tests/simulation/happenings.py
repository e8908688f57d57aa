"""Everything that can happen to a payment after it was collected, at either provider."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.stripe.outside import move_dispute, move_refund, open_dispute, open_refund
from tests.simulation.proving import Proving
from tests.simulation.universe import TOTAL

type Happening = Callable[[Proving], object]


def disputed(amount: int = TOTAL, *moves: tuple[str, dict[str, Any]], status: str = "needs_response") -> Happening:
    def happen(it: Proving) -> None:
        dispute = it.act(open_dispute(it.reference, amount=amount, status=status))
        for to, how in moves:
            it.time_passes(days=1)
            it.act(move_dispute(dispute, to, **how))

    return happen


def refunded(amount: int, *moves: str, status: Any = "succeeded", reason: str | None = None) -> Happening:
    def happen(it: Proving) -> None:
        refund = it.act(open_refund(it.reference, amount, status=status, reason=reason))
        for to in moves:
            it.time_passes(days=1)
            it.act(move_refund(refund, to))  # type: ignore[arg-type]

    return happen


def one_after_the_other(*happenings: Happening) -> Happening:
    def happen(it: Proving) -> None:
        for happening in happenings:
            it.time_passes(hours=1)
            happening(it)

    return happen


def step(to: str, **how: Any) -> tuple[str, dict[str, Any]]:
    return to, how


APPEAL = (step("under_review"), step("appeal_needs_response"), step("appeal_under_review"))
AT_STRIPE: Mapping[str, Happening] = {
    "nothing": lambda _: None,
    "a part is disputed": disputed(2_000),
    "several parts are disputed": one_after_the_other(disputed(2_000), disputed(3_000), disputed(1_000)),
    "a dispute is won": disputed(TOTAL, step("won")),
    "a dispute over a part is won": disputed(2_000, step("won")),
    "a dispute is lost": disputed(TOTAL, step("lost")),
    "a dispute is partly won": disputed(TOTAL, step("lost", returned=4_000)),
    "two disputes, one partly won, one won": one_after_the_other(
        disputed(6_000, step("lost", returned=1_500)), disputed(3_000, step("won"))
    ),
    "an appeal that needs a response": disputed(TOTAL, *APPEAL[:2]),
    "an appeal under review": disputed(2_000, *APPEAL),
    "an appeal that is won": disputed(2_000, *APPEAL, step("won")),
    "a status that nobody knows": disputed(2_000, step("some_future_status", takes=True)),
    "an inquiry": disputed(2_000, status="warning_needs_response"),
    "an inquiry that is closed": disputed(2_000, step("warning_closed"), status="warning_needs_response"),
    "an inquiry that becomes a dispute": disputed(2_000, step("needs_response"), status="warning_under_review"),
    "a dispute that is prevented": disputed(2_000, step("prevented"), status="warning_needs_response"),
    "a dispute that is prevented by paying": disputed(
        2_000, step("prevented", takes=True), status="warning_needs_response"
    ),
    "a part is refunded": refunded(3_000),
    "all is refunded": refunded(TOTAL),
    "several refunds": one_after_the_other(refunded(3_000), refunded(2_000), refunded(1_000)),
    "a pending refund whose money has left": refunded(3_000, status="pending"),
    "a pending refund that waits for money": refunded(3_000, status="pending", reason="insufficient_funds"),
    "a refund that requires an action": refunded(3_000, status="requires_action"),
    "a pending refund that then requires an action": refunded(3_000, "requires_action", status="pending"),
    "a refund that waited and succeeds": refunded(3_000, "succeeded", status="pending", reason="insufficient_funds"),
    "a refund that succeeded and then failed": refunded(3_000, "failed"),
    "a pending refund that fails": refunded(3_000, "failed", status="pending"),
    "a refund that waited and fails": refunded(3_000, "failed", status="pending", reason="insufficient_funds"),
    "a refund that is canceled": refunded(3_000, "canceled", status="requires_action"),
    "one refund fails, another succeeds": one_after_the_other(refunded(3_000, "failed"), refunded(2_000)),
    "a refund and a dispute over the rest": one_after_the_other(refunded(3_000), disputed(7_000)),
    "a refund and a dispute over more than the rest": one_after_the_other(refunded(3_000), disputed(TOTAL)),
    "a refund and a dispute over more, won": one_after_the_other(refunded(3_000), disputed(TOTAL, step("won"))),
    "a pending refund that a dispute makes fail": one_after_the_other(
        refunded(3_000, status="pending"), disputed(TOTAL)
    ),
    "a dispute that is won and then a refund": one_after_the_other(disputed(2_000, step("won")), refunded(3_000)),
    "a refund during an inquiry": one_after_the_other(
        disputed(2_000, status="warning_needs_response"), refunded(3_000)
    ),
}


def at_gocardless(act: str, *args: Any) -> Happening:
    return lambda it: getattr(it.sandbox.outside, act)(it.reference, *args)


def refund_of(amount: int, *moves: str) -> Happening:
    def happen(it: Proving) -> None:
        it.sandbox.outside.refund(it.reference, amount)
        returned(*moves)(it)

    return happen


def returned(*moves: str) -> Happening:
    """What becomes of the latest refund."""

    def happen(it: Proving) -> None:
        [refund, *_] = it.refunds()
        for to in moves:
            it.time_passes(days=1)
            it.sandbox.outside.advance_refund(refund, to)

    return happen


def paid_out(it: Proving) -> None:
    it.sandbox.outside.pay_out()


CHARGE_BACK, CANCELLED = at_gocardless("charge_back"), at_gocardless("cancel_charge_back")
LATE_FAILURE = at_gocardless("fail_late")
AT_GOCARDLESS: Mapping[str, Happening] = {
    "nothing": lambda _: None,
    "it is paid out": paid_out,
    "a part is refunded": refund_of(3_000),
    "all is refunded": refund_of(TOTAL),
    "several refunds": one_after_the_other(refund_of(3_000), refund_of(2_000, "paid")),
    "a refund that is paid": refund_of(3_000, "paid"),
    "a refund that bounces": refund_of(3_000, "bounced"),
    "a refund that bounces after it was paid": refund_of(3_000, "paid", "bounced"),
    "a refund whose funds are returned": refund_of(3_000, "bounced", "funds_returned"),
    "a refund that is cancelled": refund_of(3_000, "cancelled"),
    "one refund is returned, another stands": one_after_the_other(
        refund_of(3_000, "bounced", "funds_returned"), refund_of(2_000)
    ),
    "a charge-back": CHARGE_BACK,
    "a charge-back that is cancelled": one_after_the_other(CHARGE_BACK, CANCELLED),
    "a late failure": LATE_FAILURE,
    "a charge-back after a refund": one_after_the_other(refund_of(3_000), CHARGE_BACK),
    "a charge-back that is cancelled, after a refund": one_after_the_other(refund_of(3_000), CHARGE_BACK, CANCELLED),
    "a late failure after a refund": one_after_the_other(refund_of(3_000), LATE_FAILURE),
    "a late failure, then a refund before it bounces": one_after_the_other(
        refund_of(3_000), LATE_FAILURE, returned("bounced")
    ),
    "a late failure, then a refund before it is returned": one_after_the_other(
        refund_of(3_000), LATE_FAILURE, returned("bounced", "funds_returned")
    ),
    "a charge-back, then a refund before it is returned": one_after_the_other(
        refund_of(3_000), CHARGE_BACK, returned("bounced", "funds_returned")
    ),
    "a charge-back after it was paid out": one_after_the_other(paid_out, CHARGE_BACK),
    "a charge-back that is cancelled, after it was paid out": one_after_the_other(paid_out, CHARGE_BACK, CANCELLED),
    "a late failure after it was paid out": one_after_the_other(paid_out, LATE_FAILURE),
    "a refund after it was paid out, returned": one_after_the_other(
        paid_out, refund_of(3_000, "bounced", "funds_returned")
    ),
}
