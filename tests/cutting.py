"""The rule for batches, applied to customers who fit into memory."""

from collections import Counter
from collections.abc import Iterable

from monthclose.domain.closes.batching import MAX_BATCHES, Planned, batch_size, batches_of
from monthclose.domain.closes.close import Batch


def cut_into_batches(customers: Iterable[Planned], max_batches: int = MAX_BATCHES) -> list[Batch]:
    """Order customers who fit into memory, and cut them into batches."""
    ordered = sorted(customers, key=lambda customer: customer.place)
    by_provider: dict[str, list[str]] = {}
    for customer in ordered:
        by_provider.setdefault(customer.provider, []).append(customer.customer_id)
    counts = Counter(customer.provider for customer in ordered)
    return list(batches_of(by_provider, batch_size(counts, max_batches)))
