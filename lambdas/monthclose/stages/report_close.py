"""Report a close: sum up the batches, prove that the books tie, write the report for finance."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from monthclose.domain.close import BatchProgress, Close, CloseStatus, Totals
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.money import Money
from monthclose.domain.payment import PaymentKey, PaymentState
from monthclose.domain.period import Period
from monthclose.domain.proof import Finding, ProviderCharge, check_provider_sums, check_totals
from monthclose.errors import OutcomeUnknownError, ProviderRefusedError, TryLaterError
from monthclose.ports import Books, Clock, Closes, Documents, PaymentGateway
from monthclose.stages.report_page import render_report

_MOST_FINDINGS = 1000
"""Findings that a report lists; it always counts them all."""
_MONEY = ("invoiced", "credited", "collected", "pending", "open", "written_off", "credit_granted")


@dataclass(frozen=True, slots=True)
class Reporter:
    """Proves and reports closes."""

    books: Books
    closes: Closes
    documents: Documents
    gateways: Mapping[str, Callable[[], PaymentGateway]]
    """How to reach each provider: one that cannot be reached is a finding, not the end of the report."""
    clock: Clock
    company: str

    def report(self, period: Period, run: int) -> dict[str, Any]:
        """Finish a close and return its report; also stored as JSON and as a page.

        Raises
        ------
        UserMistakeError
            The period was never closed.
        """
        close = self.closes.get(period)
        if close is None or close.run != run:
            raise UserMistakeError(f"there is no run {run} of a close of {period}")
        totals, findings = Totals(), []
        for progress in self.closes.all_progress(period):
            totals += progress.totals
            findings += _check_batch(progress)
        findings += check_totals(totals, close.customers)
        findings += self._check_providers(close, totals)
        sound = not findings and not totals.parked
        status = CloseStatus.COMPLETED if sound else CloseStatus.COMPLETED_WITH_FINDINGS
        done = replace(close, status=status, completed_at=self.clock())
        report = report_content(done, totals, findings, self.company)
        self.documents.put(report_key(period, "json"), json.dumps(report, indent=2).encode())
        self.documents.put(report_key(period, "html"), render_report(report), "text/html; charset=utf-8")
        self.closes.put(done)
        return report

    def _check_providers(self, close: Close, totals: Totals) -> Iterator[Finding]:
        """Match each charge of the providers with a payment of ours, then the sums."""
        theirs: Counter[str] = Counter()
        for name, reach in self.gateways.items():
            try:
                for charge in reach().collected_for(close.period, close.opened_at):
                    theirs[charge.currency] += charge.minor
                    yield from self._check_charge(close.period, charge)
            except (ProviderRefusedError, TryLaterError, OutcomeUnknownError) as error:
                yield Finding("provider_unreachable", f"{name} could not be asked: {error}; close the period again")
                return
        yield from check_provider_sums(totals, theirs, sorted(self.gateways))

    def _check_charge(self, period: Period, charge: ProviderCharge) -> Iterator[Finding]:
        key = PaymentKey.parse(charge.payment_id)
        payment = self.books.month(key.customer_id, period).payment_of(key.sequence) if key else None
        customer_id = key.customer_id if key else ""
        named = f"{charge.provider} collected {charge.reference} for payment {charge.payment_id}"
        if payment is None or payment.provider_ref != charge.reference:
            yield Finding("provider_unknown", f"{named}, of which we have no record", customer_id)
        elif (payment.currency, payment.net_minor) != (charge.currency, charge.minor):
            theirs, ours = Money(charge.minor, charge.currency), Money(payment.net_minor, payment.currency)
            yield Finding("provider_amount", f"{named}: {theirs}, ours is {payment.state} with {ours}", customer_id)


def _notice_warnings(totals: Totals) -> list[str]:
    texts = {
        "refused": "the mail service will not take: their addresses cannot be",
        "claimed": "may have been sent or not: their sender broke off, and nobody is written to twice on a guess",
    }
    return [f"{totals.notices[state]} notices {text}" for state, text in texts.items() if totals.notices.get(state)]


def _check_batch(progress: BatchProgress) -> list[Finding]:
    if progress.finished:
        return []
    return [
        Finding(
            "batch_unfinished",
            f"batch {progress.batch.number} got no further than {progress.stage}, "
            f"with {progress.unsettled} payments unsettled",
        )
    ]


def report_key(period: Period, kind: str) -> str:
    """Name the report's object; `kind` is `json` or `html`."""
    return f"reports/{period}/report.{kind}"


def report_content(close: Close, totals: Totals, findings: list[Finding], company: str) -> dict[str, Any]:
    """Put a close, its totals and the proof into the report's shape. Amounts are in minor units."""
    ended = close.completed_at
    return {
        "period": str(close.period),
        "status": close.status,
        "company": company,
        "run": close.run,
        "rounds": close.round - close.first_round,
        "opened_at": close.opened_at.isoformat(),
        "completed_at": ended.isoformat() if ended else None,
        "duration_seconds": (ended - close.run_started_at).total_seconds() if ended else None,
        "price_book": close.price_book,
        "customers": {
            "snapshot": close.customers,
            **{name: totals.customers.get(name, 0) for name in ("invoiced", "nothing_to_bill", "parked")},
            **({"carried": totals.customers["carried"]} if totals.customers.get("carried") else {}),
        },
        "money": {
            currency: {name: sums.get(name, 0) for name in _MONEY} for currency, sums in sorted(totals.money.items())
        },
        "payments": {state.value: totals.payments.get(state, 0) for state in PaymentState},
        "declines": dict(totals.declines),
        "parked": dict(totals.parked),
        "notices": {
            "sent": totals.notices.get("sent", 0),
            "refused": totals.notices.get("refused", 0),
            "unconfirmed": totals.notices.get("claimed", 0),
        },
        "holds": {name: totals.holds.get(name, 0) for name in ("placed", "lifted")},
        "proof": {
            "ties": not findings,
            "findings": [
                {"check": f.check, "detail": f.detail, "customer_id": f.customer_id} for f in findings[:_MOST_FINDINGS]
            ],
            "findings_in_all": len(findings),
        },
        "warnings": [*close.warnings, *_notice_warnings(totals)],
    }
