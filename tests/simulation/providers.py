"""The real gateways on the providers' in-process twins, watched and disturbed by the harness."""

import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any, Protocol

from monthclose.adapters.gocardless.gateway import GoCardlessGateway
from monthclose.adapters.stripe.gateway import StripeGateway
from monthclose.ports import PaymentGateway
from sandbox.chaos.faults import Fault, When
from sandbox.chaos.front import inside
from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.errors import GoCardlessError
from sandbox.gocardless.published import UnpublishedError
from sandbox.gocardless.ways import IllegalAdvanceError
from sandbox.stripe import StripeSandbox
from sandbox.stripe.account import Account, NothingSuchError
from sandbox.stripe.fates import befall
from sandbox.stripe.outside import authenticate
from sandbox.twin import StripeTwinClient, Twin, TwinCall, session
from sandbox.wire import JSON
from tests.fakes import FakeClock

if TYPE_CHECKING:
    from tests.simulation.universe import Fuse


@dataclass
class Line:
    """The line to a provider: each call is a point before and a point after."""

    clock: FakeClock
    fuse: "Fuse | None" = None
    calls: int = 0
    twin: Twin | None = field(default=None, repr=False)

    def watch(self, twin: Twin) -> None:
        self.twin = twin
        twin.before, twin.after = self._before, self._after

    def arm(self, fault: Fault, when: When, call: int) -> None:
        """Let the charge's call of that number, from 0, meet a fault."""
        assert self.twin
        self.twin.arm(call + 1, fault, when)

    def seconds(self) -> float:
        return self.clock.now.timestamp()

    def sleep(self, seconds: float) -> None:
        self.clock.now += timedelta(seconds=seconds)

    def _before(self, call: TwinCall) -> None:
        self.calls += 1
        self._point(f"before {call.endpoint}")

    def _after(self, call: TwinCall) -> None:
        self._point(f"after {call.endpoint}")

    def _point(self, name: str) -> None:
        if self.fuse:
            self.fuse.point(name)


class Provider(Protocol):
    """A provider as the harness needs it."""

    gateway: PaymentGateway
    methods: dict[str, str]
    customer: str

    def settle(self) -> None:
        """Let the bank do what it does by itself."""

    def movements(self) -> Sequence[JSON]:
        """What moved, in order; what left us is negative."""

    def authenticate(self, *, succeeds: bool = True) -> None:
        """Let the customer authenticate, or fail to, whatever they were asked to."""

    def befall(self, draw: int) -> str:
        """Let something happen to money that was collected, and return what it was, or nothing.

        Refunds of parts that succeed, wait, fail or are cancelled; disputes over parts that are opened, won, lost, won
        in part and appealed; charge-backs that are cancelled; debits that fail late.
        """


_MOST_REFUNDED = 6_000
"""At once, in minor units."""


class StripeTwin:
    """Stripe."""

    methods: dict[str, str]

    def __init__(self, line: Line) -> None:
        self.sandbox = StripeSandbox(clock=line.seconds, seed=1, around_execution=inside)
        twin = Twin(self.sandbox, sleep=line.sleep)
        self.gateway: PaymentGateway = StripeGateway("sk_test_sandbox", "https://stripe.test", StripeTwinClient(twin))
        self.methods = {
            "pays": "pm_card_visa",
            "refused": "pm_card_chargeDeclinedInsufficientFunds",
            "asks": "pm_card_authenticationRequired",
        }
        self.customer = ""
        line.watch(twin)

    def settle(self) -> None:
        """Cards have nothing to wait for."""

    def movements(self) -> Sequence[JSON]:
        return self.sandbox.movements()

    def authenticate(self, *, succeeds: bool = True) -> None:
        def everything(account: Account) -> JSON:
            for intent in account.payment_intents.all():
                if intent.status == "requires_action":
                    authenticate(intent.id, succeeds=succeeds)(account)
            return {}

        with suppress(NothingSuchError):
            self.sandbox.act(everything)

    def befall(self, draw: int) -> str:
        return self.sandbox.act(befall(random.Random(draw)))["happened"] or ""


class GoCardlessTwin:
    """GoCardless."""

    def authenticate(self, *, succeeds: bool = True) -> None:
        """Nobody is asked to."""

    def __init__(self, line: Line) -> None:
        self.sandbox = GoCardlessSandbox(clock=line.seconds, seed=1, around_execution=inside)
        twin = Twin(self.sandbox, sleep=line.sleep)
        gateway = GoCardlessGateway("sandbox_access_token", "https://gocardless.test/gocardless", session=session(twin))
        self.gateway: PaymentGateway = gateway
        self.methods = {"pays": "MD_OK", "refused": "MD_FAILS"}
        self.refunds: list[str] = []
        self.customer = "CU_known"
        line.watch(twin)

    def settle(self) -> None:
        self.sandbox.advance()

    def movements(self) -> Sequence[JSON]:
        return self.sandbox.movements()

    def befall(self, draw: int) -> str:
        rng, outside = random.Random(draw), self.sandbox.outside
        payments = sorted({movement["payment"] for movement in self.movements()})
        deeds: list[tuple[str, Callable[[], Any]]] = []
        for payment in payments:
            deeds += [
                ("refund", partial(self._refund, payment, rng.randint(1, _MOST_REFUNDED))),
                ("charge-back", partial(outside.charge_back, payment)),
                ("charge-back cancelled", partial(outside.cancel_charge_back, payment)),
                ("late failure", partial(outside.fail_late, payment)),
            ]
        for refund, to in product(self.refunds, ("paid", "bounced", "funds_returned", "cancelled")):
            deeds.append((f"refund {to}", partial(outside.advance_refund, refund, to)))
        rng.shuffle(deeds)
        for name, deed in deeds:
            with suppress(IllegalAdvanceError, UnpublishedError, GoCardlessError):
                deed()
                return name
        return ""

    def _refund(self, payment: str, minor: int) -> None:
        self.refunds.append(self.sandbox.outside.refund(payment, minor)["id"])


TWINS: dict[str, Callable[[Line], Provider]] = {"stripe": StripeTwin, "gocardless": GoCardlessTwin}
