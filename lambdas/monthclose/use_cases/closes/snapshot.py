"""The snapshot: one JSON array of a close's batches, which the Distributed Map reads directly."""

import json
from collections.abc import Mapping

from monthclose.domain.closes.close import Batch
from monthclose.domain.closes.pacing import seconds_to_wait
from monthclose.ports import Documents


def write_batches(
    documents: Documents, key: str, batches: list[Batch], queues: Mapping[str, str], per_second: float
) -> None:
    """Write batches, each with the seconds that it waits for its turn.

    Parameters
    ----------
    queues : mapping
        The URL of each provider's queue; none for a provider without an adapter.
    per_second : float
        For how many customers a second invoices may be generated.
    """
    waits = seconds_to_wait(batches, per_second)
    rows = [{**row_of(batch, queues), "wait_seconds": wait} for batch, wait in zip(batches, waits, strict=True)]
    documents.put(key, json.dumps(rows).encode())


def row_of(batch: Batch, queues: Mapping[str, str]) -> dict[str, object]:
    """Make the Map's item for a batch."""
    return {
        "batch": batch.number,
        "provider": batch.provider,
        "queue_url": queues.get(batch.provider),
        "customers": batch.customer_ids,
    }


def read_batches(documents: Documents, key: str) -> list[Batch]:
    """Read the batches of a snapshot or a round."""
    return [Batch(row["batch"], row["provider"], tuple(row["customers"])) for row in json.loads(documents.get(key))]
