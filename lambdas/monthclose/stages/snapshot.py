"""The snapshot: one JSON array of a close's batches, which the Distributed Map reads as it is."""

import json
from collections.abc import Mapping

from monthclose.domain.close import Batch
from monthclose.ports import Documents


def write_batches(documents: Documents, key: str, batches: list[Batch], queues: Mapping[str, str]) -> None:
    """Write batches; `queues` has the URL of each provider's queue, None for a provider without adapter."""
    rows = [
        {
            "batch": batch.number,
            "provider": batch.provider,
            "queue_url": queues.get(batch.provider),
            "customers": batch.customer_ids,
        }
        for batch in batches
    ]
    documents.put(key, json.dumps(rows).encode())


def read_batches(documents: Documents, key: str) -> list[Batch]:
    """Read batches that were written."""
    return [Batch(row["batch"], row["provider"], tuple(row["customers"])) for row in json.loads(documents.get(key))]
