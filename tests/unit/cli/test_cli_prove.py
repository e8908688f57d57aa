"""`monthclose prove`: the table of checks, whom they fail for, JSON and exit statuses."""

import json
from dataclasses import replace

from monthclose.domain.closes.tally import MOST_NAMED
from monthclose.use_cases.closes.snapshot import read_batches
from monthclose.use_cases.proof.report_close import report_key
from monthclose.use_cases.proof.report_page import render_report
from tests.unit.cli.driving import Command
from tests.world import OCTOBER, World


def closed(world: World, customers: int = 2) -> None:
    for number in range(customers):
        world.use(world.add_customer(f"c{number}"), "10")
    world.close()
    world.clock.pass_time(hours=1)


def owing_more(world: World, *names: str) -> None:
    """Change accounts behind the books' back."""
    for name in names:
        key = ("customer", name)
        world.books.records[key] = replace(world.customer(name), receivable_minor=700)


def page_of(world: World) -> str:
    return render_report(json.loads(world.documents.get(report_key(OCTOBER, "json")))).decode()


def test_the_table_has_every_check_with_both_sides(monthclose: Command) -> None:
    closed(monthclose.world)
    said = monthclose("prove", "2026-10").stdout
    assert "✓ Payments are in the ledger" in said
    assert "✓ stripe: the provider's record has the same money" in said
    line = next(line for line in said.splitlines() if "Payments are in the ledger" in line)
    assert line.split()[-3:] == ["20.00", "20.00", "0.00"]
    assert "invoiced 20.00 - credited 0.00 - collected 20.00 - written off 0.00" in said
    assert "2026-10: 15 checks passed" in said


def test_a_failed_check_is_first_names_the_customers_and_ends_with_exit_status_4(monthclose: Command) -> None:
    closed(monthclose.world)
    owing_more(monthclose.world, "c1")
    lines = monthclose("prove", "2026-10", exit_code=4).stdout.splitlines()
    assert lines[1].startswith("✗ Accounts equal their ledgers")
    assert lines[1].split()[-3:] == ["7.00", "0.00", "7.00"]
    assert "  c1: the account's receivable is 7.00 USD, its ledger has 0.00 USD" in lines
    assert lines[-1] == "2026-10: 1 of 15 checks failed"


def test_the_first_fifty_are_named_with_the_command_that_names_all(monthclose: Command) -> None:
    closed(monthclose.world, customers=MOST_NAMED + 3)
    owing_more(monthclose.world, *(f"c{number}" for number in range(MOST_NAMED + 3)))
    done = monthclose("prove", "2026-10", exit_code=4)
    assert done.stdout.count("the account's receivable is") == MOST_NAMED
    assert "and 3 more: monthclose prove 2026-10 --all" in done.stderr
    done = monthclose("prove", "2026-10", "--all", exit_code=4)
    assert done.stdout.count("the account's receivable is") == MOST_NAMED + 3
    assert "more" not in done.stderr


def test_the_answer_in_json_has_both_sides_and_says_whom_a_check_fails_for(monthclose: Command) -> None:
    closed(monthclose.world)
    owing_more(monthclose.world, "c1")
    answer = json.loads(monthclose("prove", "2026-10", "--json", exit_code=4).stdout)
    assert (answer["period"], answer["ties"], answer["running"], answer["checked"]) == ("2026-10", False, False, 2)
    [check, *others] = answer["checks"]
    assert check["sides"] == ["accounts", "ledgers"]
    assert check["rows"][0] == {
        "exponent": 2,
        "what": "receivable",
        "left": 700,
        "right": 0,
        "difference": 700,
        "currency": "USD",
    }
    assert [failure["customer_id"] for failure in check["failures"]] == ["c1"]
    assert {other["state"] for other in others} == {"passed"}


def test_proving_changes_nothing_and_needs_no_provider(monthclose: Command) -> None:
    world = monthclose.world
    closed(world)
    world.gateway.failures = {("collected_for", "before"): [ValueError("the provider was asked")]}
    before = (dict(world.books.records), dict(world.documents.objects), list(world.closes.all_progress(OCTOBER)))
    monthclose("prove", "2026-10")
    assert before == (world.books.records, world.documents.objects, list(world.closes.all_progress(OCTOBER)))


def test_of_a_running_close_the_finished_batches_are_proved(monthclose: Command) -> None:
    world = monthclose.world
    for name in ("acme", "globex"):
        world.use(world.add_customer(name), "10")
    run = world.open()
    plan = world.planner.plan(OCTOBER, run)
    first, _ = read_batches(world.documents, plan.round_key)
    world.close_batch(OCTOBER, first, plan.close.round)
    done = monthclose("prove", "2026-10")
    assert "still running: 1 of 2 batches are finished and checked" in done.stdout
    assert "not compared yet" in done.stdout
    assert done.stdout.splitlines()[-1] == (
        "2026-10: 14 checks passed, of the finished batches only: the close is still running (1 of 2 batches); "
        "1 could not be made"
    )


def test_a_month_that_was_never_closed_is_a_mistake(monthclose: Command) -> None:
    assert "2026-10 has not been closed" in monthclose("prove", "2026-10", exit_code=2).stderr


def test_the_report_shows_the_checks_that_did_not_pass_and_counts_the_others(monthclose: Command) -> None:
    world = monthclose.world
    closed(world)
    assert "15 checks passed; each with both sides: monthclose prove 2026-10" in monthclose("report", "2026-10").stdout
    owing_more(world, "c1")
    world.reconcile()
    said = monthclose("report", "2026-10").stdout
    assert "✗ Accounts equal their ledgers" in said
    assert "balances: the account's receivable is 7.00 USD, its ledger has 0.00 USD (customer c1)" in said
    assert "14 checks passed" in said


def test_the_page_has_the_failed_check_first_and_above_the_money(monthclose: Command) -> None:
    world = monthclose.world
    closed(world)
    page = page_of(world)
    assert page.index("<h2>Money</h2>") < page.index("<h2>Proof</h2>")
    owing_more(world, "c1")
    world.reconcile()
    page = page_of(world)
    assert page.index("<h2>Money</h2>") > page.index("<h2>Proof</h2>")
    proof = page[page.index("<h2>Proof</h2>") :]
    rows = [line for line in map(str.strip, proof.splitlines()) if line.startswith("<tr>")]
    assert "Accounts equal their ledgers" in rows[0]
    assert '<td class="bad">7.00</td>' in rows[0]
    assert "Every record can be read" in proof
