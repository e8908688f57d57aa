"""The snapshot: one JSON array of a close's batches, which the Distributed Map reads directly."""

import json
from collections.abc import Mapping

from monthclose.domain.closes.close import Batch
from monthclose.ports import Documents


def write_batches(documents: Documents, key: str, batches: list[Batch], queues: Mapping[str, str]) -> None:
    """Write batches; `queues` has the URL of each provider's queue, None for a provider without an adapter."""
    documents.put(key, json.dumps([row_of(batch, queues) for batch in batches]).encode())


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
