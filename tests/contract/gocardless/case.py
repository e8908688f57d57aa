"""GoCardless' gateway and the sandbox that it talks to over real HTTP, interfered with as a test says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from monthclose.adapters.gocardless.gateway import GoCardlessGateway
from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.money import Money
from monthclose.ports import Answer, ChargeOrder
from sandbox.chaos.faults import Fault, When
from sandbox.chaos.plan import Plan, Rule
from sandbox.desk import Desk
from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN
from sandbox.wire import Execution, Proceed, Response
from tests.sandbox.gocardless_driving import Wire
from tests.world import OCTOBER

if TYPE_CHECKING:
    from collections.abc import Callable


class Interference:
    """A layer that answers in the provider's place while it is switched on."""

    def __init__(self) -> None:
        self.answers: dict[str, Callable[[], Response]] = {}

    def __call__(self, execution: Execution, proceed: Proceed) -> Response:
        answer = self.answers.get(execution.endpoint)
        return answer() if answer else proceed()


@dataclass
class Case:
    """A gateway and what it talks to."""

    gateway: GoCardlessGateway
    sandbox: GoCardlessSandbox
    interference: Interference

    def money(self) -> list[tuple[str, int]]:
        return [(moved["metadata"]["payment"], moved["amount"]) for moved in self.sandbox.movements()]

    def requests(self) -> dict[str, int]:
        return {name: sum(table.values()) for name, table in self.sandbox.request_counts().items()}


def an_order(mandate: str = "MD_OK", payment_id: str = "2026-10/acme", **other: Any) -> ChargeOrder:
    fields: dict[str, Any] = {
        "payment_id": payment_id,
        "attempt": 1,
        "amount": Money(1234, "EUR"),
        "invoice_number": "INV-1",
        "period": OCTOBER,
        "customer_id": payment_id.partition("/")[2],
        "provider_customer_id": "CU_OK",
        "payment_method": mandate,
        "since": datetime.now(UTC),
    }
    return ChargeOrder(**(fields | other))


PATIENCE_SECONDS = 0.2


@dataclass
class Broken:
    """A sandbox that loses answers after the request took effect."""

    url: str
    sandbox: GoCardlessSandbox
    desk: Desk

    def gateway(self) -> GoCardlessGateway:
        return GoCardlessGateway(DEFAULT_ACCESS_TOKEN, self.url, timeout=(5, PATIENCE_SECONDS))

    def loses(self, how: Fault, endpoint: str = "*", count: int = 1) -> None:
        seconds = how.usual_seconds
        self.desk.begin(Plan(rules=(Rule(how, When.AFTER, endpoint=endpoint, count=count, seconds=seconds),)))


def outcome(answer: Answer) -> Any:
    return answer.outcome


def customer(method: str = "MD_OK_acme", known_as: str = "") -> Customer:
    profile = Profile("Acme", "a@acme.example", "EUR", "gocardless", method, imported_provider_customer_id=known_as)
    return Customer("acme", profile)


def refund(case: Case, reference: str, amount: int, total: int) -> None:
    document = {"amount": amount, "total_amount_confirmation": total, "links": {"payment": reference}}
    assert Wire(case.sandbox).post("refunds", {"refunds": document}).status == 201


def html(status: int) -> Response:
    return Response(status, b"<html>", {"Content-Type": "text/html"})


def error(status: int, kind: str, *entries: Any) -> Response:
    return Response.of(status, {"error": {"type": kind, "code": status, "message": "m", "errors": list(entries)}})
