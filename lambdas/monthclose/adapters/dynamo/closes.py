"""Closes, batches' progress, reservations and number series, in the closes table.

A close's batches are spread over `_SHARDS` partitions: 10,000 children write their progress at the same time.
"""

import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, cast

from pynamodb.connection import Connection
from pynamodb.transactions import TransactWrite

from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import ClosesItem
from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, Stop, Totals
from monthclose.domain.invoices.series import Series
from monthclose.domain.period import Period
from monthclose.errors import ConflictError
from monthclose.ports import NumberedRun, Reservation

_SHARDS = 16
_CLOSES = "closes"
_RESERVATIONS = {Series.INVOICES: "numbers", Series.CREDIT_NOTES: "corrections"}
"""Names of the partitions of a series' reservations."""
_BACKOFF = tuple(0.02 * 1.5**i for i in range(12))
"""Longest pauses, in seconds, between attempts to reserve numbers."""


class DynamoCloses:
    """`Closes` on DynamoDB."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, period: Period) -> Close | None:
        """Read a close."""
        item = _get(_CLOSES, str(period))
        return _close(item) if item else None

    def put(self, close: Close) -> Close:
        """Write a close if the stored one still has its version."""
        _put(_CLOSES, str(close.period), _close_content(close), close.version)
        return replace(close, version=close.version + 1)

    def all(self) -> list[Close]:
        """List the closes: one item a month, a single small partition."""
        with translated():
            items = ClosesItem.query(_CLOSES, scan_index_forward=False, consistent_read=True)
            return [_close(item) for item in items]

    def progress(self, period: Period, batch: int) -> BatchProgress | None:
        """Read one batch's progress."""
        item = _get(*_progress_key(period, batch))
        return _progress(item) if item else None

    def put_progress(self, progress: BatchProgress) -> None:
        """Overwrite one batch's progress."""
        pk, sk = _progress_key(progress.period, progress.batch.number)
        with translated():
            ClosesItem(pk, sk, content=_progress_content(progress)).save()

    def all_progress(self, period: Period) -> Iterator[BatchProgress]:
        """Iterate over all batches, shard by shard."""
        for shard in range(_SHARDS):
            with translated():
                for item in ClosesItem.query(f"{period}#batches#{shard:02}", consistent_read=True):
                    yield _progress(item)

    def reservations(self, period: Period, batch: int, series: Series = Series.INVOICES) -> list[Reservation]:
        """Read a batch's runs of numbers."""
        with translated():
            items = ClosesItem.query(_reservations_pk(period, batch, series), consistent_read=True)
            return [Reservation(**cast("dict[str, Any]", item.content)) for item in items]

    def reserve(
        self,
        period: Period,
        batch: int,
        earlier: int,
        drafts_key: str,
        count: int,
        series: Series = Series.INVOICES,
    ) -> Reservation:
        """Advance the series and store the run, in one transaction: neither happens alone, so there is no gap.

        Many batches reserve at the same time, and one of them wins at a time: the others try again after a moment,
        unless another worker has reserved for their own batch.
        """
        for delay in _BACKOFF:
            try:
                return self._reserve_once(period, batch, earlier, drafts_key, count, series)
            except ConflictError:
                if len(self.reservations(period, batch, series)) > earlier:
                    raise
                time.sleep(random.uniform(0, delay))  # noqa: S311 (jitter)
        return self._reserve_once(period, batch, earlier, drafts_key, count, series)

    def _reserve_once(
        self, period: Period, batch: int, earlier: int, drafts_key: str, count: int, series: Series
    ) -> Reservation:
        last = _get(*_series_key(series))
        next_number, version = (last.content["number"], int(last.version)) if last else (1, 0)
        reservation = Reservation(int(next_number), count, drafts_key)
        moved = ClosesItem(*_series_key(series), content={"number": reservation.first + count}, version=version + 1)
        owner = _reservations_pk(period, batch, series)
        stored = ClosesItem(owner, f"{earlier:04}", content=asdict(reservation), version=1)
        run = {"period": str(period), "batch": batch, "first": reservation.first, "count": count}
        indexed = ClosesItem(_runs_pk(series), _run_sk(reservation.first), content=run, version=1)
        with (
            translated(),
            TransactWrite(connection=self._connection, client_request_token=str(uuid.uuid4())) as transaction,
        ):
            transaction.save(moved, condition=_at_version(version))
            transaction.save(stored, condition=_at_version(0))
            transaction.save(indexed, condition=_at_version(0))
        return reservation

    def run_of(self, number: int, series: Series = Series.INVOICES) -> NumberedRun | None:
        """Find the last run that begins at the number or before it: one item of the index."""
        with translated():
            before, runs = ClosesItem.sk <= _run_sk(number), _runs_pk(series)
            items = list(ClosesItem.query(runs, before, scan_index_forward=False, limit=1, consistent_read=True))
        for item in items:
            content = cast("dict[str, Any]", item.content)
            run = NumberedRun(**content | {"period": Period.parse(content["period"])})
            if run.first <= number < run.first + run.count:
                return run
        return None


