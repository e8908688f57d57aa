"""One close on virtual time: rounds of batches by the real state machine's rules, parking, proof and report."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat
from typing import Any

from bench.scale.aws import Aws
from bench.scale.batches import Left, SimBatch, cut
from bench.scale.charging import Charging, wait_for_charge
from bench.scale.engine import Loop, Process, Signal
from bench.scale.generating import Generating
from bench.scale.machine import Failed, batches_map, called, choose, retriers, state_calling, with_retries
from bench.scale.planning import Whole
from bench.scale.scenario import Scenario, settings
from bench.scale.telling import Telling
from monthclose.domain.closes.pacing import generated_per_second, seconds_to_wait
from monthclose.domain.closes.patience import patience
from stacks.functions.spec import Function

_LEAST_SECONDS = 43_200
"""For a sign of life, as the plan's handler has it."""


@dataclass
class Stages:
    """When each stage ended, in seconds since the start; 0 if it never did."""

    planned: float = 0.0
    invoiced: float = 0.0
    first_charge: float = 0.0
    last_charge: float = 0.0
    told: float = 0.0
    rounds: float = 0.0
    parked: float = 0.0
    compared: float = 0.0
    proved: float = 0.0
    ended: float = 0.0


@dataclass
class Run:
    """A simulated close and all that happened in it."""

    scenario: Scenario
    aws: Aws
    batches: list[SimBatch]
    generating: Generating
    charging: Charging
    telling: Telling
    stages: Stages = field(default_factory=Stages)
    left: list[Left] = field(default_factory=list)
    """After each round."""
    end: str = ""
    """`completed`, or why the close failed."""
    failed_in: str = ""
    broke: list[tuple[float, str]] = field(default_factory=list)
    """What went wrong first of each kind, and when."""

    def note(self, what: str) -> None:
        """Note that something went wrong, the first time."""
        if all(known != what for _, known in self.broke):
            self.broke.append((self.aws.loop.now, what))


def simulate(scenario: Scenario) -> Run:
    """Run one close to its end."""
    loop = Loop()
    aws = Aws(scenario, loop)
    most = scenario.max_batches or settings()["max_batches"]
    batches = cut(scenario.customers, most, fewer=scenario.fixes.fewer_batches)
    run = Run(scenario, aws, batches, Generating(aws), Charging(aws), Telling(aws))
    loop.start(_Close(run).all())
    loop.run()
    return run


