"""Charging: the queue, its workers, and the lanes of the provider's limit, with the limiter's own arithmetic.

A worker's threads are simulated together: a lease of slots is one event, and so are its answers.
"""

import math
from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.costs.timing import at_the_limit
from bench.scale.aws import Aws
from bench.scale.batches import SimBatch
from bench.scale.engine import Process, Signal
from bench.scale.machine import Failed
from bench.scale.scenario import model, settings
from monthclose.domain.payments.provider_health import Health
from monthclose.domain.payments.throttle import ASK_AHEAD_SECONDS, LeaseSize, gather_seconds, lease
from stacks.functions.spec import Function

_THIS = Function.CHARGE_CUSTOMERS
_MESSAGES_AT_ONCE = 10
"""As stacks/providers.py has it."""
_SHARE_TO_HAND_BACK = 0.25
"""Of a consumer's time, as `WaitingTask` keeps it."""
_PATIENCE = 15.0
_HEARTBEAT = 30.0
_HANDS_BACK_AFTER = 2.0
"""Seconds until a consumer has noticed that the provider is down."""


@dataclass(slots=True)
class Message:
    """A batch's message."""

    batch: SimBatch
    token: Signal
    left: int
    begun_with: int
    """What was left when a consumer took it."""
    last_beat: float
    """When the task last heard of it, or began to wait."""
    alive: bool = True
    turns: int = 0


@dataclass(slots=True)
class Lane:
    """What shares one limit at the provider: when its next free slot is due."""

    free_at: float | None = None


@dataclass(slots=True)
class _WorkerLane:
    shared: Lane
    last: bool
    waiting: int = 0
    asking: bool = False
    ask_at: float = 0.0
    size: LeaseSize = field(default_factory=LeaseSize)


class _Answers(NamedTuple):
    """Answers that come together: those of a lease."""

    lane: _WorkerLane
    number: int


class Charging:
    """A provider's queue and workers."""

    def __init__(self, aws: Aws) -> None:
        self.aws = aws
        self.provider = aws.scenario.provider
        self.pace = self.provider.limit.pace()
        self.lanes = [Lane(), Lane()]
        self.queue: deque[Message] = deque()
        self.workers = [Worker(self) for _ in range(self.provider.maximum_concurrency)]
        self.first_at, self.last_at = math.inf, 0.0
        self.charges = self.leases = self.put_back = self.dropped = self.skipped = self.longest_chain = 0
        self.backlog_seconds = 0.0
        self.health = Health()
        self._idle = list(self.workers)
        self._backlog_since: float | None = None

    def put(self, message: Message, delay: float = 0.0) -> None:
        """Send a message to the queue."""
        self.aws.used["sqs requests"] += 1
        if delay:
            self.aws.loop.at(self.aws.loop.now + delay, self._deliver, message)
        else:
            self._deliver(message)

    def _deliver(self, message: object) -> None:
        assert isinstance(message, Message)
        self.queue.append(message)
        if self._idle:
            self._idle.pop().poll(None)

    def take(self, worker: "Worker") -> list[Message]:
        """Take up to ten messages; without any the worker is idle."""
        taken = [self.queue.popleft() for _ in range(min(_MESSAGES_AT_ONCE, len(self.queue)))]
        self.aws.used["sqs requests"] += 2 if taken else 1  # receive, delete
        if not taken:
            self._idle.append(worker)
        return taken

    def is_down(self) -> bool:
        """Whether the provider is down now."""
        begins, lasts = self.aws.scenario.outage
        return begins <= self.aws.loop.now < begins + lasts

    def give_back(self, message: Message, delay: float) -> None:
        """Put a message back as a new one; Lambda ends a chain of too many turns, unless that is allowed."""
        message.turns += 1
        self.put_back += 1
        self.longest_chain = max(self.longest_chain, message.turns)
        turns = self.aws.limits["lambda.recursion"]
        if message.turns >= turns and not self.aws.scenario.fixes.recursion_allowed:
            self.dropped += 1
            return
        self.put(message, delay)

    def pause(self) -> float:
        """Note that the provider is down, and return how long all workers pause: the real circuit's arithmetic."""
        now = self.aws.loop.now
        if self.health.seconds_to_wait(now) <= 0:
            self.health = self.health.down(now)
        return self.health.seconds_to_wait(now)

    def charged(self, number: int) -> None:
        """Count charges."""
        now = self.aws.loop.now
        self.charges += number
        self.first_at, self.last_at = min(self.first_at, now), now


