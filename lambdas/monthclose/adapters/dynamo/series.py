"""The number series and the runs reserved from them, in the closes table. No number is skipped, none given twice.

A series is one item that all batches want at the same moment. A run is taken from it by one conditional update, which
DynamoDB carries out one after the other without refusing any: it moves `next` on and writes down, in the same item, who
has taken the run and for which drafts (the intent). Then the run gets its two items: the index by number, and the
batch's reservation. They are written only if they are not there, so anybody may complete what another worker began.

Intents whose runs are complete are removed later, some at a time. A worker that read its batch's reservations before
another one took and completed the very same run must not take a second one, which nobody would use: it names the `next`
that it read before, and the update fails if an intent taken since has been removed. (A transaction over series and
reservation would do as well, but transactions on one item refuse each other: 57 attempts for each that won, simulated
for 100 starts a second.)
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple, cast

from pynamodb.expressions.operand import Path
from pynamodb.expressions.update import Action

from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import ClosesItem, SeriesItem
from monthclose.domain.invoices.series import Series
from monthclose.domain.period import Period
from monthclose.errors import ConflictError, TryLaterError
from monthclose.ports import NumberedRun, Reservation

_RESERVATIONS = {Series.INVOICES: "numbers", Series.CREDIT_NOTES: "corrections"}
"""Names of the partitions of a series' reservations."""
_TRIES = 20
"""How often a run is asked for: the first one wins, unless intents are removed faster than it reads."""
_REMOVE_EVERY, _KEPT, _REMOVED_AT_ONCE = 8, 4, 50
"""Whoever brings the intents to a multiple of this removes all but the newest: some 200 bytes each, so that the item
stays near 1 KB. An update's expression has room for some hundred removals."""


class _Owner(NamedTuple):
    """Whose run it is: the batch, and how many runs it had before."""

    series: Series
    period: Period
    batch: int
    earlier: int

    @property
    def key(self) -> str:
        """Its name among the intents."""
        return f"{self.period}/{self.batch}/{self.earlier}"


class _Intent(NamedTuple):
    """A run that was taken; perhaps its items are not written yet."""

    owner: _Owner
    reservation: Reservation


def reservations(period: Period, batch: int, series: Series) -> list[Reservation]:
    """Read a batch's runs of numbers."""
    with translated():
        items = ClosesItem.query(_reservations_pk(series, period, batch), consistent_read=True)
        return [Reservation(**cast("dict[str, Any]", item.content)) for item in items]


def reserve(period: Period, batch: int, earlier: int, drafts_key: str, count: int, series: Series) -> Reservation:
    """Take the next run of a series for a batch that had `earlier` runs before.

    Raises
    ------
    ConflictError
        The batch has more runs by now. One that another worker had taken for other drafts is complete.
    """
    owner = _Owner(series, period, batch, earlier)
    for _ in range(_TRIES):
        item = _series(series)
        found = _intents(series, item).get(owner.key)
        if found:
            return _own(found, drafts_key, count)
        if len(reservations(period, batch, series)) != earlier:
            raise ConflictError(f"another worker has reserved numbers for batch {batch} of {period}")
        try:
            return _take(owner, drafts_key, count, int(item.next))
        except ConflictError:
            continue
    raise TryLaterError("too many workers are reserving numbers at once")


def run_of(number: int, series: Series) -> NumberedRun | None:
    """Find the last run that begins at the number or before it: one item of the index."""
    with translated():
        before = ClosesItem.sk <= _run_sk(number)
        items = ClosesItem.query(_runs_pk(series), before, scan_index_forward=False, limit=1, consistent_read=True)
        contents = [cast("dict[str, Any]", item.content) for item in items]
    for content in contents:
        run = NumberedRun(**content | {"period": Period.parse(content["period"])})
        if run.first <= number < run.first + run.count:
            return run
    return None


