"""The real gateways on the providers' in-process twins, watched and disturbed by the harness."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from monthclose.adapters.gocardless_gateway import GoCardlessGateway
from monthclose.adapters.stripe_gateway import StripeGateway
from monthclose.ports import PaymentGateway
from sandbox.faults import Fault, When
from sandbox.front import inside
from sandbox.gocardless import GoCardlessSandbox
from sandbox.stripe import StripeSandbox
from sandbox.twin import StripeTwinClient, Twin, TwinCall, session
from sandbox.wire import Request
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

    def moved(self) -> list[int]:
        """What moved, in minor units, in order: charges above zero, the rest below."""

    def refund(self, reference: str, minor: int) -> bool:
        """Give money back, as somebody does on the provider's own pages; whether the provider did it."""

    def take_back(self, reference: str) -> bool:
        """Let the customer's bank take the money back; whether it did."""


_GOCARDLESS = {"Authorization": "Bearer sandbox_access_token", "GoCardless-Version": "2015-07-06"}


def _moved(movements: Any) -> list[int]:
    return [movement["amount"] for movement in movements]


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

    def moved(self) -> list[int]:
        return _moved(self.sandbox.movements())

    def refund(self, reference: str, minor: int) -> bool:
        form = urlencode({"payment_intent": reference, "amount": minor})
        headers = {"Authorization": "Bearer sk_test_sandbox"}
        return self.sandbox.handle(Request.to("POST", "/v1/refunds", headers, form)).status == 200

    def take_back(self, reference: str) -> bool:
        body = json.dumps({"payment_intent": reference})
        return self.sandbox.control(Request.to("POST", "/_sandbox/stripe/disputes", body=body)).status == 200


class GoCardlessTwin:
    """GoCardless."""

    def __init__(self, line: Line) -> None:
        self.sandbox = GoCardlessSandbox(clock=line.seconds, seed=1, around_execution=inside)
        twin = Twin(self.sandbox, sleep=line.sleep)
        gateway = GoCardlessGateway("sandbox_access_token", "https://gocardless.test/gocardless", session=session(twin))
        self.gateway: PaymentGateway = gateway
        self.methods = {"pays": "MD_OK", "refused": "MD_FAILS"}
        self.customer = "CU_known"
        line.watch(twin)

    def settle(self) -> None:
        self.sandbox.advance()

    def moved(self) -> list[int]:
        return _moved(self.sandbox.movements())

    def refund(self, reference: str, minor: int) -> bool:
        payment = self._paid(reference)
        if payment is None or minor > payment["amount"] - payment["amount_refunded"]:
            return False
        body = {"amount": minor, "links": {"payment": reference}, "total_amount_confirmation": None}
        body["total_amount_confirmation"] = minor + payment["amount_refunded"]
        headers = {**_GOCARDLESS, "Content-Type": "application/json"}
        request = Request.to("POST", "/gocardless/refunds", headers, json.dumps({"refunds": body}))
        return self.sandbox.handle(request).status == 201

    def take_back(self, reference: str) -> bool:
        if self._paid(reference) is None:
            return False
        self.sandbox.advance(reference, "charged_back")
        return True

    def _paid(self, reference: str) -> Any:
        answer = self.sandbox.handle(Request.to("GET", f"/gocardless/payments/{reference}", _GOCARDLESS))
        payment = answer.json()["payments"] if answer.status == 200 else {}
        return payment if payment.get("status") == "confirmed" else None


TWINS: dict[str, Callable[[Line], Provider]] = {"stripe": StripeTwin, "gocardless": GoCardlessTwin}
