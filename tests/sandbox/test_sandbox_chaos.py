"""Chaos plans: reading them, deciding by them, and setting them at run time."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.chaos.decisions import Chaos
from sandbox.chaos.faults import Fault, When
from sandbox.chaos.front import Call, Front, inside
from sandbox.chaos.plan import OUTAGE_FAULTS, REVERSALS, Outage, Plan, Rule, load_plan, read_plan
from sandbox.gocardless import GoCardlessSandbox
from sandbox.gocardless.provider import DEFAULT_ACCESS_TOKEN
from sandbox.holdings import holdings
from sandbox.mounts import ENDPOINTS
from sandbox.reading import PlanError
from sandbox.stripe import StripeSandbox
from sandbox.stripe.provider import DEFAULT_API_KEY
from sandbox.twin import ManualClock
from sandbox.wire import Lost, Request, Subject
from tests.sandbox.gocardless_driving import Wire as GoCardlessWire

if TYPE_CHECKING:
    from sandbox.desk import Desk

EXAMPLE = Path(__file__).parents[2] / "sandbox" / "examples" / "chaos.toml"
CONFIRM = "payment_intents.confirm"


def call(endpoint: str = CONFIRM, customers: frozenset[str] = frozenset(), provider: str = "stripe") -> Call:
    return Call(provider, Subject(endpoint), lambda: customers)


def struck(chaos: Chaos, calls: int = 400, **what: Any) -> list[bool]:
    return [chaos.decide(call(**what)) is not None for _ in range(calls)]


def test_the_same_seed_gives_the_same_faults_and_another_seed_gives_others() -> None:
    chaos = Chaos()

    def faults(seed: int, *more: Rule) -> list[bool]:
        chaos.begin(Plan(seed, (Rule(Fault.RESET, probability=0.3), *more)))
        return struck(chaos)

    first = faults(1)
    assert faults(1) == first
    assert faults(2) != first
    assert 80 < sum(first) < 160
    # A rule behind it changes nothing of what it does.
    chaos.begin(Plan(1, (Rule(Fault.RESET, probability=0.3), Rule(Fault.CUT, probability=0.5))))
    decided = [chaos.decide(call()) for _ in range(400)]
    assert [found is not None and found.fault is Fault.RESET for found in decided] == first


def test_the_first_matching_rule_applies_until_its_count_is_used_up() -> None:
    chaos = Chaos()
    chaos.begin(Plan(rules=(Rule(Fault.RESET, count=2), Rule(Fault.DELAY, When.AFTER, seconds=3))))

    found = [chaos.decide(call()) for _ in range(4)]

    assert [injection.fault for injection in found if injection] == [Fault.RESET, Fault.RESET, Fault.DELAY, Fault.DELAY]
    assert found[3] is not None
    assert (found[3].when, found[3].seconds) == (When.AFTER, 3)


def test_a_fault_that_did_not_happen_is_not_counted_and_may_happen_later() -> None:
    chaos = Chaos()
    chaos.begin(Plan(rules=(Rule(Fault.ERROR_500, count=1),)))
    first = chaos.decide(call())
    assert first is not None
    assert chaos.decide(call()) is None

    chaos.settle(call(), first, injected=False)

    assert chaos.counts() == {}
    again = chaos.decide(call())
    assert again is not None
    chaos.settle(call(), again, injected=True)
    assert chaos.counts() == {"stripe": {CONFIRM: {"error_500": 1}}}


def test_rules_are_aimed_at_providers_endpoints_and_customers() -> None:
    chaos = Chaos()
    chaos.begin(Plan(rules=(Rule(Fault.RESET, provider="stripe", endpoint="payment_intents.*", customer="acme"),)))

    def hit(**what: Any) -> bool:
        return struck(chaos, 1, **{"customers": frozenset({"acme", "cus_1"}), **what})[0]

    assert hit()
    assert hit(endpoint="payment_intents.create")
    assert not hit(endpoint="customers.create")
    assert not hit(customers=frozenset({"other"}))
    assert not hit(provider="gocardless")


@pytest.mark.parametrize("fault", OUTAGE_FAULTS)
def test_an_outage_starts_and_ends_on_schedule(fault: Fault) -> None:
    clock = ManualClock()
    chaos = Chaos(clock)
    chaos.begin(Plan(outages=(Outage(60, 30, "stripe", fault),)))
    seen = []
    for seconds in (0, 59, 1, 29, 1):
        clock.advance(seconds)
        injection = chaos.decide(call())
        seen.append(injection and (injection.fault, injection.when))
    assert seen == [None, None, (fault, When.BEFORE), (fault, When.BEFORE), None]
    clock.advance(-1)
    assert chaos.decide(call(provider="gocardless")) is None


def test_a_rule_finds_a_customer_by_our_id_or_stripes_whatever_the_request_names() -> None:
    chaos = Chaos()
    front = Front(StripeSandbox(around_execution=inside), (chaos,))

    def ask(path: str, body: str = "") -> Any:
        method = "POST" if body else "GET"
        return front.handle(Request.to(method, f"/v1/{path}", {"Authorization": f"Bearer {DEFAULT_API_KEY}"}, body))

    def lost(path: str, body: str = "") -> bool:
        return isinstance(ask(path, body), Lost)

    acme = ask("customers", "metadata[customer_id]=acme").json()["id"]
    other = ask("customers", "metadata[customer_id]=other").json()["id"]
    card = "allowed_payment_method_types[]=card&amount=100&currency=usd"
    theirs, others = (ask("payment_intents", f"{card}&customer={whose}").json()["id"] for whose in (acme, other))
    by_metadata = ask("payment_intents", f"{card}&metadata[customer_id]=acme").json()["id"]
    for name in ("acme", acme):
        chaos.begin(Plan(rules=(Rule(Fault.RESET, customer=name),)))
        assert lost(f"payment_intents/{theirs}/confirm", "payment_method=pm_card_visa")
        assert lost(f"payment_intents?customer={acme}")
        assert lost(f"customers/{acme}")
        assert not lost(f"payment_intents/{others}")
        assert not lost("payment_intents")
        assert not lost("nothing")
    chaos.begin(Plan(rules=(Rule(Fault.RESET, customer="acme"),)))
    assert lost(f"payment_intents/{by_metadata}")
    assert lost("customers", "metadata[customer_id]=acme")


def test_gocardless_faults_use_its_own_error_format() -> None:
    chaos = Chaos()
    front = Front(GoCardlessSandbox(around_execution=inside), (chaos,))
    headers = {
        "Authorization": f"Bearer {DEFAULT_ACCESS_TOKEN}",
        "GoCardless-Version": "2015-07-06",
        "Content-Type": "application/json",
    }
    payment = {
        "amount": 500,
        "currency": "EUR",
        "links": {"mandate": "MD_OK_acme"},
        "metadata": {"customer_id": "acme"},
    }

    def pay() -> Any:
        body = json.dumps({"payments": payment})
        return front.handle(Request.to("POST", "/gocardless/payments", headers, body))

    statuses = {}
    for fault in Fault:
        chaos.begin(Plan(rules=(Rule(fault, provider="gocardless", endpoint="payments.create", customer="acme"),)))
        answer = pay()
        statuses[fault] = answer.status
        assert isinstance(answer, Lost) == fault.loses_answer
        if answer.status >= 400 and not fault.loses_answer:
            assert answer.json()["error"]["code"] == answer.status
            assert answer.headers["X-Request-Id"]
    assert statuses | {fault: 0 for fault in Fault if fault.loses_answer} == {
        Fault.HANG: 0,
        Fault.RESET: 0,
        Fault.CUT: 0,
        Fault.ERROR_500: 500,
        Fault.CONFLICT_409: 409,
        Fault.RATE_LIMIT_429: 429,
        Fault.LOCK_TIMEOUT_429: 429,
        Fault.UNAVAILABLE_503: 503,
        Fault.DELAY: 201,
    }
    payment["metadata"] = {"customer_id": "other"}
    assert pay().status == 201
    chaos.begin(Plan(rules=(Rule(Fault.RESET, customer="CU_OK_acme"),)))
    assert isinstance(pay(), Lost)


MISTAKES: list[tuple[object, str]] = [
    ([], "the plan: should be a table"),
    ({"seed": "seven"}, "the plan: seed should be a whole number"),
    ({"rule": []}, "the plan: rule is not known here.*did you mean rules"),
    ({"rules": {}}, "the plan: rules should be a list"),
    ({"rules": [{"fault": "reset"}, {}]}, "rule 2: fault is missing"),
    ({"rules": [{"fault": "rest"}]}, "rule 1: fault should be one of .*did you mean reset"),
    ({"rules": [{"fault": "reset", "provider": "strip"}]}, r"rule 1: provider .*did you mean stripe"),
    ({"rules": [{"fault": "reset", "endpoint": "payment_intent.confirm"}]}, "did you mean payment_intents.confirm"),
    ({"rules": [{"fault": "reset", "provider": "stripe", "endpoint": "payments.create"}]}, "rule 1: endpoint"),
    ({"rules": [{"fault": "reset", "probability": 1.5}]}, "rule 1: probability should be a number from 0 to 1"),
    ({"rules": [{"fault": "reset", "probability": True}]}, "rule 1: probability should be a number"),
    ({"rules": [{"fault": "reset", "count": 0}]}, "rule 1: count should be a whole number of at least 1"),
    ({"rules": [{"fault": "reset", "when": "later"}]}, "rule 1: when should be one of before, after"),
    ({"rules": [{"fault": "reset", "customer": ""}]}, "rule 1: customer should be text"),
    ({"rules": [{"fault": "reset", "seconds": 3}]}, "rule 1: seconds has no meaning for reset"),
    ({"rules": [{"fault": "reset", "probabilty": 1}]}, "rule 1: probabilty is not known.*did you mean probability"),
    ({"outages": [{"start": 3}]}, "outage 1: duration is missing"),
    ({"outages": [{"duration": -1}]}, "outage 1: duration should be a number of at least 0"),
    ({"outages": [{"duration": 1, "fault": "error_500"}]}, "outage 1: fault should be one of unavailable_503"),
    ({"limits": {"adyen": {"rate": 1}}}, "limits.adyen: the sandbox has no such provider; it has stripe"),
    ({"limits": {"stripe": {"rate": 0}}}, "limits.stripe: rate should be a number from 0.001"),
    ({"webhooks": {"stripe": {"batch": 0.5}}}, "webhooks.stripe: batch has no meaning for stripe"),
    ({"reversals": {"stripe": {}}}, "reversals.stripe: nothing can be reversed there; gocardless has reversals"),
    ({"reversals": {"gocardless": {"charge_back": 2}}}, "reversals.gocardless: charge_back should be a number"),
    ({"reversals": {"gocardless": {"charge_bak": 1}}}, "charge_bak is not known.*did you mean charge_back"),
    ({"reversals": {"gocardless": {"refund": 0.6, "late_failure": 0.6}}}, "add up to more than 1"),
    ({"webhooks": {"stripe": {"delay_seconds": [3]}}}, "webhooks.stripe: delay_seconds should be two numbers"),
    ({"webhooks": {"stripe": {"delay_seconds": [3, 1]}}}, "webhooks.stripe: delay_seconds .*lower number first"),
]


@pytest.mark.parametrize(("document", "message"), MISTAKES)
def test_a_mistake_in_a_plan_is_named_with_its_entry(document: object, message: str) -> None:
    with pytest.raises(PlanError, match=message) as told:
        read_plan(document, ENDPOINTS)
    assert "\n" not in str(told.value)


def test_the_example_uses_every_entry() -> None:
    plan = load_plan(EXAMPLE, ENDPOINTS)
    assert plan.rules
    assert plan.outages
    assert plan.limits["stripe"].rate == 25.0
    assert list(plan.webhooks["stripe"].delay_seconds) == [0.5, 10]
    assert set(tomllib.loads(EXAMPLE.read_text())) == set(plan.to_json())


def test_a_plan_may_be_json_and_any_other_format_is_reported(tmp_path: Path) -> None:
    plan = tmp_path / "plan.json"
    plan.write_text('{"rules": [{"fault": "cut"}]}')
    assert load_plan(plan, ENDPOINTS).rules == (Rule(Fault.CUT),)
    (tmp_path / "plan.toml").write_text("rules = [")
    with pytest.raises(PlanError, match="neither TOML nor JSON"):
        load_plan(tmp_path / "plan.toml", ENDPOINTS)
    with pytest.raises(PlanError, match="cannot be read: No such file"):
        load_plan(tmp_path / "none.toml", ENDPOINTS)


RULES = st.builds(
    Rule,
    fault=st.sampled_from([fault for fault in Fault if not fault.lasts]),
    when=st.sampled_from(When),
    provider=st.sampled_from(["*", "stripe"]),
    endpoint=st.sampled_from(["*", CONFIRM, "customers.*"]),
    customer=st.none() | st.text(min_size=1),
    probability=st.floats(0, 1),
    count=st.none() | st.integers(1, 9),
)


@given(rules=st.lists(RULES, max_size=3), seed=st.integers(0, 2**64))
def test_a_displayed_plan_can_be_set_again(rules: list[Rule], seed: int) -> None:
    plan = Plan(seed, tuple(rules), (Outage(1, 2),))
    assert read_plan(json.loads(json.dumps(plan.to_json())), ENDPOINTS) == plan


def test_a_plan_is_set_shown_and_ended_over_http(url: str, desk: Desk) -> None:
    headers = {"Authorization": f"Bearer {DEFAULT_API_KEY}"}

    def create() -> int:
        return httpx.post(f"{url}/v1/customers", headers=headers).status_code

    document = {"rules": [{"fault": "error_500", "endpoint": "customers.create"}], "limits": {"stripe": {"rate": 9}}}
    shown = httpx.put(f"{url}/_sandbox/chaos", json=document)
    assert shown.status_code == 200
    assert httpx.get(f"{url}/_sandbox/chaos").json() == shown.json()
    assert httpx.get(f"{url}/_sandbox/limits").json() == {"stripe": {"rate": 9.0}}
    assert create() == 500

    for body, message in (('{"rules": [{}]}', "rule 1: fault is missing"), ("{", "the body is not JSON")):
        refused = httpx.put(f"{url}/_sandbox/chaos", content=body)
        assert refused.status_code == 400
        assert message in refused.json()["error"]
    assert create() == 500  # what was refused changed nothing

    assert httpx.delete(f"{url}/_sandbox/chaos").json()["rules"] == []
    assert create() == 200
    assert httpx.get(f"{url}/_sandbox/faults").json() == {"stripe": {"customers.create": {"error_500": 2}}}


def test_a_reset_restarts_the_plan_and_forgets_the_counts(url: str, desk: Desk) -> None:
    desk.begin(Plan(rules=(Rule(Fault.ERROR_500, endpoint="customers.create", count=1),)))
    headers = {"Authorization": f"Bearer {DEFAULT_API_KEY}"}
    for _round in range(2):
        statuses = [httpx.post(f"{url}/v1/customers", headers=headers).status_code for _ in range(2)]
        assert statuses == [500, 200]
        httpx.post(f"{url}/_sandbox/reset")
        assert httpx.get(f"{url}/_sandbox/faults").json() == {}


def test_a_plan_reverses_collected_debits_and_counts_them() -> None:
    chaos = Chaos()
    kinds = REVERSALS["gocardless"]
    chaos.begin(Plan(seed=3, reversals={"gocardless": dict.fromkeys(kinds, 0.15)}))
    sandbox = GoCardlessSandbox(fates=chaos.reversals("gocardless"))
    wire = GoCardlessWire(sandbox)
    payments = [wire.create_payment("MD_OK", amount=1500) for _ in range(80)]
    assert wire.sandbox.advance()  # submitted
    while sandbox.advance():
        pass
    counted = chaos.counts()["gocardless"]["reversals"]
    assert set(counted) == set(kinds)
    net = Counter(holding.net for holding in holdings(sandbox.movements()).values())
    assert net == {
        1000: counted["refund"],
        0: counted["charge_back"] + counted["late_failure"],
        1500: 80 - counted["refund"] - counted["charge_back"] - counted["late_failure"],
    }
    actions = Counter(action for payment in payments for action in wire.actions(payment))
    assert actions["charged_back"] == counted["charge_back"] + counted["charge_back_cancelled"]
    assert actions["chargeback_cancelled"] == counted["charge_back_cancelled"]
    assert actions["failed"] == counted["late_failure"]
    refunds = Counter(refund["status"] for refund in wire.get("refunds?limit=500").json()["refunds"])
    assert refunds == {"paid": counted["refund"], "funds_returned": counted["refund_fails"]}

    sandbox.reset()
    chaos.end()
    quiet = wire.create_payment("MD_OK")
    while sandbox.advance():
        pass
    assert wire.actions(quiet) == ["created", "submitted", "confirmed", "paid_out"]
