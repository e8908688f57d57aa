"""Lambda "Prove and report"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, state_handler, use_cases
from monthclose.use_cases.proof.report_close import report_key


@state_handler("report_close", key="[period, run, execution]")
def handler(event: Event) -> Event:
    """Prove that the books tie and write the report; the answer becomes the company's event."""
    period = Period.parse(event["period"])
    report = use_cases().reporter.report(period, event["run"])
    return {
        "period": event["period"],
        "run": event["run"],
        "status": report["status"],
        "ties": report["proof"]["ties"],
        "report": runtime().documents.location(report_key(period, "json")),
        "summary": {name: report[name] for name in ("customers", "money", "exponents", "payments")},
    }
