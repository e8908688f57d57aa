"""Lambda "Judge the rehearsal"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, timed_handler, use_cases
from monthclose.ports import TimeIsUp

_SHARE_KEPT = 0.3
"""The months of a run are sorted and written in some ten seconds, in the worst case."""


@timed_handler("judge_rehearsal", key="[period, rehearsal, entered]", kept=_SHARE_KEPT)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Sum a rehearsal up and hold it against the rules; for a close, say whether it may charge."""
    judged = use_cases().rehearsal_judge.judge(Period.parse(event["period"]), event["rehearsal"], time_is_up)
    return {
        "period": event["period"],
        "run": event["run"],
        "rehearsal": None if judged.outcome == "may_charge" else event["rehearsal"],
        "outcome": judged.outcome,
        "findings": judged.findings,
        "why": judged.why,
        "scan": None,
    }
