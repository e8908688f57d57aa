"""Lists of batches: JSON arrays that a Distributed Map reads directly, with a batch on each line.

They are written and read line by line: those of ten million customers have hundreds of megabytes.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import tee
from typing import Any

from monthclose.domain.closes.close import Batch
from monthclose.domain.closes.pacing import seconds_to_wait
from monthclose.domain.closes.retry import Chosen
from monthclose.ports import Documents


def write_batches(
    documents: Documents,
    key: str,
    batches: Iterable[Batch],
    queues: Mapping[str, str],
    per_second: float = math.inf,
    chosen: Chosen | None = None,
) -> None:
    """Write batches, each with the seconds that it waits for its turn.

    Parameters
    ----------
    queues : mapping
        The URL of each provider's queue; none for a provider without an adapter.
    per_second : float
        For how many customers a second invoices may be generated.
    chosen : Chosen or None
        The only customers of the batches to do anything for; None for all.
    """
    documents.write(key, _as_array(batches, queues, per_second, chosen))


def read_batches(documents: Documents, key: str) -> Iterator[Batch]:
    """Read a list of batches; lists of earlier releases have all of them on one line."""
    for line in documents.lines(key):
        for row in _rows(line.decode()):
            yield Batch(row["batch"], row["provider"], tuple(row["customers"]))


def _as_array(
    batches: Iterable[Batch], queues: Mapping[str, str], per_second: float, chosen: Chosen | None
) -> Iterator[bytes]:
    opening = b"["
    batches, ahead = tee(batches)
    for batch, wait in zip(batches, seconds_to_wait(ahead, per_second), strict=True):
        yield opening + json.dumps(_row_of(batch, queues, wait) | {"only": chosen.of(batch) if chosen else ()}).encode()
        opening = b",\n"
    yield b"[]" if opening == b"[" else b"]"


def _row_of(batch: Batch, queues: Mapping[str, str], wait_seconds: int) -> dict[str, object]:
    """Make the Map's item for a batch."""
    return {
        "batch": batch.number,
        "provider": batch.provider,
        "queue_url": queues.get(batch.provider),
        "customers": batch.customer_ids,
        "wait_seconds": wait_seconds,
    }


def _rows(line: str) -> Iterator[dict[str, Any]]:
    """Read the objects of an array that are on one line of it."""
    decoder, place = json.JSONDecoder(), line.find("{")
    while place >= 0:
        row, end = decoder.raw_decode(line, place)
        yield row
        place = line.find("{", end)
