"""A customer who has paid, both sides of the proof, and the ledger inside the provider."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, totals_of
from monthclose.domain.closes.proof import Comparison
from monthclose.domain.money import exponent
from monthclose.domain.payments.payment import Payment, PaymentState
from sandbox.holdings import Holding, holdings
from sandbox.stripe.balance import Settlement
from tests.listing import collected
from tests.sandbox.gocardless_driving import Wire
from tests.simulation.providers import TWINS
from tests.simulation.universe import CUSTOMER, KEY, Universe
from tests.world import OCTOBER

OTHER_DECIMALS = {"JPY": 0, "ISK": 2, "UGX": 2, "MGA": 0}
"""Decimals that Stripe counts in where they are not ISO 4217's, or are worth a test: written down once more."""


@dataclass
class Proving:
    """A charged customer at one provider.

    Attributes
    ----------
    attentive : bool
        Whether we hear of each step of what happens, or only of its outcome.
    """

    universe: Universe
    attentive: bool = False

    @property
    def sandbox(self) -> Any:
        """The provider's inside: what banks and people do to it."""
        twin: Any = self.universe.twin
        return twin.sandbox

    @property
    def payment(self) -> Payment:
        """Our record of the payment."""
        [payment] = self.universe.payments
        return payment

    @property
    def reference(self) -> str:
        """The provider's id of the payment."""
        return self.payment.provider_ref

    def act(self, command: Any) -> str:
        """Let something happen at Stripe, and return the id of what it happened to."""
        return str(self.sandbox.act(command)["id"])

    def refunds(self) -> list[str]:
        """GoCardless' refunds of the payment, latest first."""
        listed = Wire(self.sandbox).get(f"refunds?payment={self.reference}").json()["refunds"]
        return [refund["id"] for refund in listed]

    def pay_all_out(self) -> None:
        """Let GoCardless pay out, with enough of others' money in it for all deductions that are due."""
        other = Wire(self.sandbox).create_payment("MD_OK_other", amount=90_000, currency="USD")
        self.sandbox.advance(other, "confirmed")
        self.sandbox.outside.pay_out()

    def paid_out_minor(self) -> int:
        """What GoCardless' payouts have of the payment, less what they deducted for it, before fees."""
        wire = Wire(self.sandbox)
        payouts = [payout["id"] for payout in wire.get("payouts").json()["payouts"]]
        items = [
            item for payout in payouts for item in wire.get(f"payout_items?payout={payout}").json()["payout_items"]
        ]
        mine = [item for item in items if item["links"]["payment"] == self.reference and "fee" not in item["type"]]
        return int(sum(Decimal(item["amount"]) for item in mine))

    def hear(self) -> None:
        """Book what the provider says, as a webhook or the reconciler has it done."""
        self.universe.charger.look_up(KEY)

    def time_passes(self, **time: float) -> None:
        """Let some time pass between two things that happen."""
        if self.attentive:
            self.hear()
        self.universe.clock.now += timedelta(**time)

    def compare(self, *, heals: bool = False) -> Comparison:
        """Compare the books of October as they are now with the provider's record."""
        close = Close(OCTOBER, CloseStatus.COMPLETED, "execution", 1, OCTOBER.end, OCTOBER.end, batches=1)
        universe = self.universe
        totals, unsettled = totals_of([universe.books.month(CUSTOMER, OCTOBER)])
        batch = Batch(0, universe.gateway.provider, (CUSTOMER,))
        universe.closes.put_progress(
            BatchProgress(OCTOBER, batch, Stage.CLOSED, 1, totals, unsettled, universe.clock())
        )
        comparer = universe.use_cases.comparer
        [comparison] = (comparer.healing() if heals else comparer).compare(close)
        return comparison

    @property
    def holding(self) -> Holding | None:
        """What the provider's own ledger of movements has of the payment."""
        return holdings(self.sandbox.movements()).get(self.reference)

    @property
    def net_minor(self) -> int:
        """What the provider holds by its own ledger, in minor units of ISO 4217."""
        if self.holding is None:
            return 0
        code = self.holding.currency.upper()
        decimals = OTHER_DECIMALS.get(code, exponent(code)) if self.holding.provider == "stripe" else exponent(code)
        return int(Decimal(self.holding.net).scaleb(exponent(code) - decimals))

    def recorded(self) -> tuple[int, int]:
        """What the record of the money says, asked about this payment and by its list, in minor units."""
        gateway = self.universe.gateway
        held = gateway.held(self.reference)
        listed = collected(gateway, OCTOBER, OCTOBER.end)
        return held.minor if held else 0, sum(charge.minor for charge in listed)


def charged(provider: str, method: str = "", currency: str = "USD", settlement: Settlement | None = None) -> Proving:
    """Charge a customer for October; a bank debit is under way then."""
    universe = Universe(lambda line: _with(TWINS[provider](line), method), currency=currency)
    proving = Proving(universe)
    if settlement:
        proving.sandbox.configure(settlement)
    universe.charger.charge(KEY)
    proving.time_passes(minutes=1)
    return proving


def paid(provider: str, method: str = "", currency: str = "USD", settlement: Settlement | None = None) -> Proving:
    """Charge a customer for October, whose money has come."""
    proving = charged(provider, method, currency, settlement)
    if provider == "gocardless":
        proving.sandbox.advance(to="confirmed")
    proving.hear()
    assert proving.payment.state is PaymentState.PAID
    proving.time_passes(days=1)
    return proving


def _with(twin: Any, method: str) -> Any:
    if method:
        twin.methods = {"pays": method}
    return twin
