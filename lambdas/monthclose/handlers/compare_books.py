"""Lambda "Compare the books"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, findings_answer, runtime, timed_handler, use_cases
from monthclose.names import FINDINGS_METRIC
from monthclose.observability import count
from monthclose.ports import TimeIsUp
from monthclose.use_cases.proof.report_close import report_key


@timed_handler("compare_books", key="[period, entered]", kept=0.1)
def handler(event: Event, time_is_up: TimeIsUp) -> Event:
    """Compare a period's books with the providers' and prove its close again."""
    period = Period.parse(event["period"])
    done = use_cases().period_reconciler.reconcile(period, time_is_up=time_is_up)
    count(FINDINGS_METRIC, done.findings)
    return {
        "period": event["period"],
        **findings_answer(done.findings),
        "checks": sorted({finding["check"] for finding in done.report["proof"]["findings"]}),
        "report": runtime().documents.location(report_key(period, "json")),
    }
