"""What a comparison keeps among the documents while it is made: its plan, how far each part is, and sorted runs."""

import json
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import Any

from monthclose.domain.closes.proof import MoneyReturned, ProviderCharge
from monthclose.domain.closes.tally import Tally, merged
from monthclose.domain.payments.payment import Payment
from monthclose.domain.period import Period
from monthclose.names import COMPARISONS_PREFIX
from monthclose.ports import Documents, Window
from monthclose.use_cases.proof.charge_records import StoredRun, of_charge, of_payment, of_returned, text_of
from monthclose.use_cases.stored_documents import read_json

_LONGEST_RUN = 100_000
"""Records that are sorted in memory at once: about 15 MB with their texts."""
_RUNS_OF_A_PART = 1 << 16
"""The numbers that the runs of one part may have."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a comparison: a window of a provider's record, or every so many of our batches.

    Parameters
    ----------
    provider : str
        Whose record; empty if the part is one of ours.
    group, groups : int
        The part has the batches `group`, `group + groups`, and so on.
    """

    provider: str = ""
    window: Window | None = None
    group: int = 0
    groups: int = 0


@dataclass(frozen=True, slots=True)
class ComparisonPlan:
    """What a comparison has to read.

    Parameters
    ----------
    name : str
        Tells it from other comparisons of the period.
    run : int
        The run of the close whose books are compared.
    providers : tuple of str
        Whom it asks.
    only : tuple of str
        Whom alone it was asked to ask; empty: all that the close's customers paid through.
    finished : bool
        Whether there is nothing left to read or to look up.
    thorough : bool
        Whether reading our books checks accounts and documents, too.
    """

    period: Period
    name: str
    run: int
    created_at: datetime
    providers: tuple[str, ...]
    parts: tuple[Part, ...]
    only: tuple[str, ...] = ()
    finished: bool = False
    thorough: bool = False

    def numbers_of(self, provider: str) -> list[int]:
        """Return the numbers of the parts that read a provider's record."""
        return [number for number, part in enumerate(self.parts) if part.provider == provider]

    @property
    def numbers_of_ours(self) -> list[int]:
        """Return the numbers of the parts that read our books."""
        return self.numbers_of("")


@dataclass(slots=True)
class PartState:
    """How far a part is.

    Parameters
    ----------
    after : str
        Where it continues: in a provider's list, or before which of its batches.
    trouble : str
        Why the provider could not be asked, the last time.
    counts : mapping
        By provider: charges, or payments that hold money.
    sums : mapping
        By provider and currency, in minor units.
    checks : Tally
        What the checks of our records add up to.
    """

    done: bool = False
    after: str = ""
    trouble: str = ""
    counts: Counter[str] = field(default_factory=Counter)
    sums: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    runs: list[StoredRun] = field(default_factory=list)
    checks: Tally = field(default_factory=Tally)

    @property
    def next_run(self) -> int:
        """The number of the part's next run, counted from 0."""
        return max((run.number % _RUNS_OF_A_PART + 1 for run in self.runs), default=0)


