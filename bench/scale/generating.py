"""Generating invoices: reads, a run of numbers, and a transaction for each customer, against the tables' limits."""

from collections import Counter

from bench.scale.aws import Aws
from bench.scale.batches import SimBatch
from bench.scale.engine import Process
from bench.scale.machine import Failed
from bench.scale.scenario import model
from monthclose.adapters.dynamo import closes
from stacks.functions.spec import Function

_THIS = Function.GENERATE_INVOICES
_CHUNK = 10
"""Customers whose transactions are simulated as one event."""
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 5.0
"""Seconds of a throttled transaction's first and longest pause before it is repeated."""
_SHARE_KEPT = 0.1
"""Of the function's time: when so little is left, what is throttled is left to the next attempt."""
_UNITS_PER_ATTEMPT = 2
_BACKOFF = tuple(getattr(closes, "_BACKOFF", tuple(0.02 * 1.5**i for i in range(12))))
"""Longest pauses between attempts to reserve numbers: the store's own."""


class Numbers:
    """The number series: one item, so one partition, that every batch moves on."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.version = 0
        self.attempts = self.wins = 0
        self._busy_until = 0.0

    def reserve(self) -> Process[None]:
        """Reserve a run.

        Raises
        ------
        Failed
            Other batches were first every time.
        """
        self.wins += 1
        if self._aws.scenario.fixes.one_update_per_number:
            self.attempts += 1
            yield self._aws.series.pace(self._aws.loop.now, 1) + model()["seconds"]["write_item"]
            return
        for longest in _BACKOFF:
            if (yield from self._try()):
                return
            yield model()["seconds"]["query"] + self._aws.rng.uniform(0, longest)
        if not (yield from self._try()):
            self.wins -= 1
            raise Failed("ConflictError")

    def _try(self) -> Process[bool]:
        """Read the series, then move it on in a transaction: the item is locked from its first phase to its end."""
        loop, seconds = self._aws.loop, model()["seconds"]
        self.attempts += 1
        yield seconds["get_item"]
        seen = self.version
        wait = self._aws.series.pace(loop.now, _UNITS_PER_ATTEMPT)
        yield wait + seconds["transaction"] / 2
        if self.version != seen or loop.now < self._busy_until:
            return False
        self._busy_until = loop.now + seconds["transaction"] / 2
        self.version += 1
        yield seconds["transaction"] / 2
        return True


class Generating:
    """The function's work."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.numbers = Numbers(aws)
        self.throttled = 0
        stage, seconds = aws.stage(_THIS), model()["seconds"]
        transactions = stage.requests("DynamoDB TransactWriteItems")
        cpu = stage.cpu_ms + stage.all_requests * model()["cpu"]["https_request"]
        reading = stage.requests("DynamoDB Query") * seconds["query"]
        reading += stage.requests("DynamoDB GetItem") * seconds["get_item"]
        self._read_seconds = reading + aws.cpu_seconds(_THIS, cpu * _CPU_READING)
        self._commit_seconds = transactions * seconds["transaction"] + aws.cpu_seconds(_THIS, cpu * (1 - _CPU_READING))
        self._reads, self._writes = stage.units("read"), stage.units("write")
        self.invoiced_at = 0.0
        self.by_minute: Counter[int] = Counter()

    def generate(self, batch: SimBatch) -> Process[dict[str, int]]:
        """Invoice a batch; what is booked stays booked if it fails."""
        aws, began = self._aws, self._aws.loop.now
        todo = batch.size - batch.invoiced
        if todo:
            yield from aws.read(self._reads, todo)
            yield todo * self._read_seconds
        if todo and not batch.reserved:
            yield from self.numbers.reserve()
            batch.reserved = True
            yield 2 * model()["seconds"]["s3"]
        yield from self._book(batch, began + (1 - _SHARE_KEPT) * self._aws.time_out(_THIS))
        aws.write({"closes": 2.0, "idempotency": 2.0}, 1)
        if todo:
            self.invoiced_at = aws.loop.now
        return {"invoiced": batch.invoiced, "to_charge": batch.to_charge, "held": 0}

    def _book(self, batch: SimBatch, until: float) -> Process[None]:
        aws, pause = self._aws, _FIRST_PAUSE
        while batch.invoiced < batch.size:
            wanted = min(batch.size - batch.invoiced, _CHUNK)
            granted = aws.commit(self._writes, wanted)
            batch.invoiced += granted
            if granted:
                pause = _FIRST_PAUSE
                yield granted * self._commit_seconds
            if granted == wanted:
                continue
            self.throttled += 1
            if not aws.scenario.fixes.repeats_throttled or aws.loop.now > until:
                raise Failed("TryLaterError")
            yield aws.rng.uniform(0, pause)
            pause = min(pause * 2, _LONGEST_PAUSE)


_CPU_READING = 0.6
"""Share of a customer's CPU time that reading, rating and writing the document take; booking takes the rest."""
