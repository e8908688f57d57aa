"""Sending notices against SES's rate and daily quota, and applying holds."""

from bench.scale.aws import Aws
from bench.scale.batches import SimBatch
from bench.scale.engine import Process
from bench.scale.machine import Failed
from bench.scale.scenario import model
from stacks.functions.table import Function

_CHUNK = 10
_PATIENCE = 15.0
"""Seconds: whoever would have to wait longer for the lane stays untold, and is told before the report."""


class Telling:
    """The two functions' work."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.told_at = 0.0
        self.refused = 0
        self.left_for_the_end = 0
        self._mail_seconds = self._seconds(Function.SEND_NOTICES) + model()["seconds"]["mail"]
        self._hold_seconds = self._seconds(Function.APPLY_HOLDS)

    def _seconds(self, function: Function) -> float:
        """How long a customer takes: requests one after the other, and the CPU."""
        stage, seconds = self._aws.stage(function), model()["seconds"]
        waits = {"GetItem": "get_item", "Query": "query", "PutItem": "write_item", "TransactWriteItems": "transaction"}
        waiting = sum(stage.requests(f"DynamoDB {name}") * seconds[kind] for name, kind in waits.items())
        cpu = stage.cpu_ms + stage.all_requests * model()["cpu"]["https_request"]
        return waiting + self._aws.cpu_seconds(function, cpu)

    def send(self, batch: SimBatch) -> Process[None]:
        """Send a batch's notices, as many as have a turn.

        Raises
        ------
        Failed
            SES refuses one for its rate, and the code has no lane.
        """
        aws, stage = self._aws, self._aws.stage(Function.SEND_NOTICES)
        while batch.untold:
            wanted = min(batch.untold, _CHUNK)
            if self._over_quota(wanted):
                self.refused += 1
                raise Failed("TryLaterError")
            wait = 0.0
            if aws.scenario.fixes.mail_lane:
                waiting = aws.mails.backlog(aws.loop.now)
                if waiting > _PATIENCE:
                    self.left_for_the_end += batch.untold
                    return
                granted, wait = wanted, aws.mails.pace(aws.loop.now, wanted)
            else:
                granted = aws.mails.take(aws.loop.now, wanted, 1)
            yield from self._sent(batch, granted, stage.units("read"), stage.units("write"), wait)
            if granted < wanted:
                self.refused += 1
                raise Failed("TryLaterError")

    def send_remaining(self, batches: list[SimBatch]) -> Process[None]:
        """Tell everybody who had no turn, at the rate of the lane."""
        aws, stage = self._aws, self._aws.stage(Function.SEND_NOTICES)
        for batch in batches:
            if batch.untold and not self._over_quota(batch.untold):
                wait = aws.mails.pace(aws.loop.now, batch.untold)
                each = 0.0  # many side by side: the lane alone says how fast
                yield from self._sent(batch, batch.untold, stage.units("read"), stage.units("write"), wait, each)

    def _over_quota(self, number: int) -> bool:
        return self._aws.mails_sent.total + number > self._aws.scenario.quotas.mails_per_day

    def _sent(
        self,
        batch: SimBatch,
        number: int,
        reads: dict[str, float],
        writes: dict[str, float],
        wait: float,
        each: float | None = None,
    ) -> Process[None]:
        aws = self._aws
        if not number:
            return
        aws.mails_sent.add(aws.loop.now, number)
        yield from aws.read(reads, number)
        aws.write(writes, number)
        yield max(wait, number * (self._mail_seconds if each is None else each))
        batch.told += number
        aws.used["mails"] += number
        self.told_at = aws.loop.now

    def hold(self, batch: SimBatch) -> Process[None]:
        """Apply a batch's holds; its last stage."""
        stage = self._aws.stage(Function.APPLY_HOLDS)
        yield from self._aws.read(stage.units("read"), batch.size)
        self._aws.write(stage.units("write"), batch.size)
        yield batch.size * self._hold_seconds
        batch.closed = True
