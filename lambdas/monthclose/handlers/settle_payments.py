"""Lambda "Settle payments"."""

from concurrent.futures import Executor, ThreadPoolExecutor
from functools import cache

from monthclose.handlers.entry import Event, ShareLeft, findings_answer, runtime, timed_handler
from monthclose.names import FINDINGS_METRIC
from monthclose.observability import count, logger
from monthclose.use_cases.notices.send_notices import NoticeSender
from monthclose.use_cases.payments.charge_payment import Charger
from monthclose.use_cases.reconciliation.finish_batches import BatchFinisher
from monthclose.use_cases.reconciliation.settle_payments import PaymentSettler


@cache
def _executor(provider: str) -> Executor:
    return ThreadPoolExecutor(runtime().settings.providers[provider].threads, "settle")


def _finisher(provider: str) -> BatchFinisher:
    world, executor = runtime(), _executor(provider)
    charger = Charger(world.books, world.gateway(provider), world.clock)
    settler = PaymentSettler(charger, world.books, world.directory, world.clock, logger, executor)
    teller = world.customer_teller
    sender = NoticeSender(world.books, world.closes, teller, world.clock)
    return BatchFinisher(settler, world.books, world.closes, sender, teller.holds, world.clock, executor)


@timed_handler("settle_payments", key="[provider, entered]")
def handler(event: Event, share_left: ShareLeft) -> Event:
    """Settle a provider's payments that are due, and finish what the closes left."""
    finisher = _finisher(event["provider"])
    settled, changed = finisher.settler.settle(share_left=share_left)
    finisher.finish(settled, changed, share_left)
    for finding in settled.findings:
        logger.warning("finding", extra={"check": finding.check, "detail": finding.detail})
    count("PaymentsSettled", settled.states.total())
    count(FINDINGS_METRIC, len(settled.findings))
    findings = event.get("findings_before", 0) + len(settled.findings)
    return {**settled.counts(), **findings_answer(findings), "time_was_up": settled.time_was_up}
