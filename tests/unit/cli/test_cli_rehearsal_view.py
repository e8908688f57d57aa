"""A rehearsal on the terminal: money first, what moved it, the findings, and what to do next."""

from dataclasses import replace
from datetime import datetime

import pytest

from cli.commands.rehearsal_view import print_rehearsal
from monthclose.domain.rehearsals.rehearsal import RehearsalStatus
from monthclose.use_cases.rehearsals.rehearsal_report import RehearsalReport
from tests.unit.any import NOW
from tests.unit.rehearsals.months import crowd, invoiced
from tests.unit.rehearsals.stories import REHEARSAL, approved_rehearsal, report_of, wrong_fee


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> "Printed":
    return Printed(capsys)


class Printed:
    """What is printed of a report."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, report: RehearsalReport) -> str:
        print_rehearsal(report)
        return self._capsys.readouterr().out


def test_the_money_comes_first_then_what_moved_it_the_findings_and_what_to_do(printed: Printed) -> None:
    lines = [" ".join(line.split()) for line in printed(report_of(*wrong_fee())).splitlines()]
    wanted = [
        "2026-10 rehearsed: 234 customers; nobody was charged or mailed",
        "compared with 2026-09",
        "EUR 13,470.00 10,507.00 +2,963.00 +28.2% 230 233",
        "EUR billed more 229 +3,080.00",
        "EUR new 1 +30.00",
        "EUR gone 1 -12.00",
        "EUR parked: no_price 3 -135.00",
        "parked: 3 no price; last month: none",
        "EUR fee 'Support' (support) 230 (0) 2,300.00 +2,300.00",
        "EUR acme 900.00 100.00 +800.00",
        "3 findings:",
        "everybody_percent: fee 'Support' (support) names no customers, and is due from 230 of 230 customers; "
        "last month from nobody: 2,300.00 EUR",
        'to accept the 3 findings: monthclose approve 2026-10 --note "why"',
        "to rehearse again: monthclose close 2026-10 --dry-run",
    ]
    assert [line for line in lines if line in wanted] == wanted


def test_a_rehearsal_that_finds_nothing_says_so(printed: Printed) -> None:
    text = printed(report_of(crowd(3, 100), crowd(3, 100)))
    assert "no rule of the gate finds anything" in text
    assert 'to approve it: monthclose approve 2026-10 --note "why"' in text


def test_a_close_that_waits_goes_on_once_it_is_approved(printed: Printed) -> None:
    waiting = replace(REHEARSAL, run=1, task_token="token")
    assert "the close then continues by itself" in printed(report_of(*wrong_fee(), waiting))


def test_an_approved_rehearsal_says_by_whom_and_what_comes_next(printed: Printed) -> None:
    text = printed(report_of(*wrong_fee(), approved_rehearsal()))
    assert "approved by ada at 2026-11-01 09:30 UTC: checked with sales" in text
    assert "to close it: monthclose close 2026-10" in text
    assert "monthclose approve" not in text


def test_an_incomplete_rehearsal_or_one_of_a_month_not_over_offers_no_approval(printed: Printed) -> None:
    incomplete = printed(report_of(*wrong_fee(), replace(REHEARSAL, status=RehearsalStatus.INCOMPLETE, undrafted=1)))
    early = printed(report_of(*wrong_fee(), replace(REHEARSAL, started_at=datetime(2026, 10, 20, tzinfo=NOW.tzinfo))))
    assert "1 batch could not be drafted: the sums lack them" in incomplete
    assert "2026-10 is not over yet: this is the usage so far" in early
    assert "from 2026-11-01 on, monthclose close 2026-10 --dry-run" in early
    assert "monthclose approve" not in incomplete + early


def test_a_close_says_where_it_differs_from_what_was_approved(printed: Printed) -> None:
    now, last = wrong_fee()
    approved = {**now, "acme": invoiced("acme", 80_000, sku_vm=79_000, fee_support=1000)}
    again = replace(approved_rehearsal(), number=3, run=1)
    text = printed(report_of(now, last, again, approved))
    assert "usage or prices: 1 customer, 100.00 EUR: acme 900.00 (approved 800.00)" in text
    assert "no invoice differs from what was approved" in printed(report_of(now, last, again, now))


def test_a_first_month_has_nothing_beside_its_sums(printed: Printed) -> None:
    text = printed(report_of(crowd(3, 100), {}, replace(REHEARSAL, last_period=None)))
    assert "there is no earlier month to compare with" in text
    assert "last month" not in text


def test_a_month_without_customers_can_be_printed(printed: Printed) -> None:
    assert "nothing would be billed" in printed(report_of({}, {}))
