"""Closes and batches' progress, in the closes table; the number series are in `series`.

A close's batches are spread over `_SHARDS` partitions: 10,000 children write their progress at the same time.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, replace
from datetime import datetime
from itertools import batched
from typing import Any, cast

from monthclose.adapters.dynamo import series as number_series
from monthclose.adapters.dynamo.batches import Batches
from monthclose.adapters.dynamo.failures import translated
from monthclose.adapters.dynamo.models import ClosesItem
from monthclose.domain.closes.close import Batch, BatchProgress, Close, CloseStatus, Stage, Stop, Totals
from monthclose.domain.invoices.series import Series
from monthclose.domain.month import CustomerMonth
from monthclose.domain.payments.charging_pause import Pause
from monthclose.domain.period import Period
from monthclose.ports import NumberedRun, Register, Reservation

_SHARDS = 16
_INDEX_SHARDS = 4
_READ_AT_ONCE = 400
_CLOSES, _BATCHES = "closes", "#batches#"


class DynamoCloses:
    """`Closes` on DynamoDB.

    Parameters
    ----------
    register : callable
        Returns the register, which is loaded where something is written only.
    """

    def __init__(self, batches: Batches, register: Callable[[], Register]) -> None:
        self._batches, self._register = batches, register

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

    def put_progress(self, progress: BatchProgress, months: Collection[CustomerMonth] = ()) -> None:
        """Overwrite one batch's progress: its rows first, so that a stage that dies in between writes both again."""
        if months:
            self._register().put_batch(progress, months)
        pk, sk = _progress_key(progress.period, progress.batch.number)
        left = _left_pk(progress.period, progress.batch.provider, progress.batch.number % _INDEX_SHARDS)
        item = ClosesItem(
            pk, sk, content=_progress_content(progress), left=left if progress.left_to_reconcile else None
        )
        with translated():
            item.save()

    def all_progress(self, period: Period) -> Iterator[BatchProgress]:
        """Iterate over all batches, shard by shard."""
        for shard in range(_SHARDS):
            with translated():
                for item in ClosesItem.query(f"{period}#batches#{shard:02}", consistent_read=True):
                    yield _progress(item)

    def left_to_reconcile(self, period: Period, provider: str) -> Iterator[BatchProgress]:
        """Query the sparse index, partition by partition, and read the batches that it names."""
        for shard in range(_INDEX_SHARDS):
            with translated():
                found = ClosesItem.unfinished.query(_left_pk(period, provider, shard))
                keys = [(item.pk, item.sk) for item in found]
            for some in batched(keys, _READ_AT_ONCE, strict=False):
                progress = map(_progress, self._batches.read(ClosesItem, some, consistent=True))
                yield from (batch for batch in progress if batch.left_to_reconcile)

    def reservations(self, period: Period, batch: int, series: Series = Series.INVOICES) -> list[Reservation]:
        """Read a batch's runs of numbers."""
        return number_series.reservations(period, batch, series)

    def reserve(
        self,
        period: Period,
        batch: int,
        earlier: int,
        drafts_key: str,
        count: int,
        series: Series = Series.INVOICES,
    ) -> Reservation:
        """Reserve in the series; see `series.reserve`."""
        return number_series.reserve(period, batch, earlier, drafts_key, count, series)

    def run_of(self, number: int, series: Series = Series.INVOICES) -> NumberedRun | None:
        """Find a run in the index."""
        return number_series.run_of(number, series)


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


def _left_pk(period: Period, provider: str, shard: int) -> str:
    return f"{period}#{provider}#{shard}"


def _close_content(close: Close) -> dict[str, Any]:
    return asdict(close) | {
        "period": str(close.period),
        "opened_at": close.opened_at.isoformat(),
        "run_started_at": close.run_started_at.isoformat(),
        "completed_at": close.completed_at.isoformat() if close.completed_at else None,
        "stops": [[stop.time.isoformat(), stop.reason, *([stop.by] if stop.by else [])] for stop in close.stops],
        "pauses": [pause.to_json() for pause in close.pauses],
        "round_began_at": close.round_began_at.isoformat() if close.round_began_at else None,
    }


def _close(item: ClosesItem) -> Close:
    content = cast("dict[str, Any]", item.content)
    completed, round_began = content["completed_at"], content.get("round_began_at")
    return Close(
        **content
        | {
            "period": Period.parse(content["period"]),
            "status": CloseStatus(content["status"]),
            "opened_at": datetime.fromisoformat(content["opened_at"]),
            "run_started_at": datetime.fromisoformat(content["run_started_at"]),
            "completed_at": datetime.fromisoformat(completed) if completed else None,
            "warnings": tuple(content["warnings"]),
            "providers": tuple(content.get("providers", ())),
            "stops": tuple(Stop(datetime.fromisoformat(at), *said) for at, *said in content.get("stops", ())),
            "pauses": tuple(Pause.from_json(pause) for pause in content.get("pauses", ())),
            "round_began_at": datetime.fromisoformat(round_began) if round_began else None,
            "version": int(item.version),
        }
    )


def _progress_content(progress: BatchProgress) -> dict[str, Any]:
    charged_at = progress.charged_at.isoformat() if progress.charged_at else None
    content = asdict(progress) | {
        "period": str(progress.period),
        "time": progress.time.isoformat(),
        "charged_at": charged_at,
    }
    return {name: value for name, value in content.items() if value or name not in _OPTIONAL}


_OPTIONAL = ("outdated", "charged_at")
"""Left out of a batch's item where there is nothing to say."""


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
        outdated=content.get("outdated", False),
        charged_at=datetime.fromisoformat(content["charged_at"]) if content.get("charged_at") else None,
    )


def read_item(item: ClosesItem) -> Close | BatchProgress | None:
    """Read a close or a batch's progress; None for the table's other items."""
    if item.pk == _CLOSES:
        return _close(item)
    return _progress(item) if _BATCHES in item.pk else None
