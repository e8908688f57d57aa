"""`monthclose refund` and `write-off`: asked of a function, recorded in the audit trail, within a role's limits."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cli.connect import _lazily
from monthclose.domain.audit import sealed
from monthclose.domain.payments.hand_limits import GIVING_BACK
from monthclose.domain.payments.refund import RefundKind
from monthclose.errors import BrokeOffError, OutcomeUnknownError
from monthclose.handlers import refund_within_limits
from monthclose.use_cases.invoices.refund_payment import RefundWanted
from monthclose.use_cases.reconciliation import remote_desk
from monthclose.use_cases.reconciliation.recorded_desk import asked_for
from tests.unit.cli.driving import Command
from tests.unit.test_handlers import FakeContext
from tests.world import World


@pytest.fixture(autouse=True)
def _closed(world: World) -> None:
    """Acme has paid 100.00; the card of Beta was declined for 50.00."""
    world.use(world.add_customer("acme"), "100")
    world.use(world.add_customer("beta", method="declined"), "50")
    world.close()


def a_number(world: World, customer_id: str) -> str:
    invoice = world.month(customer_id).invoice
    assert invoice
    return invoice.number


def test_a_refund_says_what_was_done_and_is_in_the_audit_trail(monthclose: Command, world: World) -> None:
    said = monthclose("refund", a_number(world, "acme"), "30", "--reason", "outage", "--by", "kim")
    assert "30.00 USD of payment 2026-10/acme by stripe: refunded" in said.stdout
    assert "CN-00000001" in said.stderr
    asked, done = world.audit.told[-2:]
    assert (asked.what, asked.by, asked.why, asked.customer_id) == ("refund.requested", "kim", "outage", "acme")
    assert json.loads(asked.after) == {"of": a_number(world, "acme"), "amount": "30.00 USD", "kind": "service"}
    assert (done.what, json.loads(done.after)["credit_note"]) == ("act.done", "CN-00000001")


def test_a_refund_in_json_and_without_a_credit_note(monthclose: Command) -> None:
    asked = ("refund", "2026-10/acme", "--for", "goodwill", "--reason", "sorry", "--json")
    shown = json.loads(monthclose(*asked).stdout)
    assert (shown["state"], shown["amount_minor"], shown["credit_note"]) == ("done", 10_000, None)


def test_a_refund_whose_answer_was_lost_is_not_done_yet(monthclose: Command, world: World) -> None:
    world.gateway.failures["refund", "after"] = [OutcomeUnknownError("lost")]
    said = monthclose("refund", "2026-10/acme", "30", "--reason", "outage", exit_code=4)
    assert "Do not refund again" in said.stdout
    assert "refunded" in monthclose("refund", "2026-10/acme", "30", "--reason", "outage").stdout
    assert len(world.gateway.refunds) == 1


def test_a_write_off_says_what_is_open(monthclose: Command, world: World) -> None:
    number = a_number(world, "beta")
    said = monthclose("write-off", number, "20", "--reason", "small", "--by", "kim").stdout
    assert f"20.00 USD of {number} written off; 30.00 USD of it is open" in said
    assert "nothing new" in monthclose("write-off", number, "20", "--reason", "small").stdout
    shown = json.loads(monthclose("write-off", number, "--reason", "the rest", "--no-mail", "--json").stdout)
    assert (shown["amount_minor"], shown["open_minor"], shown["written_off_minor"]) == (3000, 0, 5000)
    assert {act.what for act in world.audit.told} >= {"write_off.requested", "act.done"}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["refund", "INV-00000009", "--reason", "x"], "there is no invoice"),
        (["refund", "2026-10/nobody", "--reason", "x"], "there is no payment"),
        (["refund", "2026-10/acme", "--reason", " "], "a reason is needed"),
        (["refund", "2026-10/acme", "12.505", "--reason", "x"], "12.505"),
        (["write-off", "INV-00000001", "--reason", "x"], "nothing of it is open"),
    ],
)
def test_a_mistake_gets_a_line(monthclose: Command, command: list[str], said: str) -> None:
    assert said in monthclose(*command, exit_code=2).stderr


@pytest.mark.parametrize("command", ["refund", "write-off"])
def test_the_limits_of_a_role_are_not_passed_on_ones_own_machine(
    monthclose: Command, world: World, command: str
) -> None:
    number = a_number(world, "acme" if command == "refund" else "beta")
    asked_before = len(world.audit.told)
    said = monthclose(command, number, "1", "--reason", "x", "--here", exit_code=2).stderr
    assert "--here would pass the limits" in said
    assert world.gateway.refunds == {}
    assert len(world.audit.told) == asked_before


def asked(world: World, **changed: Any) -> dict[str, Any]:
    """Have Kim ask for a refund in the audit trail, and return what the function is asked."""
    made = world.use_cases.acts.record(
        "refund.requested",
        by="kim",
        why="outage",
        after=asked_for("2026-10/acme", None, RefundKind.SERVICE),
        customer_id="acme",
        seal=sealed("secret"),
    )
    request = {"command": "refund", "by": "kim", "target": "2026-10/acme", "amount": None, "kind": "service"}
    return {**request, "reason": "outage", "act": made.name, "secret": "secret", **changed}


@pytest.mark.parametrize(
    "changed",
    [
        {"target": "2026-10/beta"},
        {"amount": {"minor": 1, "currency": "USD"}},
        {"kind": "goodwill"},
        {"reason": "other"},
        {"by": "lee"},
    ],
)
def test_the_function_gives_back_only_what_was_asked_for_in_the_audit_trail(
    world: World, changed: dict[str, Any]
) -> None:
    answer = remote_desk.serve(world.use_cases.money_desk(), asked(world, **changed), world.use_cases.acts)
    assert "the audit trail has no such request by you" in answer["message"]
    assert world.gateway.refunds == {}


def test_a_refund_that_was_asked_for_is_made_once(world: World) -> None:
    desk, request = world.use_cases.money_desk(), asked(world)
    assert remote_desk.serve(desk, request, world.use_cases.acts) == {"payment": "2026-10/acme", "number": 1}
    assert "begun before" in remote_desk.serve(desk, request, world.use_cases.acts)["message"]


def test_the_limited_function_gives_back_and_does_nothing_else(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refund_within_limits, "use_cases", lambda: world.use_cases)
    monkeypatch.setattr(refund_within_limits, "logger", world.log)
    context: Any = FakeContext()
    assert refund_within_limits.handler(asked(world), context)["number"] == 1
    answer = refund_within_limits.handler({"command": "pay", "customer_id": "beta", "limit": None}, context)
    assert "knows no command 'pay'" in answer["message"]


def test_after_a_lost_answer_the_command_says_where_to_look(world: World) -> None:
    def ask(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise BrokeOffError("the connection broke off\nrun the command again")

    desk = remote_desk.RemoteMoneyDesk(ask, world.books, "kim", "act", "secret")
    with pytest.raises(BrokeOffError, match="look before you ask again"):
        desk.refund(RefundWanted("2026-10/acme", None, RefundKind.SERVICE, "outage"))


def test_who_may_not_call_the_one_function_asks_the_one_with_limits() -> None:
    asked_of: list[str] = []

    class Deployment:
        def function(self, name: str) -> Any:
            def call(request: Mapping[str, Any]) -> Mapping[str, Any]:
                asked_of.append(name)
                if name == "all":
                    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "Invoke")
                return {"done": request["command"]}

            return call

    deployment: Any = Deployment()
    ask = _lazily(deployment, "all", "limited")
    assert [ask({"command": command})["done"] for command in sorted(GIVING_BACK)] == sorted(GIVING_BACK)
    assert asked_of == ["all", "limited"] * 2
    for command, limited in (("pay", "limited"), ("refund", None)):
        with pytest.raises(ClientError):
            _lazily(deployment, "all", limited)({"command": command})
