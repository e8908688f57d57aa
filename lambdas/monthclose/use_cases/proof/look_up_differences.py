"""Look a difference up once more before it is a finding: lists are read one after the other, and payments change."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from monthclose.domain.closes.proof import Finding, ProviderCharge
from monthclose.domain.errors import MonthCloseError
from monthclose.domain.money import Money
from monthclose.domain.payments.payment import Payment, PaymentKey
from monthclose.domain.period import Period
from monthclose.errors import ProviderRefusedError
from monthclose.ports import Books
from monthclose.use_cases.payments.charge_payment import Charger


class LookedUp(NamedTuple):
    """A difference after it was looked up.

    Parameters
    ----------
    payment : Payment or None
        Our payment, as it is now.
    finding : Finding or None
        None if both sides agree after all.
    """

    payment: Payment | None
    finding: Finding | None = None
    booked: bool = False

    @property
    def agreed(self) -> bool:
        """Whether both sides agree after all."""
        return self.finding is None


@dataclass(frozen=True, slots=True)
class DifferenceResolver:
    """Looks differences with one provider up.

    Parameters
    ----------
    heals : bool
        Whether to book a provider's record of a payment that differs from ours: a refund, or an outcome that we missed.
    """

    books: Books
    period: Period
    charger: Callable[[], Charger]
    heals: bool

    def check(self, charge: ProviderCharge) -> LookedUp:
        """Compare a provider's charge with our payment."""
        key = PaymentKey.parse(charge.payment_id)
        payment = self._payment(key) if key and key.period == self.period else None
        customer_id, booked = key.customer_id if key else "", False
        if key and payment and payment.provider == charge.provider and not _same(payment, charge):
            payment, agreed, booked = self._look_up(key, payment)
            if payment and agreed and payment.provider_ref == charge.reference:
                return LookedUp(payment, booked=booked)
        named = f"{charge.provider} collected {charge.reference} for payment {charge.payment_id}"
        if payment is None or (payment.provider, payment.provider_ref) != (charge.provider, charge.reference):
            finding = Finding("provider_unknown", f"{named}, but we have no record of it", customer_id)
            return LookedUp(payment, finding, booked)
        if _same(payment, charge):
            return LookedUp(payment, booked=booked)
        theirs, ours = Money(charge.minor, charge.currency), Money(payment.net_minor, payment.currency)
        text = f"{named}: {theirs}, but our payment is {payment.state} with {ours}"
        return LookedUp(payment, Finding("provider_amount", text, customer_id), booked)

    def look_for(self, payment: Payment, *, asks: bool) -> LookedUp:
        """Look for one of our payments that the provider does not list.

        Parameters
        ----------
        asks : bool
            Whether to ask the provider: if thousands are missing, they are not looked up one by one.
        """
        key = PaymentKey(payment.customer_id, payment.period, payment.sequence)
        agreed = booked = False
        if asks:
            after, agreed, booked = self._look_up(key, payment)
            payment = after or payment
        if agreed:  # collected after their list was read, or not recorded there yet
            return LookedUp(payment, booked=booked)
        ours = Money(payment.net_minor, payment.currency)
        text = f"payment {payment.payment_id} is {payment.state} with {ours} ({payment.provider_ref})"
        finding = Finding("provider_missing", f"{text}, but {payment.provider} does not list it", payment.customer_id)
        return LookedUp(payment, finding, booked)

    def _look_up(self, key: PaymentKey, before: Payment) -> tuple[Payment | None, bool, bool]:
        """Book a provider's record of a differing payment, if `heals`, and compare its money once more.

        Returns
        -------
        tuple
            The payment now, whether both sides agree on it, and whether something was booked.
        """
        held: Money | None = None
        try:
            charger = self.charger()
            if self.heals:
                charger.look_up(key)
            held = charger.gateway.held(before.provider_ref)
        except ProviderRefusedError:
            raise
        except MonthCloseError:  # busy, or unknown for now: the difference stays
            held = None
        after = self._payment(key)
        agreed = after is not None and after.provider_ref == before.provider_ref and held == _net(after)
        return after, agreed, after is not None and after.version != before.version

    def _payment(self, key: PaymentKey) -> Payment | None:
        return self.books.month(key.customer_id, key.period).payment_of(key.sequence)


def _same(payment: Payment, charge: ProviderCharge) -> bool:
    return (payment.provider_ref, _net(payment)) == (charge.reference, Money(charge.minor, charge.currency))


def _net(payment: Payment) -> Money:
    return Money(payment.net_minor, payment.currency)
