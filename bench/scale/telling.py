"""Sending notices against SES's rate and daily quota, and applying holds."""

from bench.costs.timing import at_the_limit, seconds_of
from bench.scale.aws import Aws
from bench.scale.batches import SimBatch
from bench.scale.engine import Process
from bench.scale.machine import Failed
from monthclose.use_cases.notices.send_notices import MOST_WAITING, SENDERS, SIDE_BY_SIDE
from stacks.functions.spec import Function

_CHUNK = 10
_PATIENCE = 30.0
"""Seconds: whoever would have to wait longer for the lane stays untold, and is told before the report."""
_MOST_WAITING = MOST_WAITING.total_seconds()
_SHARE_KEPT = 0.1
"""Of the time of the function that sends what is left, as its handler keeps it."""


class Telling:
    """The two functions' work."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self.told_at = 0.0
        self.refused = 0
        self.left_for_the_end = 0
        self._stage = at_the_limit(aws.stage(Function.SEND_NOTICES), Function.SEND_NOTICES)
        memory = aws.memory_mb(Function.SEND_NOTICES)
        self._mail_seconds = seconds_of(self._stage, memory, SIDE_BY_SIDE)
        self._remaining_seconds = seconds_of(self._stage, aws.memory_mb(Function.SEND_REMAINING_NOTICES), SENDERS)
        self._hold_seconds = seconds_of(aws.stage(Function.APPLY_HOLDS), aws.memory_mb(Function.APPLY_HOLDS))

    def send(self, batch: SimBatch) -> Process[None]:
        """Send a batch's notices, as many as have a turn in the time that the batch has for mail.

        Raises
        ------
        Failed
            SES refuses one for its rate, and the code has no lane.
        """
        aws, stage = self._aws, self._stage
        waited = 0.0
        while batch.untold:
            if waited > _MOST_WAITING and aws.scenario.fixes.mail_lane:
                self.left_for_the_end += batch.untold
                return
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
                waited += max(wait - wanted * self._mail_seconds, 0.0)
            else:
                granted = aws.mails.take(aws.loop.now, wanted, 1)
            yield from self._sent(batch, granted, stage.units("read"), stage.units("write"), wait)
            if granted < wanted:
                self.refused += 1
                raise Failed("TryLaterError")

    def send_remaining(self, batches: list[SimBatch]) -> Process[bool]:
        """Tell those who had no turn, for as long as the function has time; returns whether to call it again."""
        aws, stage, this = self._aws, self._stage, Function.SEND_REMAINING_NOTICES
        until, sent = aws.loop.now + (1 - _SHARE_KEPT) * aws.time_out(this), 0
        each = self._remaining_seconds
        for batch in batches:
            while batch.untold:
                wanted = min(batch.untold, _CHUNK)
                if aws.loop.now > until or self._over_quota(wanted):
                    return bool(sent)
                wait = aws.mails.pace(aws.loop.now, wanted)
                yield from self._sent(batch, wanted, stage.units("read"), stage.units("write"), wait, each)
                sent += wanted
        return False

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
        batch.told_at.append((aws.loop.now, number))
        aws.used["mails"] += number
        self.told_at = aws.loop.now

    def hold(self, batch: SimBatch) -> Process[None]:
        """Apply a batch's holds; its last stage."""
        stage = self._aws.stage(Function.APPLY_HOLDS)
        yield from self._aws.read(stage.units("read"), batch.size)
        self._aws.write(stage.units("write"), batch.size)
        yield batch.size * self._hold_seconds
        batch.closed = True