def _series(series: Series) -> SeriesItem:
    """Read a series; it is begun, or converted from how it was stored before, when it is first needed."""
    key = f"series#{series}", "next"
    with translated():
        try:
            item = SeriesItem.get(*key, consistent_read=True)
        except SeriesItem.DoesNotExist:
            item = SeriesItem(*key, content={"number": 1})
    if item.next is not None:
        return item
    # Code from before knows `content` alone: it fails on what it finds there now, and takes no number twice.
    number, version = cast("dict[str, Any]", item.content)["number"], int(item.version)
    unchanged: Any = SeriesItem.version == version if version else SeriesItem.pk.does_not_exist()
    new = SeriesItem(*key, version=version + 1, content={}, next=number, removed=0, firsts={}, details={})
    try:
        with translated():
            new.save(condition=unchanged)
    except ConflictError:
        return _series(series)
    return new


def _take(owner: _Owner, drafts_key: str, count: int, seen: int) -> Reservation:
    """Move the series on and write the intent; then complete the run.

    Raises
    ------
    ConflictError
        The run is taken already, or an intent taken since `seen` was removed: it may have been this one.
    """
    item = SeriesItem(f"series#{owner.series}", "next")
    first, details = Path(["firsts", owner.key]), Path(["details", owner.key])
    content = json.dumps({"drafts_key": drafts_key, "count": count})
    actions: list[Action] = [
        first.set(Path("next")),
        details.set(content),
        SeriesItem.next.set(SeriesItem.next + count),
    ]
    with translated():
        item.update(actions, condition=first.does_not_exist() & (SeriesItem.removed < seen))
    intents = _intents(owner.series, item)
    mine = intents[owner.key]
    _complete(mine)
    if len(intents) % _REMOVE_EVERY == 0:
        _remove_old(owner.series, intents)
    return mine.reservation


def _own(found: _Intent, drafts_key: str, count: int) -> Reservation:
    """Complete a run that was taken for the batch: by this very call if its answer was lost, or by another worker."""
    _complete(found)
    reserved = found.reservation
    if (reserved.drafts_key, reserved.count) != (drafts_key, count):
        raise ConflictError("another worker has reserved numbers for the batch, for other drafts")
    return reserved


def _complete(intent: _Intent) -> None:
    """Write a run's two items, if they are not there; the reservation last, as its numbers are used once it is read."""
    (series, period, batch, earlier), run = intent
    indexed = {"period": str(period), "batch": batch, "first": run.first, "count": run.count}
    for item in (
        ClosesItem(_runs_pk(series), _run_sk(run.first), content=indexed, version=1),
        ClosesItem(_reservations_pk(series, period, batch), f"{earlier:04}", content=asdict(run), version=1),
    ):
        try:
            with translated():
                item.save(condition=ClosesItem.pk.does_not_exist())
        except ConflictError:
            continue


def _remove_old(series: Series, intents: Mapping[str, _Intent]) -> None:
    """Remove all intents but the newest, after completing those whose workers have died."""
    old = sorted(intents.values(), key=lambda intent: intent.reservation.first)[:-_KEPT][:_REMOVED_AT_ONCE]
    last = old[-1].reservation.first
    for intent in old:
        if intent.reservation not in reservations(intent.owner.period, intent.owner.batch, series):
            _complete(intent)
    paths = [Path([attribute, intent.owner.key]) for intent in old for attribute in ("firsts", "details")]
    actions: list[Action] = [*(path.remove() for path in paths), SeriesItem.removed.set(last)]
    try:
        with translated():
            SeriesItem(f"series#{series}", "next").update(actions, condition=SeriesItem.removed < last)
    except ConflictError:
        return  # another worker has removed as much


def _intents(series: Series, item: SeriesItem) -> dict[str, _Intent]:
    firsts, texts = item.firsts.as_dict(), item.details.as_dict()
    found = {}
    for key, first in firsts.items():
        period, batch, earlier = key.split("/")
        content = json.loads(texts[key])
        owner = _Owner(series, Period.parse(period), int(batch), int(earlier))
        found[key] = _Intent(owner, Reservation(int(first), content["count"], content["drafts_key"]))
    return found


def _run_sk(first: int) -> str:
    return f"{first:015}"


def _runs_pk(series: Series) -> str:
    """The runs by first number, to find an invoice by its number: one small item per batch, not per invoice."""
    return f"runs#{series}"


def _reservations_pk(series: Series, period: Period, batch: int) -> str:
    return f"{period}#{_RESERVATIONS[series]}#{batch:05}"
