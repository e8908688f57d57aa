"""Lambda "Prove and report"."""

from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, runtime, state_handler
from monthclose.use_cases.proof.compare_books import BookComparer
from monthclose.use_cases.proof.report_close import Reporter, report_key


@cache
def _executor() -> Executor:
    return ThreadPoolExecutor(16, "compare")


@state_handler("report_close", key="[period, run, execution]")
def handler(event: Event) -> Event:
    """Prove that the books tie and write the report; the answer is what the company's event says."""
    world = runtime()
    period = Period.parse(event["period"])
    comparer = BookComparer(world.books, world.closes, world.gateways, world.clock, _executor())
    reporter = Reporter(comparer, world.closes, world.documents, world.clock, world.settings.company_name)
    report = reporter.report(period, event["run"])
    return {
        "period": event["period"],
        "run": event["run"],
        "status": report["status"],
        "ties": report["proof"]["ties"],
        "report": world.documents.location(report_key(period, "json")),
        "summary": {name: report[name] for name in ("customers", "money", "exponents", "payments")},
    }