class Worker:
    """One consumer of the queue: one invocation at a time."""

    def __init__(self, charging: Charging) -> None:
        self._all, self._aws = charging, charging.aws
        stage = self._aws.stage(_THIS)
        self._threads = charging.provider.threads
        self._timeout = float(settings()["charge_timeout_seconds"])
        cpu = stage.cpu_ms + stage.all_requests * model()["cpu"]["https_request"]
        self._cpu_each = self._aws.cpu_seconds(_THIS, cpu)
        self._books_seconds = stage.requests("DynamoDB TransactWriteItems") * model()["seconds"]["transaction"]
        self._tail_each = model()["seconds"]["query"] + self._aws.cpu_seconds(_THIS, _TAIL_CPU_MS)
        stage = at_the_limit(stage, _THIS)
        self._reads, self._writes = stage.units("read"), stage.units("write")
        self._writes.pop("closes", None)  # the leases, which are simulated one by one
        self._lanes = [_WorkerLane(charging.lanes[0], last=False), _WorkerLane(charging.lanes[1], last=True)]
        self._messages: list[Message] = []
        self._todo = self._under_way = 0
        self._cpu_free = self._began = self._begins_until = 0.0
        self._warm = False

    def poll(self, _value: object) -> None:
        """Take messages, and start an invocation with them."""
        messages = self._all.take(self)
        if not messages:
            return
        now = self._aws.loop.now
        self._began = now
        start = now + (0.0 if self._warm else model()["seconds"]["cold_start"]) + 0.05
        self._warm = True
        self._messages = []
        for message in messages:
            message.begun_with = message.left
            if message.alive:
                self._messages.append(message)
            else:  # nobody waits any more: it is skipped, and the next round sends another
                self._all.skipped += 1
        self._begins_until = start + (1 - _SHARE_TO_HAND_BACK) * self._timeout
        self._todo = sum(message.left for message in self._messages)
        self._under_way = 0
        self._aws.loop.at(start, self._begin)

    def _begin(self, _value: object) -> None:
        self._beat()
        if self._all.is_down():
            self._aws.loop.at(self._aws.loop.now + _HANDS_BACK_AFTER, self._end)
            return
        if self._all.health.pause_seconds:
            self._all.health = self._all.health.well()
        self._more(min(self._threads, self._todo))
        self._end_if_done()

    def _beat(self) -> None:
        now = self._aws.loop.now
        for message in self._messages:
            message.last_beat = now
            self._aws.answer_task()

    def _more(self, number: int) -> None:
        """Let threads begin with so many more customers."""
        if self._aws.loop.now >= self._begins_until or self._all.is_down():
            self._todo_over()
            return
        number = min(number, self._todo)
        if number:
            self._todo -= number
            self._under_way += number
            self._join(self._lanes[0], number)

    def _todo_over(self) -> None:
        self._todo = 0  # time is up: what no thread has begun goes back with its message

    def _join(self, lane: _WorkerLane, number: int) -> None:
        lane.waiting += number
        if not lane.asking:
            lane.asking = True
            self._aws.loop.at(lane.ask_at, self._ask, lane)

    def _ask(self, value: object) -> None:
        """Lease slots for those who wait."""
        assert isinstance(value, _WorkerLane)
        lane, now, pace = value, self._aws.loop.now, self._all.pace
        if not lane.waiting:
            lane.asking = False
            return
        free_at = lane.shared.free_at
        if free_at is not None and free_at - now > _PATIENCE:
            self._aws.loop.at(now + 1.0, self._ask, lane)
            return
        run = lease(free_at, now, lane.size.count(lane.waiting, pace, _PATIENCE), pace)
        lane.shared.free_at = run.end
        lane.size = lane.size.after(run, now)
        lane.ask_at = max(run.end - ASK_AHEAD_SECONDS, now + gather_seconds(self._threads, pace))
        lane.waiting -= run.count
        self._all.leases += 1
        self._aws.used["write:closes"] += 1
        seconds = model()["seconds"]
        takes = self._aws.rng.lognormvariate(math.log(seconds["provider_call"]), seconds["provider_spread"])
        answered = max(run.end - pace.interval, now) + takes + self._books_seconds / 2
        self._aws.loop.at(answered, self._answered, _Answers(lane, run.count))
        self._aws.loop.at(lane.ask_at, self._ask, lane)

    def _answered(self, value: object) -> None:
        assert isinstance(value, _Answers)
        lane, number = value
        if not lane.last:
            self._join(self._lanes[1], number)
            return
        now = self._aws.loop.now
        self._cpu_free = max(self._cpu_free, now - 1.0) + number * self._cpu_each
        if self._cpu_free > now:
            self._aws.loop.at(self._cpu_free, self._booked, number)
        else:
            self._booked(number)

    def _booked(self, value: object) -> None:
        number = int(str(value))
        self._under_way -= number
        self._all.charged(number)
        for table, each in self._reads.items():
            self._aws.used[f"read:{table}"] += each * number  # type: ignore[assignment]
        self._aws.write(self._writes, number)
        self._settle(number)
        self._more(min(number, self._todo) if self._todo else 0)
        self._end_if_done()

    def _settle(self, number: int) -> None:
        """Note who was charged: threads take the messages' customers in their order."""
        for message in self._messages:
            done = min(message.left, number)
            message.left -= done
            message.batch.charged += done
            number -= done
            if not message.left and message.alive and done:
                takes = message.batch.size * self._tail_each
                self._aws.loop.at(self._aws.loop.now + takes, self._answer, message)
            if not number:
                break

    def _answer(self, value: object) -> None:
        assert isinstance(value, Message)
        self._aws.answer_task()
        if value.alive:
            value.token.fire(None)
        self._messages = [message for message in self._messages if message is not value]

    def _end_if_done(self) -> None:
        if self._under_way or (self._todo and self._aws.loop.now < self._begins_until):
            return
        tail = max((m.batch.size * self._tail_each for m in self._messages), default=0.0)
        self._aws.loop.at(self._aws.loop.now + tail, self._end)

    def _end(self, _value: object) -> None:
        now = self._aws.loop.now
        self._beat()
        delay = self._all.pause() if self._all.is_down() else 0.0
        for message in self._messages:
            if message.left < message.begun_with:
                self._aws.used["read:billing"] += message.batch.size  # the batch's sums, even if it goes back
            if message.left:
                self._all.give_back(message, delay)
            elif message.alive and not message.token.fired:
                message.token.fire(None)
        self._messages = []
        self._aws.bill(_THIS, now - self._began)
        self._aws.loop.at(now, self.poll)


_TAIL_CPU_MS = 2.0
"""CPU of reading a customer's month for the batch's sums."""


def wait_for_charge(charging: Charging, batch: SimBatch, heartbeat: float, timeout: float) -> Process[None]:
    """Send a batch's message and wait for its answer, its heartbeats and its time-out."""
    aws, token = charging.aws, Signal()
    began = aws.loop.now
    message = Message(batch, token, batch.to_charge, batch.to_charge, began)

    def check(_value: object) -> None:
        if token.fired:
            return
        now = aws.loop.now
        late = now - message.last_beat >= heartbeat - 1e-6
        if late or now - began >= timeout - 1e-6:
            message.alive = False
            token.fire(Failed("States.HeartbeatTimeout" if late else "States.Timeout"))
        else:
            aws.loop.at(min(message.last_beat + heartbeat, began + timeout), check)

    aws.loop.at(min(began + heartbeat, began + timeout), check)
    charging.put(message)
    answer = yield token
    if isinstance(answer, Failed):
        aws.failures[answer.name] += 1
        raise answer
    batch.charged_at = aws.loop.now
