"""How fast invoices are generated: no faster than the tables take them.

A Distributed Map starts a hundred batches a second, with up to ten thousand customers; a new table takes 4,000 write
units a second (DynamoDB's *Warm throughput*). So each batch waits for its turn before its invoices are generated. All
batches are in flight all the same, the ones with most money first, and charging begins with the first of them.
"""

from collections.abc import Iterable, Iterator

from monthclose.domain.closes.close import Batch

COLD_WRITES, COLD_READS = 4_000, 12_000
"""Units a second that a new on-demand table takes."""
_MOST_WRITES, _MOST_READS = 40_000, 40_000
"""Units a second of one table in an account's quota, unless AWS raises it."""
WRITES_PER_CUSTOMER, READS_PER_CUSTOMER = 8, 8
"""Units of the billing table, the most of any, for generating one invoice: 6 writes are counted (`python -m
bench.requests_per_customer`), of items near the 1 KB of a unit."""
_GENERATING_SECONDS = 1_800
"""In how long all invoices are generated, if the tables are made for as many customers as there are."""
_SHARE = 0.8
"""The share of a table's units that generating may use; the rest is for charging, notices and holds."""
_CHILDREN_PER_SECOND = 100
"""Batches that a Distributed Map starts a second."""


def warm_writes(expected_customers: int) -> int:
    """Choose the write units a second that a table is made for."""
    return _units(expected_customers, WRITES_PER_CUSTOMER, COLD_WRITES, _MOST_WRITES)


def warm_reads(expected_customers: int) -> int:
    """Choose the read units a second that a table is made for."""
    return _units(expected_customers, READS_PER_CUSTOMER, COLD_READS, _MOST_READS)


def generated_per_second(expected_customers: int) -> int:
    """Choose for how many customers a second invoices are generated."""
    return round(warm_writes(expected_customers) * _SHARE / WRITES_PER_CUSTOMER)


def seconds_to_wait(batches: Iterable[Batch], per_second: float) -> Iterator[int]:
    """Say for each batch how many seconds it waits from when the Map starts it."""
    before = 0
    for number, batch in enumerate(batches):
        yield max(int(before / per_second - number / _CHILDREN_PER_SECOND), 0)
        before += len(batch.customer_ids)


def _units(expected_customers: int, each: int, least: int, most: int) -> int:
    return min(max(round(expected_customers * each / (_GENERATING_SECONDS * _SHARE)), least), most)
