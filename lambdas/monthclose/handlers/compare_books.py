"""Lambda "Compare the books"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import (
    Event,
    comparison_answer,
    findings_answer,
    report_times,
    runtime,
    shared_handler,
    use_cases,
)
from monthclose.names import FINDINGS_METRIC
from monthclose.observability import count
from monthclose.ports import ShareLeft
from monthclose.use_cases.proof.join_comparison import Joined
from monthclose.use_cases.proof.report_close import report_key


@shared_handler("compare_books", key="[period, comparison.name, entered]")
def handler(event: Event, share_left: ShareLeft) -> Event:
    """Compare a period's books with the providers', from what was read of both, and prove its close again.

    As long as the comparison is not done, the answer says so.
    """
    period, head = Period.parse(event["period"]), {"period": event["period"]}
    done = use_cases().period_reconciler.continue_reconciling(
        period,
        event["comparison"]["name"],
        **report_times(share_left),
    )
    if isinstance(done, Joined):
        return head | {"outcome": done.outcome, "comparison": comparison_answer(done.name, done.parts)}
    count(FINDINGS_METRIC, done.findings)
    return head | {
        "outcome": "done",
        **findings_answer(done.findings),
        "checks": sorted({finding["check"] for finding in done.report["proof"]["findings"]}),
        "pack": "out_of_date" if use_cases().pack_planner.is_outdated(period) else "current",
        "report": runtime().documents.location(report_key(period, "json")),
    }