class _Close:
    def __init__(self, run: Run) -> None:
        self._run, self._aws, self._whole = run, run.aws, Whole(run.aws)
        self._works: Mapping[str, Callable[[SimBatch], Process[Any]]] = {
            Function.GENERATE_INVOICES: run.generating.generate,
            Function.SEND_NOTICES: run.telling.send,
            Function.APPLY_HOLDS: run.telling.hold,
        }
        self._rules = {name: retriers(state) for name, state in batches_map()["ItemProcessor"]["States"].items()}

    def all(self) -> Process[None]:
        """Open, plan, close every batch in rounds, park, prove, report."""
        run, stages = self._run, self._run.stages
        try:
            yield from self._step(Function.OPEN_CLOSE, lambda: _sleep(0.1))
            yield from self._rounds()
            stages.rounds = self._aws.loop.now
            yield from self._park()
            if run.scenario.fixes.mail_lane:
                yield from self._send_remaining()
            if run.scenario.fixes.proof_map:
                yield from self._step(Function.PLAN_COMPARISON, lambda: self._whole.plan_comparison(len(run.batches)))
                yield from self._whole.compare_in_parts(run.charging.charges)
            stages.compared = self._aws.loop.now
            yield from self._step(Function.REPORT_CLOSE, lambda: self._whole.prove(run.charging.charges))
            yield from self._aws.transition(2)
            stages.proved = self._aws.loop.now
            run.end = "completed"
        except Failed as failure:
            run.end = failure.name
        stages.ended = self._aws.loop.now
        self._sum_up()

    def _park(self) -> Process[None]:
        left = [batch for batch in self._run.batches if not batch.finished]
        if not left:
            return
        if self._run.scenario.fixes.parking_map:
            yield from self._whole.park_in_batches([batch.size for batch in left])
        else:
            customers = sum(batch.size for batch in left)
            yield from self._step(Function.PARK_CUSTOMERS, lambda: self._whole.park(customers))
        for batch in self._run.batches:
            batch.parked = batch.size - batch.charged
        self._run.stages.parked = self._aws.loop.now

    def _send_remaining(self) -> Process[None]:
        """Call the function until it has sent everything, or can send nothing more."""
        again = True

        def send() -> Process[None]:
            nonlocal again
            again = yield from self._run.telling.send_remaining(self._run.batches)

        while again:
            yield from self._step(Function.SEND_REMAINING_NOTICES, send)
            yield from self._aws.transition()

    def _sum_up(self) -> None:
        stages, run = self._run.stages, self._run
        stages.invoiced, stages.told = run.generating.invoiced_at, run.telling.told_at
        if run.charging.charges:
            stages.first_charge, stages.last_charge = run.charging.first_at, run.charging.last_at

    def _step(self, function: Function, work: Callable[[], Process[Any]]) -> Process[None]:
        """Call a function that works on the whole close, with the retries of its state."""
        state = state_calling(function)
        before = self._run.failed_in
        self._run.failed_in = function.value

        def attempt() -> Process[Any]:
            yield from self._aws.transition()
            return (yield from self._aws.invoke(function, work()))

        yield from with_retries(retriers(state), attempt, self._aws.rng, self._retried(function.value))
        self._run.failed_in = before

    def _retried(self, what: str) -> Callable[[str], None]:
        def retried(error: str) -> None:
            self._aws.retries[f"{what}: {error}"] += 1
            self._run.note(f"{what}: {error}")

        return retried

    def _rounds(self) -> Process[None]:
        run, most = self._run, settings()["max_rounds"]
        for done in range(most + 1):
            todo = [batch for batch in run.batches if not batch.finished]
            customers, calls = run.scenario.customers, self._whole.plan_calls(run.scenario.customers)
            for _ in range(0 if done else calls - 1):
                yield from self._step(Function.PLAN_CLOSE, partial(self._whole.scan, customers, calls))
            plan = partial(self._whole.plan, customers, len(run.batches), calls, first=not done)
            yield from self._step(Function.PLAN_CLOSE, plan)
            if not done:
                run.stages.planned = self._aws.loop.now
            if not todo or done == most:
                break
            if done > 1:
                yield from self._aws.transition()
            if done:
                yield float(settings()["round_wait_seconds"] * done)
            yield from self._map(todo, self._waits(todo))
            run.left.append(Left.of(run.batches))

    def _waits(self, todo: list[SimBatch]) -> Iterator[int]:
        """Say how long each batch waits before it generates, as the plan does."""
        fixes = self._run.scenario.fixes
        if not fixes.paces_generating:
            return repeat(0, len(todo))
        per_second = generated_per_second(self._run.scenario.customers if fixes.warm_tables else 0)
        return seconds_to_wait((batch.planned for batch in todo), per_second)

    def _map(self, todo: list[SimBatch], waits: Iterator[int]) -> Process[None]:
        """Start children at the Map's rate, so many at once."""
        aws, limits = self._aws, self._aws.limits
        most = min(settings()["map_concurrency"], limits["stepfunctions.children"])
        pause = 1 / limits["stepfunctions.child_starts"]
        room: list[Signal] = []

        def ended(_value: Any) -> None:
            aws.children.change(-1)
            if room:
                room[0].fire()

        for batch, wait in zip(todo, waits, strict=True):
            while aws.children.now >= most:
                room[:] = [Signal()]
                yield room[0]
            aws.children.change(1)
            aws.loop.start(self._child(batch, wait), ended)
            yield pause
        while aws.children.now:
            room[:] = [Signal()]
            yield room[0]

    def _child(self, batch: SimBatch, wait: int) -> Process[None]:
        """Walk through the child's states as they are defined."""
        states, values = batches_map()["ItemProcessor"]["States"], dict[str, Any]()
        name = batches_map()["ItemProcessor"]["StartAt"]
        yield from self._aws.transition()
        while True:
            state = states[name]
            yield from self._aws.transition()
            if state["Type"] in ("Succeed", "Fail"):
                return
            if state["Type"] == "Choice":
                name = choose(state, values)
                continue
            if state["Type"] == "Wait":
                yield float(wait)
                name = state["Next"]
                continue
            try:
                answer = yield from self._task(name, state, batch)
            except Failed as failure:
                self._run.note(f"{called(state)}: {failure.name}, left for the next round")
                name = state["Catch"][0]["Next"]
                continue
            if answer is not None and state.get("ResultPath"):
                values[state["ResultPath"].removeprefix("$.")] = answer
            name = state["Next"]

    def _task(self, name: str, state: Mapping[str, Any], batch: SimBatch) -> Process[Any]:
        function = called(state)
        attempts = 0

        def attempt() -> Process[Any]:
            nonlocal attempts
            attempts += 1
            if attempts > 1:
                yield from self._aws.transition()
            if function == Function.CHARGE_CUSTOMERS:
                return (yield from self._charge(batch))
            return (yield from self._aws.invoke(Function(function), self._works[function](batch)))

        return (yield from with_retries(self._rules[name], attempt, self._aws.rng, self._retried(function)))

    def _charge(self, batch: SimBatch) -> Process[Any]:
        scenario = self._run.scenario
        least = round(scenario.heartbeat_seconds or _LEAST_SECONDS)
        waits = patience(0, least)
        if scenario.fixes.waits_by_eta:
            waits = patience(round(scenario.customers / scenario.provider.limit.usable()), least)
        yield from wait_for_charge(self._run.charging, batch, *waits)
        return {}


def _sleep(seconds: float) -> Process[None]:
    yield seconds
