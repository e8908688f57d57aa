"""Lambda "Prove and report"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, comparison_answer, report_times, runtime, shared_handler, use_cases
from monthclose.names import FINDINGS_METRIC, PARKED_METRIC
from monthclose.observability import count, percent
from monthclose.ports import ShareLeft
from monthclose.use_cases.proof.join_comparison import Joined
from monthclose.use_cases.proof.report_close import report_key


@shared_handler("report_close", key="[period, run, execution, entered]")
def handler(event: Event, share_left: ShareLeft) -> Event:
    """Prove that the books tie and write the report; the answer becomes the company's event.

    As long as the comparison with the providers is not done, the answer says so and has no report.
    """
    period, head = Period.parse(event["period"]), {"period": event["period"], "run": event["run"]}
    report = use_cases().reporter.continue_report(
        period,
        event["run"],
        event["comparison"].get("name", ""),
        **report_times(share_left),
    )
    if isinstance(report, Joined):
        return head | {"outcome": report.outcome, "comparison": comparison_answer(report.name, report.parts)}
    count(FINDINGS_METRIC, report["proof"]["findings_in_all"])
    customers = report["customers"]
    percent(PARKED_METRIC, 100 * customers["parked"] / max(customers["snapshot"], 1))
    return head | {
        "outcome": "done",
        "status": report["status"],
        "ties": report["proof"]["ties"],
        "report": runtime().documents.location(report_key(period, "json")),
        "summary": {name: report[name] for name in ("customers", "money", "exponents", "payments")},
    }
