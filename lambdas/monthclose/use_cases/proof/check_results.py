"""What the checks of a close found: from the records' tally, the snapshot, and the comparisons with the providers."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from monthclose.domain.closes.checks import AT_THE_END, Check, CheckResult, Failure, Row, State
from monthclose.domain.closes.close import Batch, Close
from monthclose.domain.closes.proof import NOT_COMPARED, Comparison, Finding
from monthclose.domain.closes.tally import MOST_NAMED, Tally
from monthclose.domain.words import count
from monthclose.ports import Documents
from monthclose.use_cases.closes.snapshot import read_batches

_SNAPSHOT_KEPT = timedelta(days=400)
"""As long as S3 keeps it (stacks/state/documents.py)."""
_ORDER = {State.FAILED: 0, State.NOT_CHECKED: 1, State.PASSED: 2}


UNREAD = b""
"""Stands for the fingerprint of a batch whose progress cannot be read: that is a failure of its own."""


def digest(batch: Batch) -> bytes:
    """Make a short fingerprint of a batch's customers, to be kept for each batch of a close."""
    return hashlib.blake2b("\0".join((batch.provider, *batch.customer_ids)).encode(), digest_size=8).digest()


def check_snapshot(
    tally: Tally, documents: Documents, close: Close, checked: Mapping[int, bytes], *, all_batches: bool, now: datetime
) -> str:
    """Check that the batches are those of the snapshot; returns why that could not be checked.

    Parameters
    ----------
    checked : mapping
        The fingerprints of the batches that were found, by number.
    all_batches : bool
        Whether all should have been: not while the close runs.
    """
    if not close.snapshot_key:
        return "the close has no snapshot yet"
    try:
        for batch in read_batches(documents, close.snapshot_key):
            found = checked.get(batch.number)
            if found is None and all_batches:
                tally.add(Check.CUSTOMERS, len(batch.customer_ids), 0)
                detail = f"batch {batch.number} of the snapshot was never worked on"
                tally.fail(Check.CUSTOMERS, "", f"{detail}: {count(len(batch.customer_ids), 'customer')}")
            elif found and found != digest(batch):
                tally.fail(Check.CUSTOMERS, "", f"the customers of batch {batch.number} are not those of the snapshot")
    except KeyError:
        if now - close.opened_at > _SNAPSHOT_KEPT:
            return f"the snapshot has expired, as it does after {_SNAPSHOT_KEPT.days} days"
        tally.fail(Check.CUSTOMERS, "", f"the snapshot {close.snapshot_key} is missing")
    except ValueError as error:
        tally.fail(Check.CUSTOMERS, "", f"the snapshot {close.snapshot_key} cannot be read: {error}")
    return ""


def of_records(tally: Tally, at: datetime, *, thorough: bool, partly: str = "") -> list[CheckResult]:
    """Say what the checks of the records found.

    Parameters
    ----------
    thorough : bool
        Whether accounts and documents were checked.
    partly : str
        Why not all customers were.
    """
    return [
        replace(tally.result(check, at), why=partly)
        for check in Check
        if check is not Check.PROVIDER and (thorough or check not in AT_THE_END)
    ]


def not_checked(checks: Iterable[Check], why: str, at: datetime) -> list[CheckResult]:
    """Say why checks were not made."""
    return [CheckResult(check, State.NOT_CHECKED, at, why=why) for check in checks if check is not Check.PROVIDER]


def of_provider(comparison: Comparison) -> CheckResult:
    """Make a check of a comparison with a provider's own record."""
    currencies = sorted({*comparison.ours, *comparison.theirs})
    failed = [found for found in comparison.findings if found.check not in NOT_COMPARED]
    why = "; ".join(found.detail for found in comparison.findings if found.check in NOT_COMPARED)
    in_all = comparison.findings_in_all - (len(comparison.findings) - len(failed))
    state = State.FAILED if failed else State.NOT_CHECKED if why or not comparison.complete else State.PASSED
    return CheckResult(
        Check.PROVIDER,
        state,
        comparison.compared_at,
        subject=comparison.provider,
        rows=tuple(Row("", c, comparison.ours.get(c, 0), comparison.theirs.get(c, 0)) for c in currencies),
        failures=tuple(Failure(found.customer_id, found.detail) for found in failed[:MOST_NAMED]),
        failures_in_all=in_all,
        why=why,
    )


def in_order(results: Iterable[CheckResult]) -> list[CheckResult]:
    """Put those that failed first, then those that were not made."""
    checks = list(Check)
    return sorted(results, key=lambda found: (_ORDER[found.state], checks.index(found.check), found.subject))


def findings_of(results: Sequence[CheckResult]) -> list[Finding]:
    """Make findings of failed checks; those of the providers are findings already."""
    found = []
    for result in results:
        if result.state is State.FAILED and result.check is not Check.PROVIDER:
            named = [Finding(result.check, failure.detail, failure.customer_id) for failure in result.failures]
            found += named or [Finding(result.check, f"{result.title}: the two sides differ")]
    return found


def unlisted_of(results: Sequence[CheckResult]) -> int:
    """Count the failures that are not named."""
    return sum(
        result.failures_in_all - len(result.failures) for result in results if result.check is not Check.PROVIDER
    )