class ComparisonStore:
    """Keeps comparisons among the documents.

    Two workers that read the same part at the same time do no harm: runs have names of their own, and whichever
    writes the part's state last names its own runs.
    """

    def __init__(self, documents: Documents) -> None:
        self.documents = documents

    def latest(self, period: Period) -> ComparisonPlan | None:
        """Read the plan of a period's latest comparison."""
        content = read_json(self.documents, _latest_key(period))
        return self.plan(period, content["name"]) if content else None

    def plan(self, period: Period, name: str) -> ComparisonPlan | None:
        """Read a comparison's plan."""
        content = read_json(self.documents, f"{_folder(period, name)}/plan.json")
        if content is None:
            return None
        parts = tuple(_part(entry) for entry in content["parts"])
        created = datetime.fromisoformat(content["created_at"])
        names = {name: tuple(content[name]) for name in ("providers", "only")}
        return ComparisonPlan(**content | names | {"period": period, "created_at": created, "parts": parts})

    def put_plan(self, plan: ComparisonPlan) -> None:
        """Write a comparison's plan; it is the period's latest one from now on."""
        parts = [_part_content(part) for part in plan.parts]
        content = {**asdict(replace(plan, parts=())), "period": str(plan.period), "parts": parts}
        content |= {"created_at": plan.created_at.isoformat()}
        self._put(f"{_folder(plan.period, plan.name)}/plan.json", content)
        self._put(_latest_key(plan.period), {"name": plan.name})

    def part(self, plan: ComparisonPlan, number: int) -> PartState:
        """Read how far a part is."""
        content = read_json(self.documents, f"{_folder(plan.period, plan.name)}/part-{number:04}.json")
        if content is None:
            return PartState()
        sums = defaultdict(Counter, {name: Counter(by_currency) for name, by_currency in content["sums"].items()})
        runs = [StoredRun(*run) for run in content["runs"]]
        checks = Tally.from_content(content["checks"]) if "checks" in content else Tally()
        kept = {"counts": Counter(content["counts"]), "sums": sums, "runs": runs, "checks": checks}
        return PartState(**content | kept)

    def put_part(self, plan: ComparisonPlan, number: int, state: PartState) -> None:
        """Write how far a part is."""
        content = {name: getattr(state, name) for name in ("done", "after", "trouble", "counts", "sums", "runs")}
        content["checks"] = state.checks.content()
        self._put(f"{_folder(plan.period, plan.name)}/part-{number:04}.json", content)

    def unread(self, plan: ComparisonPlan) -> tuple[int, ...]:
        """Return the numbers of the parts that are not complete."""
        return tuple(number for number in range(len(plan.parts)) if not self.part(plan, number).done)

    def checks(self, plan: ComparisonPlan) -> Tally | None:
        """Add up what the checks of our records found; None if not all of them were read."""
        states = [self.part(plan, number) for number in plan.numbers_of_ours]
        return merged(state.checks for state in states) if all(state.done for state in states) else None

    def joined(self, plan: ComparisonPlan, provider: str) -> dict[str, Any] | None:
        """Read how far the join of a provider's two sides is."""
        return read_json(self.documents, f"{_folder(plan.period, plan.name)}/joined-{provider}.json")

    def put_joined(self, plan: ComparisonPlan, provider: str, content: Mapping[str, Any]) -> None:
        """Write how far the join is."""
        self._put(f"{_folder(plan.period, plan.name)}/joined-{provider}.json", content)

    def writer(self, plan: ComparisonPlan, number: int, state: PartState) -> "RunWriter":
        """Write runs of a part."""
        return RunWriter(
            self.documents, f"{_folder(plan.period, plan.name)}/part-{number:04}", number * _RUNS_OF_A_PART, state
        )

    def _put(self, key: str, content: Mapping[str, Any]) -> None:
        self.documents.put(key, json.dumps(content).encode())


class RunWriter:
    """Counts what a part reads, and stores it in sorted runs; the part's state names a run once it is stored."""

    def __init__(self, documents: Documents, prefix: str, first: int, state: PartState) -> None:
        self._documents, self._prefix, self._first, self._state = documents, prefix, first, state
        self._records: dict[str, list[bytes]] = defaultdict(list)
        self._texts, self._offset = list[bytes](), 0

    @property
    def full(self) -> bool:
        """Whether it is time to store a run."""
        return sum(map(len, self._records.values())) >= _LONGEST_RUN

    def add_charge(self, charge: ProviderCharge) -> None:
        """Add a provider's charge."""
        self._state.counts[charge.provider] += 1
        self._state.sums[charge.provider][charge.currency] += charge.minor
        number = self._first + self._state.next_run
        self._records[charge.provider].append(of_charge(charge, number, self._offset))
        self._texts.append(text_of(charge))
        self._offset += len(self._texts[-1])

    def add_returned(self, back: MoneyReturned) -> None:
        """Add money that went back: it belongs to a charge that is listed elsewhere, or to none of the period's."""
        self._records[back.provider].append(of_returned(back))

    def add_payment(self, payment: Payment, batch: int, place: int) -> None:
        """Add a payment of ours; one that has collected nothing counts only as known, if the provider knows it."""
        self._state.counts[payment.provider] += bool(payment.net_minor)
        self._state.sums[payment.provider][payment.currency] += payment.net_minor
        if payment.provider_ref or payment.net_minor:
            self._records[payment.provider].append(of_payment(payment, batch, place))

    def store(self) -> None:
        """Store what was added: a run for each provider."""
        for provider, records in self._records.items():
            number = self._first + self._state.next_run
            run = StoredRun(provider, number, f"{self._prefix}-{uuid.uuid4().hex}", len(records))
            records.sort()
            if self._texts:
                self._documents.put(run.texts, b"".join(self._texts), "application/x-ndjson")
            self._documents.put(run.key, b"".join(records), "application/octet-stream")
            self._state.runs.append(run)
        self._records.clear()
        self._texts, self._offset = [], 0


def _folder(period: Period, name: str) -> str:
    return f"{COMPARISONS_PREFIX}{period}/{name}"


def _latest_key(period: Period) -> str:
    return f"{COMPARISONS_PREFIX}{period}/latest.json"


def _part(content: Mapping[str, Any]) -> Part:
    if "group" in content:
        return Part(group=content["group"], groups=content["groups"])
    until = content["until"]
    since, end = datetime.fromisoformat(content["since"]), datetime.fromisoformat(until) if until else None
    return Part(content["provider"], Window(since, end))


def _part_content(part: Part) -> dict[str, Any]:
    if part.window is None:
        return {"group": part.group, "groups": part.groups}
    until = part.window.until.isoformat() if part.window.until else None
    return {"provider": part.provider, "since": part.window.since.isoformat(), "until": until}
