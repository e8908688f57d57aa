"""A close goes through its gate: what was approved is billed, and nothing that nobody has accepted."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.rehearsals.gate import Required
from monthclose.domain.rehearsals.settings import GateRules
from monthclose.use_cases.proof.approved import approved_lines
from monthclose.use_cases.rehearsals.judge_rehearsal import Judged
from tests.unit.rehearsals.rehearsing import (
    EVERYBODY,
    add_price,
    add_wrong_fee,
    but_for_dates,
    documents,
    drafts_of,
    tables,
    use_unpriced,
    with_gates,
    world_of,
)
from tests.world import OCTOBER, World


def start(world: World, execution: str = "close-1", *, scheduled: bool = False) -> tuple[int, Judged | None]:
    """Start a close, as far as its gate."""
    run = world.open(OCTOBER, execution)
    judged = world.go_to_the_gate(OCTOBER, execution, run, scheduled=scheduled)
    if judged and judged.outcome == "not_approved":
        world.workflow.running.discard(execution)
    return run, judged


def test_the_wrong_fee_is_stopped_and_named_in_one_line_and_nobody_is_charged_or_mailed() -> None:
    world = world_of("10.00", "20.00", "30.00", "40.00", required=Required.FINDINGS, rules=EVERYBODY)
    add_wrong_fee(world)
    charged, mailed = list(world.gateway.money_moved), list(world.mailer.sent)
    _, judged = start(world)
    assert judged
    assert judged.outcome == "not_approved"
    assert judged.why == (
        "fee 'Support' (support) names no customers, and is due from 4 of 4 customers; last month from nobody: "
        "100.00 USD"
    )
    assert (world.gateway.money_moved, world.mailer.sent) == (charged, mailed)
    assert not documents(world, OCTOBER)
    close = world.closes.get(OCTOBER)
    assert close
    assert close.status is CloseStatus.WAITING_FOR_APPROVAL


def test_once_the_fee_is_corrected_the_month_closes_with_what_was_received_until_then() -> None:
    world = world_of("10.00", "20.00", "30.00", "40.00", required=Required.FINDINGS, rules=EVERYBODY)
    add_wrong_fee(world)
    start(world)
    world.clock.pass_time(hours=2)
    world.use("c-0", "1.00", event_id="late")
    world.price_books._latest = ""
    world.close(OCTOBER, "close-2")
    assert {name: found["total_minor"] for name, found in documents(world, OCTOBER).items()} == {
        "c-0": 1100,
        "c-1": 2000,
        "c-2": 3000,
        "c-3": 4000,
    }


def test_the_invoices_of_an_approved_rehearsal_are_the_same_to_the_byte_but_for_number_and_date() -> None:
    world = world_of("10.00", "20.00", "30.00", required=Required.ALWAYS)
    world.change("c-1", credit_minor=700)
    use_unpriced(world, "parked", 5)
    rehearsal = world.rehearse()
    drafts = drafts_of(world, rehearsal)
    world.approve(note="as expected")
    world.clock.pass_time(hours=5)
    report = world.close(OCTOBER, "close-1")
    issued = documents(world, OCTOBER)
    assert issued.keys() == drafts.keys()
    for name, draft in drafts.items():
        assert but_for_dates(issued[name]) == but_for_dates(draft)
        assert issued[name]["number"]
    assert report["proof"]["ties"]
    assert approved_lines(report["approved"]) == ["approved by ann, rehearsal 1: billed as approved"]


def test_a_close_issues_the_drafts_that_were_judged_and_leaves_later_usage_to_the_next_month() -> None:
    world = world_of("10.00", required=Required.ALWAYS)
    run, judged = start(world, scheduled=True)
    assert judged
    assert judged.outcome == "wait"
    world.clock.pass_time(hours=30)
    world.use("c-0", "5.00", event_id="late")
    assert world.approve().continues is False  # nobody waits for a token in memory
    assert world.use_cases.rehearsal_judge.judge(OCTOBER, 1).outcome == "may_charge"
    world.charge_all(OCTOBER, "close-1", run)
    [document] = documents(world, OCTOBER).values()
    assert (document["total_minor"], document["issued_on"]) == (1000, "2026-11-02")


@pytest.mark.parametrize(
    ("required", "rules", "outcome"),
    [
        (Required.OFF, EVERYBODY, None),
        (Required.FINDINGS, EVERYBODY, "may_charge"),
        (Required.ALWAYS, GateRules(), "not_approved"),
    ],
)
def test_without_findings_only_always_needs_an_approval(
    required: Required, rules: GateRules, outcome: str | None
) -> None:
    world = world_of("10.00", "20.00", required=required, rules=rules)
    _, judged = start(world)
    assert (judged.outcome if judged else None) == outcome


def test_with_gates_off_a_close_that_nobody_rehearsed_drafts_only_once() -> None:
    world = world_of("10.00", "20.00")
    world.close()
    assert not any(key.startswith("rehearsals/") for key in world.documents.objects)
    assert world.rehearsals.get(OCTOBER) is None


def test_a_close_that_differs_from_what_was_approved_by_more_than_allowed_is_stopped() -> None:
    world = world_of("10.00", "20.00", required=Required.ALWAYS, rules=GateRules(differ_percent=10))
    world.rehearse()
    world.approve()
    world.use("c-1", "9.00", event_id="more")
    world.clock.pass_time(hours=1)
    _, judged = start(world)
    assert judged
    assert judged.outcome == "not_approved"
    assert judged.why.startswith("it differs from what ann approved: 1 invoice in USD is not as approved, by 9.00 USD")


def test_a_close_that_differs_within_the_setting_goes_on_and_says_where() -> None:
    world = world_of("10.00", "20.00", required=Required.ALWAYS, rules=GateRules(differ_percent=10))
    world.rehearse()
    world.approve()
    world.use("c-1", "1.00", event_id="more")
    world.clock.pass_time(hours=1)
    report = world.close(OCTOBER, "close-1")
    rehearsal = world.rehearsals.get(OCTOBER)
    assert rehearsal
    assert (rehearsal.number, rehearsal.differs) == (2, 1)
    assert (report["approved"]["by"], report["approved"]["differs"]) == ("ann", 1)
    assert approved_lines(report["approved"]) == [
        "approved by ann, rehearsal 1: 1 customer differs from what was approved",
        "  usage or prices: 1 customer, 1.00 USD: c-1 21.00 (approved 20.00)",
    ]
    [line] = world.use_cases.rehearsal_reader.differences(rehearsal).lines()
    assert "c-1 21.00 (approved 20.00)" in line


def test_an_approval_is_held_to_even_if_none_is_required() -> None:
    world = world_of("10.00", rules=GateRules(differ_percent=0))
    world.rehearse()
    world.approve()
    world.use("c-0", "1.00", event_id="more")
    world.clock.pass_time(hours=1)
    _, judged = start(world)
    assert judged
    assert judged.outcome == "not_approved"


def test_findings_that_were_accepted_do_not_stop_the_close_and_new_ones_do() -> None:
    world = world_of("10.00", "20.00", "30.00", required=Required.FINDINGS, rules=EVERYBODY)
    add_wrong_fee(world)
    world.rehearse()
    world.approve(note="the fee is meant")
    world.clock.pass_time(hours=1)
    report = world.close(OCTOBER, "close-1")
    assert report["customers"]["invoiced"] == 3
    accepted = world.documents.objects[f"rehearsals/{OCTOBER}/0001/accepted.json"]
    assert b"the fee is meant" in accepted
    assert b'"by": "ann"' in accepted


def test_a_customer_who_was_parked_then_is_billed_if_no_rule_on_single_invoices_objects() -> None:
    rules = GateRules(invoice_minor={"USD": 5000})
    world = world_of("10.00", required=Required.FINDINGS, rules=rules)
    for name, quantity in (("small", 3), ("large", 90)):
        use_unpriced(world, name, quantity)
    world.close(OCTOBER, "close-1")
    assert all(world.month(name).parking for name in ("small", "large"))
    add_price(world)
    world.clock.pass_time(hours=1)
    world.close(OCTOBER, "close-2")
    assert documents(world, OCTOBER)["small"]["total_minor"] == 300
    parking = world.month("large").parking
    assert parking
    assert parking.active
    assert parking.reason == "not_approved"
    assert "monthclose close 2026-10 --dry-run" in parking.detail
    world.clock.pass_time(hours=1)
    assert world.rehearse().drafted == 1
    world.approve()
    world.clock.pass_time(hours=1)
    world.close(OCTOBER, "close-3")
    assert documents(world, OCTOBER)["large"]["total_minor"] == 9000


def test_an_account_that_changed_since_is_drafted_again_and_billed_if_the_money_is_the_same() -> None:
    world = world_of("10.00", required=Required.ALWAYS)
    run, judged = start(world, scheduled=True)
    assert judged
    world.approve()
    moved = replace(world.customer("c-0").profile, address="1 New Street")
    world.directory.put_profiles([("c-0", moved)])
    world.use_cases.rehearsal_judge.judge(OCTOBER, 1)
    world.charge_all(OCTOBER, "close-1", run)
    assert documents(world, OCTOBER)["c-0"]["customer"]["address"] == ["1 New Street"]


def test_nothing_is_written_before_the_gate_but_the_close_itself() -> None:
    world = world_of("10.00", required=Required.ALWAYS)
    before = tables(world)
    start(world)
    after = tables(world)
    assert {name for name in before if before[name] != after[name]} == {"closes"}
    assert world.closes.get(OCTOBER)
    assert not list(world.closes.all_progress(OCTOBER))


def test_a_stopped_close_that_waited_can_be_closed_again() -> None:
    world = world_of("10.00", required=Required.ALWAYS)
    start(world, scheduled=True)
    world.workflow.stop("close-1", "stop")
    world.clock.pass_time(hours=1)
    world.rehearse()
    world.approve()
    world.clock.pass_time(hours=1)
    assert world.close(OCTOBER, "close-2")["customers"]["invoiced"] == 1


def test_gates_that_are_switched_off_let_a_close_continue_with_its_judged_drafts() -> None:
    world = world_of("10.00", required=Required.ALWAYS)
    run, _ = start(world, scheduled=True)
    world.approve()
    world.use_cases.rehearsal_judge.judge(OCTOBER, 1)
    with_gates(world, Required.OFF)
    world.charge_all(OCTOBER, "close-1", run)
    assert documents(world, OCTOBER)["c-0"]["total_minor"] == 1000


def test_of_two_people_who_approve_at_once_one_wins_and_the_other_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    world = world_of("10.00", required=Required.ALWAYS)
    world.rehearse()
    real = world.rehearsals.put

    def put(rehearsal: object) -> object:
        monkeypatch.setattr(world.rehearsals, "put", real)
        world.approve(by="ann", note="first")
        return real(rehearsal)  # type: ignore[arg-type]

    monkeypatch.setattr(world.rehearsals, "put", put)
    with pytest.raises(UserMistakeError, match=r"was approved by ann, 2026-11-01 06:00 UTC \(first\)"):
        world.approve(by="bob")


def test_a_close_that_waits_goes_on_once_it_is_approved_whichever_comes_first() -> None:
    world = world_of("10.00", required=Required.ALWAYS)
    start(world, scheduled=True)
    waiter = world.use_cases.approval_waiter
    waiter.wait(OCTOBER, 1, "token-1")
    assert world.approve().continues
    assert world.workflow.answers == {"token-1": {"approved": 1}}
    waiter.wait(OCTOBER, 1, "token-2")  # the task was retried meanwhile
    assert world.workflow.answers["token-2"] == {"approved": 1}


def test_who_approves_a_close_that_was_stopped_meanwhile_is_told() -> None:
    world = world_of("10.00", required=Required.ALWAYS)
    start(world, scheduled=True)
    world.use_cases.approval_waiter.wait(OCTOBER, 1, "token-1")
    world.workflow.stop("close-1", "stop")
    assert not world.approve().continues


def test_bad_approvals_are_refused_with_what_to_do() -> None:
    world = world_of("10.00", required=Required.ALWAYS)
    with pytest.raises(UserMistakeError, match="has not been rehearsed\nrehearse it: monthclose close 2026-10 --dry"):
        world.approve()
    world.rehearse()
    world.rehearse()
    with pytest.raises(UserMistakeError, match="rehearsal 1 of 2026-10 has been replaced: the newest is 2"):
        world.approve(number=1)
    with pytest.raises(UserMistakeError, match="rehearsal 7 of 2026-10 does not exist: the newest is 2"):
        world.approve(number=7)
    world.approve()
    with pytest.raises(UserMistakeError, match="rehearsal 2 of 2026-10 was approved by ann"):
        world.approve(by="bob")


def test_a_rehearsal_that_is_running_or_broke_off_cannot_be_approved() -> None:
    world = world_of("10.00")
    world.workflow.running.add("one")
    world.use_cases.rehearsal_opener.rehearse(OCTOBER, "one")
    with pytest.raises(UserMistakeError, match="is still running"):
        world.approve()
    world.workflow.running.clear()
    with pytest.raises(UserMistakeError, match="did not finish\nrehearse it again"):
        world.approve()


def test_what_changed_since_the_rehearsal_is_named() -> None:
    world = world_of("10.00")
    world.rehearse()
    add_wrong_fee(world)
    with pytest.raises(UserMistakeError, match="the price book changed after rehearsal 1 of 2026-10"):
        world.approve()


def test_once_the_month_is_charged_it_is_too_late_to_approve() -> None:
    world = world_of("10.00")
    world.rehearse()
    world.clock.pass_time(hours=1)
    world.open(OCTOBER, "close-1")
    with pytest.raises(UserMistakeError, match="is being closed already: it is too late"):
        world.approve()
    world.workflow.running.clear()
    world.close(OCTOBER, "close-2")
    with pytest.raises(UserMistakeError, match="has been closed since rehearsal 1"):
        world.approve()


def test_a_month_without_findings_can_be_approved() -> None:
    world = world_of("10.00", rules=EVERYBODY)
    world.rehearse()
    approved = world.approve(note="fine").rehearsal.approval
    assert approved
    assert (approved.keys, approved.note, approved.time) == ((), "fine", datetime(2026, 11, 1, 6, tzinfo=UTC))
