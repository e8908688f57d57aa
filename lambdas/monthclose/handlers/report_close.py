"""Lambda "Prove and report"."""

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, stage_handler
from monthclose.stages.report_close import Reporter, report_key


@stage_handler("report_close", key="[period, run, execution]")
def handler(event: Event) -> Event:
    """Prove that the books tie and write the report; the answer is what the company's event says."""
    world = runtime()
    period = Period.parse(event["period"])
    reporter = Reporter(
        books=world.books,
        closes=world.closes,
        documents=world.documents,
        gateways=world.gateways,
        clock=world.clock,
        company=world.settings.company_name,
    )
    report = reporter.report(period, event["run"])
    return {
        "period": event["period"],
        "run": event["run"],
        "status": report["status"],
        "ties": report["proof"]["ties"],
        "report": world.documents.location(report_key(period, "json")),
        "summary": {name: report[name] for name in ("customers", "money", "payments")},
    }
