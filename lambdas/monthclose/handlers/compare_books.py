"""Lambda "Compare the books"."""

from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache

from monthclose.domain.period import Period
from monthclose.handlers.entry import Event, ShareLeft, findings_answer, runtime, timed_handler
from monthclose.names import FINDINGS_METRIC
from monthclose.observability import count
from monthclose.use_cases.proof.compare_books import BookComparer
from monthclose.use_cases.proof.report_close import Reporter, report_key
from monthclose.use_cases.reconciliation.reconcile_period import PeriodReconciler

_SHARE_KEPT = 0.1
_THREADS = 16
"""They read the books, and now and then ask the provider."""


@cache
def _executor() -> Executor:
    return ThreadPoolExecutor(_THREADS, "compare")


@timed_handler("compare_books", key="[period, entered]")
def handler(event: Event, share_left: ShareLeft) -> Event:
    """Compare a period's books with the providers' and prove its close again."""
    world, period = runtime(), Period.parse(event["period"])
    comparer = BookComparer(world.books, world.closes, world.gateways, world.clock, _executor(), heals=True)
    reporter = Reporter(comparer, world.closes, world.documents, world.clock, world.settings.company_name)
    reconciler = PeriodReconciler(comparer, reporter, world.closes, world.documents)
    done = reconciler.reconcile(period, time_is_up=lambda: share_left() < _SHARE_KEPT)
    count(FINDINGS_METRIC, done.findings)
    return {
        "period": event["period"],
        **findings_answer(done.findings),
        "checks": sorted({finding["check"] for finding in done.report["proof"]["findings"]}),
        "report": world.documents.location(report_key(period, "json")),
    }
