"""The report of a close, entry by entry, as its JSON has it and as the page and the command read it.

The keys never change. Amounts are in minor units, times in ISO 8601. Reports of earlier releases, which lack
`LaterEntries`, can still be read.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NotRequired, TypedDict

MOST_NAMES = 50
"""Customers named of each kind; the command `monthclose list` has all."""

type Counts = Mapping[str, int]
type LooseEndName = Literal["unfinished", "waiting", "unreached"]

LOOSE_ENDS: Sequence[LooseEndName] = ("unfinished", "waiting", "unreached")
"""Customers whom the close has not finished, who wait for something that takes days, or whose e-mail failed."""


class FindingEntry(TypedDict):
    """Something that does not tie (see `Finding`)."""

    check: str
    detail: str
    customer_id: str


class CheckSides(TypedDict):
    """The two sides of a check."""

    what: str
    currency: NotRequired[str]
    """Of the amounts, which are in minor units; without it they are counts."""
    left: int
    right: int
    difference: int


class FailureEntry(TypedDict):
    """Whom a check fails for, and how."""

    customer_id: str
    detail: str


class CheckEntry(TypedDict):
    """A check of the proof (see `CheckResult`)."""

    check: str
    subject: str
    title: str
    state: str
    why: str
    checked_at: str
    sides: Sequence[str]
    rows: Sequence[CheckSides]
    parts: NotRequired[Mapping[str, Mapping[str, int]]]
    """By currency: what the left side is made of."""
    failures: Sequence[FailureEntry]
    failures_in_all: int


class ProofEntry(TypedDict):
    """Whether the books tie; only the first findings are listed."""

    ties: bool
    findings: Sequence[FindingEntry]
    findings_in_all: int
    checks: NotRequired[Sequence[CheckEntry]]
    """Those that failed first. Reports of earlier releases, and partial ones, lack them."""


class StopEntry(TypedDict):
    """A stop by a person."""

    time: str
    reason: str


class LooseEndEntry(TypedDict):
    """A customer whom the close has not finished (see `LooseEnd`)."""

    customer_id: str
    name: NotRequired[str]
    """Reports of earlier releases lack it."""
    what: str
    since: str | None
    invoice: NotRequired[str]
    """With its amounts, in minor units, where customers are named behind a count."""
    currency: NotRequired[str]
    invoiced_minor: NotRequired[int]
    open_minor: NotRequired[int]


class LooseEndList(TypedDict):
    """The loose ends of one kind: the first are listed, all are counted."""

    customers: Sequence[LooseEndEntry]
    in_all: int


class LooseEnds(TypedDict, total=False):
    """The loose ends of each kind."""

    unfinished: LooseEndList
    waiting: LooseEndList
    unreached: LooseEndList
    """Only if there are any."""


class ApprovedEntry(TypedDict):
    """Who had approved the close, and where it differs from what they approved."""

    rehearsal: int
    by: str
    time: str
    note: str
    differs: int
    """Customers whose invoice is another than the approved one."""
    lines: Sequence[str]
    """The differences in words, by reason and currency, with the first names."""


class PackEntry(TypedDict):
    """The report pack that is current."""

    name: str
    run: int
    made_for: str
    as_of: str
    """The time that its figures are of."""
    made_at: str
    folder: str
    """The prefix of its files in the documents bucket."""
    files: int
    size: int
    unreadable_in_all: NotRequired[int]
    """Customers and documents that could not be read; only if there are any. Its page of contents names them."""
    remarks: NotRequired[Sequence[str]]
    """What the pack lacks, and figures that do not tie; only if there are any."""


class PackFailureEntry(TypedDict):
    """Why the last report pack could not be made."""

    time: str
    why: str


class PackEntries(TypedDict, total=False):
    """What a report says about its pack. A report that is made before its pack has none of it."""

    pack: PackEntry
    figures: Mapping[str, Any]
    """The pack's (see `domain.finance.figures.Figures.content`)."""
    pack_failure: PackFailureEntry
    """Only if the last one that was begun could not be made."""


class LastMonthEntry(TypedDict):
    """The month before, as its own report has it."""

    period: str
    completed_at: str | None
    customers: Counts
    money: Mapping[str, Counts]


class LaterEntries(LooseEnds, PackEntries, total=False):
    """Entries that reports of earlier releases lack, or that only some closes have."""

    tax_table: str
    """Only if the close used one."""
    partial: bool
    """Only of a close that was stopped or broke off."""
    approved: ApprovedEntry
    """Only of a close that somebody had approved."""
    last_month: LastMonthEntry
    """Only if the month before was closed."""
    names: Mapping[str, LooseEndList]
    """By kind (parked, declined, held, …): the customers behind the counts. Only of kinds that there are."""


class ReportHead(LaterEntries):
    """Which close this is about, and how it went."""

    period: str
    status: str
    company: str
    run: int
    rounds: int
    opened_at: str
    completed_at: str | None
    duration_seconds: float | None
    price_book: str


class Report(ReportHead):
    """The report of a close."""

    customers: Counts
    """The snapshot's customers: all, and by outcome."""
    exponents: Counts
    """Decimals of each currency."""
    money: Mapping[str, Counts]
    """By currency and kind of money."""
    ledger: Mapping[str, Counts]
    """By currency and account, debits positive."""
    payments: Counts
    declines: Counts
    parked: Counts
    notices: Counts
    holds: Counts
    proof: ProofEntry
    stops: Sequence[StopEntry]
    warnings: Sequence[str]