def _at_version(version: int) -> Any:
    return ClosesItem.version == version if version else ClosesItem.pk.does_not_exist()


def _get(pk: str, sk: str) -> ClosesItem | None:
    with translated():
        try:
            return ClosesItem.get(pk, sk, consistent_read=True)
        except ClosesItem.DoesNotExist:
            return None


def _put(pk: str, sk: str, content: dict[str, Any], version: int) -> None:
    with translated():
        ClosesItem(pk, sk, content=content, version=version + 1).save(condition=_at_version(version))


def _progress_key(period: Period, batch: int) -> tuple[str, str]:
    return f"{period}#batches#{batch % _SHARDS:02}", f"{batch:05}"


def _run_sk(first: int) -> str:
    return f"{first:015}"


def _series_key(series: Series) -> tuple[str, str]:
    return f"series#{series}", "next"


def _runs_pk(series: Series) -> str:
    """The runs by first number, to find an invoice by its number: one small item per batch, not per invoice."""
    return f"runs#{series}"


def _reservations_pk(period: Period, batch: int, series: Series) -> str:
    return f"{period}#{_RESERVATIONS[series]}#{batch:05}"


def _close_content(close: Close) -> dict[str, Any]:
    return asdict(close) | {
        "period": str(close.period),
        "opened_at": close.opened_at.isoformat(),
        "run_started_at": close.run_started_at.isoformat(),
        "completed_at": close.completed_at.isoformat() if close.completed_at else None,
        "stops": [[stop.time.isoformat(), stop.reason] for stop in close.stops],
    }


def _close(item: ClosesItem) -> Close:
    content = cast("dict[str, Any]", item.content)
    completed = content["completed_at"]
    return Close(
        **content
        | {
            "period": Period.parse(content["period"]),
            "status": CloseStatus(content["status"]),
            "opened_at": datetime.fromisoformat(content["opened_at"]),
            "run_started_at": datetime.fromisoformat(content["run_started_at"]),
            "completed_at": datetime.fromisoformat(completed) if completed else None,
            "warnings": tuple(content["warnings"]),
            "stops": tuple(Stop(datetime.fromisoformat(at), why) for at, why in content.get("stops", ())),
            "version": int(item.version),
        }
    )


def _progress_content(progress: BatchProgress) -> dict[str, Any]:
    return asdict(progress) | {"period": str(progress.period), "time": progress.time.isoformat()}


def _progress(item: ClosesItem) -> BatchProgress:
    content = cast("dict[str, Any]", item.content)
    batch = content["batch"]
    return BatchProgress(
        period=Period.parse(content["period"]),
        batch=Batch(batch["number"], batch["provider"], tuple(batch["customer_ids"])),
        stage=Stage(content["stage"]),
        round=content["round"],
        totals=Totals(**content["totals"]),
        unsettled=content["unsettled"],
        time=datetime.fromisoformat(content["time"]),
    )
