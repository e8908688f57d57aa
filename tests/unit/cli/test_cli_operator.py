"""Commands that need a provider's key: a function does them, so that nobody's machine has to have it."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from cli.system import System
from monthclose.domain.audit import sealed
from monthclose.domain.money import Money
from monthclose.errors import BrokeOffError, ProviderRefusedError
from monthclose.handlers import act_for_operator
from monthclose.use_cases.reconciliation import remote_desk, settle_payments
from monthclose.use_cases.reconciliation.recorded_desk import most_to_pay
from tests.unit.cli.driving import Command, FakeMachine
from tests.unit.test_handlers import FakeContext
from tests.world import World


@pytest.fixture(autouse=True)
def _owing(world: World) -> None:
    owe(world)


def owe(world: World) -> None:
    """Have a customer whose card was declined for 100.00, and who has had a working card since."""
    world.use(world.add_customer("acme", method="declined"), "100")
    world.close()
    world.add_customer("acme", method="ok")


def asked_to_pay(world: World, secret: str = "secret", limit: Money | None = None) -> dict[str, Any]:
    """Have Kim ask for a payment in the audit trail, and return what the function is asked."""
    made = world.use_cases.acts.record(
        "payment.requested", by="kim", customer_id="acme", after=most_to_pay(limit), seal=sealed(secret)
    )
    return {"command": "pay", "by": "kim", "customer_id": "acme", "limit": None, "act": made.name, "secret": secret}


class Asked(Command):
    """The command, with a function whose requests and answers are seen, and no key for the command itself."""

    requests: list[Mapping[str, Any]]
    answer: Mapping[str, Any] | None = None

    @property
    def system(self) -> System:
        system = super().system
        by_function = system.ask
        assert by_function
        self.requests = []

        def ask(request: Mapping[str, Any]) -> Mapping[str, Any]:
            self.requests.append(request)
            return self.answer or by_function(request)

        return System(system.use_cases, system.state_machine, system.adapters, ask=ask)


@pytest.fixture
def asked(monthclose: Command) -> Asked:
    return Asked(monthclose.world, monthclose.machine)


def test_the_function_charges_and_the_command_asks_with_a_name(asked: Asked, world: World) -> None:
    said = asked("pay", "acme", "--amount", "12.50", "--by", "kim").stdout
    assert said.split() == ["2026-10", "12.50", "USD", "2026-10.2/acme", "paid"]
    [request] = asked.requests
    [asked_for, done] = asked.world.audit.acts
    assert request == {
        "command": "pay",
        "by": "kim",
        "customer_id": "acme",
        "limit": {"minor": 1250, "currency": "USD"},
        "act": asked_for.name,
        "secret": request["secret"],
    }
    assert request["secret"] not in asked_for.content
    assert (done.act.what, done.act.follows) == ("act.done", asked_for.name)
    assert "2026-10.2/acme of 12.50 USD: paid" in done.act.after


def test_after_a_lost_answer_nobody_is_told_to_charge_a_part_again(world: World) -> None:
    def ask(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise BrokeOffError("the connection broke off\nwhat is done stays done; run the command again")

    desk = remote_desk.RemoteMoneyDesk(ask, world.books, "kim", "act", "secret")
    with pytest.raises(BrokeOffError, match="run the command again"):
        desk.pay("acme", None)  # all that is open: a repetition finds what is done
    with pytest.raises(BrokeOffError, match=r"(?s)^the connection broke off\n.*`monthclose customer acme`") as error:
        desk.pay("acme", Money(1250, "USD"))
    assert "run the command again" not in str(error.value)


@pytest.mark.parametrize("command", [["pay", "acme"], ["pay", "acme", "--json"], ["reconcile", "--now"]])
def test_the_output_is_the_same_wherever_it_is_done(command: list[str], monthclose: Command) -> None:
    there = monthclose(*command)
    other = World()
    owe(other)
    here = Command(other, FakeMachine(other))(*command, "--here")
    assert (there.stdout, there.stderr) == (here.stdout, here.stderr)


def test_here_the_function_is_not_asked(asked: Asked) -> None:
    assert asked("pay", "acme", "--here").stdout.split()[-1] == "paid"
    asked("reconcile", "--here")
    assert asked.requests == []


def test_an_error_of_the_function_is_the_commands_error(asked: Asked, world: World) -> None:
    assert "more than zero" in asked("pay", "acme", "--amount", "0", exit_code=2).stderr
    world.gateway.failures["prepare", "before"] = [ProviderRefusedError("no such key")]
    assert "no such key" in asked("pay", "acme", exit_code=1).stderr


def test_a_command_that_the_function_does_not_know_asks_for_a_deployment(world: World) -> None:
    answer = remote_desk.serve(world.use_cases.money_desk(), {"command": "lend"}, world.use_cases.acts)
    assert answer["error"] == "UserMistakeError"
    assert "deploy this release" in answer["message"]


@pytest.mark.parametrize(
    "changed",
    [
        {"act": ""},
        {"act": "AIDATEST#9"},
        {"secret": "guessed"},
        {"customer_id": "other"},
        {"limit": {"minor": 1, "currency": "USD"}},
        {"command": "settle", "provider": "stripe", "everyone": True},
    ],
)
def test_the_function_does_nothing_that_its_caller_has_not_asked_for_in_the_audit_trail(
    world: World, changed: dict[str, Any]
) -> None:
    request = asked_to_pay(world) | changed
    answer = remote_desk.serve(world.use_cases.money_desk(), request, world.use_cases.acts)
    assert answer["error"] == "UserMistakeError"
    assert "the audit trail has no such request by you" in answer["message"]
    assert len(world.audit.acts) == 1
    assert not world.month("acme").payment_of(2)


def test_a_payment_that_was_asked_for_is_made_once_and_on_the_same_day(world: World) -> None:
    first, second = asked_to_pay(world), asked_to_pay(world)
    desk, acts = world.use_cases.money_desk(), world.use_cases.acts
    assert remote_desk.serve(desk, first, acts)["made"]
    assert "made before" in remote_desk.serve(desk, first, acts)["message"]
    world.clock.pass_time(days=1, seconds=1)
    assert "run the command" in remote_desk.serve(desk, second, acts)["message"]


def test_that_a_payment_failed_is_recorded_behind_its_request(world: World) -> None:
    world.gateway.failures["prepare", "before"] = [ProviderRefusedError("no such key")]
    request = asked_to_pay(world)
    assert remote_desk.serve(world.use_cases.money_desk(), request, world.use_cases.acts)["error"]
    failed = world.audit.told[-1]
    assert (failed.what, failed.why, failed.follows) == (
        *("act.failed", "ProviderRefusedError: no such key"),
        request["act"],
    )


def test_a_deployment_without_the_function_says_what_to_do(monthclose: Command) -> None:
    class Older(Command):
        @property
        def system(self) -> System:
            system = super().system
            return System(system.use_cases, system.state_machine, system.adapters)

    older = Older(monthclose.world, monthclose.machine)
    said = older("pay", "acme", exit_code=2).stderr
    assert "cdk deploy --all" in said
    assert "--here" in said
    assert older("pay", "acme", "--here").stdout.split()[-1] == "paid"


def test_the_command_goes_on_asking_until_the_function_had_time_for_all_that_is_due(asked: Asked) -> None:
    left = iter([3, 2, 0])

    def settled(request: Mapping[str, Any]) -> Mapping[str, Any]:
        entry = {"provider": "stripe", "states": {"paid": 1}, "errors": {}, "findings": [], "waiting": 0}
        entry |= {"left": next(left), "batches": 1, "paused": False}
        return {"drained": {"answered": 1, "taken_up": 0, "started": 0}, "settled": entry, "findings": []}

    desk = remote_desk.RemoteMoneyDesk(settled, asked.world.books, "kim", "act", "secret")
    done = desk.settle("stripe", everyone=False, tell=lambda _: None)
    assert done.settled
    assert (done.settled.states, done.settled.left, done.settled.batches) == ({"paid": 3}, 0, 3)
    assert done.drained["answered"] == 3


def test_with_now_the_function_is_asked_once_and_what_is_left_is_named(asked: Asked) -> None:
    entry = {"provider": "stripe", "states": {}, "errors": {}, "findings": [], "waiting": 0}
    entry |= {"left": 7, "batches": 0, "paused": False}
    asked.answer = {"drained": {}, "settled": entry, "findings": [], "comparisons": [], "report": {}}
    desk = remote_desk.RemoteMoneyDesk(lambda _: asked.answer or {}, asked.world.books, "kim", "act", "secret")
    done = desk.settle("stripe", everyone=True, tell=lambda _: None)
    assert done.settled
    assert done.settled.left == 7


def test_the_handler_does_the_command_and_logs_who_asked(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(act_for_operator, "use_cases", lambda: world.use_cases)
    monkeypatch.setattr(act_for_operator, "logger", world.log)
    context: Any = FakeContext()
    request = asked_to_pay(world)
    answer = act_for_operator.handler(request, context)
    assert answer == {"made": ["2026-10.2/acme"], "under_way": ""}
    assert "kim" in repr(world.log.lines)


def test_the_function_stops_settling_when_its_time_is_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for = []
    original = settle_payments.PaymentSettler.settle

    def settle(self: Any, **given: Any) -> Any:
        asked_for.append(given["share_left"]())
        return original(self, **given)

    monkeypatch.setattr(settle_payments.PaymentSettler, "settle", settle)
    monkeypatch.setattr(act_for_operator, "use_cases", lambda: world.use_cases)
    asked = world.use_cases.acts.record("reconcile.requested", by="kim", seal=sealed("secret"))
    request = {"command": "settle", "by": "kim", "provider": "stripe", "everyone": False}
    request |= {"act": asked.name, "secret": "secret"}
    context: Any = FakeContext(looks=2)
    answer = act_for_operator.handler(request, context)
    assert json.dumps(answer)
    assert asked_for[0] < 0.01
