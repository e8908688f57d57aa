"""Compare a period's charges with the providers' own record, from both sides, in this process.

The state machines run the same parts in functions of their own (docs/reconciling.md, "The proof").
"""

from collections.abc import Collection
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial

from monthclose.domain.closes.close import Close
from monthclose.domain.closes.proof import Comparison
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.errors import TryLaterError, UnfinishedError
from monthclose.ports import Tell, TimeIsUp
from monthclose.use_cases.proof.compare_part import PartReader
from monthclose.use_cases.proof.comparison_sides import Side
from monthclose.use_cases.proof.comparison_store import ComparisonPlan
from monthclose.use_cases.proof.join_comparison import ComparisonJoiner, Joined
from monthclose.use_cases.proof.plan_comparison import ComparisonPlanner


@dataclass(frozen=True, slots=True)
class BookComparer:
    """Compares the books of a close.

    Parameters
    ----------
    executor : Executor
        Reads the windows of the providers' records.
    """

    planner: ComparisonPlanner
    reader: PartReader
    joiner: ComparisonJoiner
    executor: Executor

    def healing(self) -> "BookComparer":
        """Return a comparer that books a provider's record of a payment that differs from ours."""
        return replace(self, joiner=replace(self.joiner, heals=True))

    def compare(
        self,
        close: Close,
        providers: Collection[str] = (),
        *,
        thorough: bool = True,
        time_is_up: TimeIsUp = lambda: False,
        tell: Tell = lambda _: None,
    ) -> list[Comparison]:
        """Compare a close's charges with some providers' record, by default with all that it charges through.

        Parameters
        ----------
        thorough : bool
            Whether reading our books checks accounts and documents, too.
        tell : callable
            Receives progress messages, for people.

        Raises
        ------
        UnfinishedError
            Time is up. What was read is kept: the next call continues.
        """
        plan = self.planner.plan(close, providers, thorough=thorough)
        while True:
            self._read(plan, close, time_is_up, tell)
            joined = None if time_is_up() else self.joiner.join(close, plan, time_is_up=time_is_up, tell=tell)
            if joined is None or joined.outcome == "time_was_up":
                raise UnfinishedError(f"the comparison of {close.period} is not finished: run it again to continue")
            if joined.outcome == "done":
                return joined.comparisons
            plan = self.joiner.store.plan(close.period, joined.name) or plan

    def plan_of_run(self, period: Period, run: int) -> ComparisonPlan:
        """Plan the comparison at the end of a run of a close, or continue the last one if it was not finished.

        Raises
        ------
        UserMistakeError
            Another run has replaced it.
        """
        close = self.joiner.closes.get(period)
        if close is None or close.run != run:
            raise UserMistakeError(f"there is no run {run} of a close of {period}")
        return self.planner.plan(close, thorough=True)

    def read_part(self, period: Period, name: str, number: int, *, time_is_up: TimeIsUp) -> bool:
        """Read a part of a comparison as far as time allows; see `PartReader.read`."""
        close, plan = self.joiner.closes.get(period), self.joiner.store.plan(period, name)
        if close is None or plan is None:
            raise UserMistakeError(f"there is no comparison {name} of {period}")
        return self.reader.read(plan, number, close, time_is_up=time_is_up)

    def continue_joining(self, close: Close, name: str, time_is_up: TimeIsUp) -> Joined:
        """Join what the parts of a comparison have read, as far as time allows.

        Parameters
        ----------
        name : str
            The comparison's; empty, or unknown, if it could not be planned.
        """
        plan = self.joiner.store.plan(close.period, name) if name else None
        if plan is None:
            return Joined("done", name, comparisons=[self._unplanned(close)])
        return self.joiner.join(close, plan, time_is_up=time_is_up)

    def join_in_time(self, close: Close, name: str, half_is_up: TimeIsUp) -> Joined:
        """Join as `continue_joining` does; once half of the time is up, the report is left to the next call."""
        joined = self.continue_joining(close, name, half_is_up)
        return replace(joined, outcome="time_was_up") if joined.outcome == "done" and half_is_up() else joined

    def _unplanned(self, close: Close) -> Comparison:
        side = Side("")
        what = "the comparison with the providers could not be planned"
        side.break_off("compare_incomplete", f"{what}; reconcile {close.period} again")
        return side.result(close.period, self.planner.clock())

    def _read(self, plan: ComparisonPlan, close: Close, time_is_up: TimeIsUp, tell: Tell) -> None:
        """Read the windows side by side, and our books in this thread, which has that done in others."""
        read = partial(self._read_part, plan, close, time_is_up, tell)
        done = [self.executor.submit(read, number) for number in range(len(plan.parts)) if plan.parts[number].provider]
        for number in plan.numbers_of_ours:
            read(number)
        for future in done:
            future.result()

    def _read_part(self, plan: ComparisonPlan, close: Close, time_is_up: TimeIsUp, tell: Tell, number: int) -> None:
        try:
            self.reader.read(plan, number, close, time_is_up=time_is_up, tell=tell)
        except TryLaterError:
            return  # it is noted with the part
