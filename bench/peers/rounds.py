"""One contestant's round: everything started, the month closed, what it took and what came of it written down."""

import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.peers.contestant import Contestant, Surroundings
from bench.peers.mail_server import MailServer, mail_server
from bench.peers.meter import Meter
from bench.peers.month import Month, make_month
from bench.peers.provider import KEY, WEBHOOK_SECRET, LastCharge, Provider, provider
from bench.peers.trouble import (
    ACCOUNTANT_EVERY,
    DOUBLE_EVERY,
    KILL_EVERY,
    BankTransfers,
    Transfer,
    chaos_plan,
    double_work,
    ending_after,
    kill_a_worker,
)
from bench.peers.verdict import Evidence, Verdict, judge
from tests.chaos.mischief import Mischief

_MOST_RUNS = 5
_TROUBLE_TIMES = 5
"""The trouble lasts at most so many times as long as the provider's limit needs for everybody."""


@dataclass(frozen=True, slots=True)
class Options:
    """What a round is run with: so many customers, the provider's limit, and the seed of everything random."""

    customers: int
    rate: int
    seed: int
    kept: Path | None = None
    """Where logs are left for a person to read."""


@dataclass(frozen=True, slots=True)
class _Table:
    """Everything that is laid out for one contestant's round."""

    contestant: Contestant
    provider: Provider
    mail: MailServer
    month: Month

    def close(self) -> int:
        """Let it close until it believes that it is done; returns how often it was called."""
        return next((run for run in range(1, _MOST_RUNS) if self.contestant.close()), _MOST_RUNS)

    def verdict(self, transfers: list[Transfer]) -> Verdict:
        mails = self.contestant.mails()
        return judge(
            Evidence(
                self.month.people,
                self.provider.movements(),
                transfers,
                self.mail.recipients if mails is None else mails,
                self.contestant.books(),
            )
        )


def calm_round(make: Callable[[], Contestant], options: Options) -> Mapping[str, Any]:
    """Close a month while nothing goes wrong, and measure."""
    with _laid(make(), options, faults=False) as table:
        meter = Meter(table.contestant.parts)
        last = LastCharge(table.provider)
        meter.start()
        began = time.time()
        runs = table.close()
        ended = time.time()
        meter.end()
        last.end()
        bound = sum(person.can_pay for person in table.month.people) / options.rate
        statuses = table.provider.requests().values()
        return {
            "seconds_to_last_charge": round(last.at - began, 1),
            "seconds": round(ended - began, 1),
            "bound_seconds": round(bound, 1),
            "times_the_bound": round((last.at - began) / bound, 2),
            "refused_429": sum(counts.get("429", 0) for counts in statuses),
            "requests_per_customer": _per_customer(table.provider.requests(), options.customers),
            "cpu_ms_per_customer": {
                kind: round(1000 * seconds / options.customers, 1) for kind, seconds in sorted(meter.seconds.items())
            },
            "peak_mb": round(meter.peak_mb),
            "others_share": round(meter.others_share, 2),
            "runs": runs,
            "verdict": _told(table.verdict([])),
        }


def faults_round(make: Callable[[], Contestant], options: Options) -> Mapping[str, Any]:
    """Close a month while everything goes wrong, let its people put it right, and judge."""
    with _laid(make(), options, faults=True) as table:
        contestant = table.contestant
        transfers = BankTransfers(contestant, table.provider, table.month.people, options.seed)
        mischief = Mischief(options.seed)
        table.provider.disturb(chaos_plan(options.seed))
        mischief.every(KILL_EVERY, kill_a_worker(contestant))
        mischief.every(DOUBLE_EVERY, double_work(contestant))
        for _ in transfers.accountants:
            mischief.every(ACCOUNTANT_EVERY, transfers.step)
        began = time.time()
        with ending_after(_TROUBLE_TIMES * options.customers / options.rate, mischief, table.provider):
            runs = table.close()
        seconds = time.time() - began
        runs += table.close()
        contestant.follow_up()
        transfers.finish()
        return {
            "seconds": round(seconds, 1),
            "runs": runs,
            "done": dict(sorted(Counter(mischief.done).items())),
            "faults": dict(sorted(table.provider.faults().items())),
            "verdict": _told(table.verdict(transfers.recorded)),
        }


def _told(verdict: Verdict) -> Mapping[str, Any]:
    """Say how many of each, and show some."""
    found = asdict(verdict)
    for name, sentences in found.items():
        for sentence in sentences[:5] if isinstance(sentences, list) else ():
            print(f"    {name}: {sentence}", file=sys.stderr)
    return {name: len(value) if isinstance(value, list) else value for name, value in found.items()}


def _per_customer(requests: Mapping[str, Mapping[str, int]], customers: int) -> float:
    """Count the provider's requests of a round, without those that made its customers beforehand."""
    made = sum(sum(counts.values()) for counts in requests.values()) - customers
    return round(made / customers, 2)


@contextmanager
def _laid(contestant: Contestant, options: Options, *, faults: bool) -> Iterator[_Table]:
    with (
        tempfile.TemporaryDirectory(prefix="bench-peers-", ignore_cleanup_errors=True) as folder,
        mail_server() as mail,
        provider(options.seed, Path(folder) / "sandbox.log") as fake,
    ):
        home = Path(folder) / "contestant"
        home.mkdir()
        month = make_month(Path(folder), options.customers, options.seed, fake.url, KEY)
        given = Surroundings(
            folder=home,
            customers=month.customers,
            usage=month.usage,
            prices=month.prices,
            stripe_url=fake.url,
            stripe_key=KEY,
            stripe_rate=options.rate,
            smtp_host=mail.host,
            smtp_port=mail.port,
            webhook_secret=WEBHOOK_SECRET,
            faults=faults,
        )
        try:
            contestant.start(given)
            fake.open(options.rate)
            yield _Table(contestant, fake, mail, month)
        finally:
            if options.kept:
                _keep(
                    Path(folder), options.kept / f"{contestant.name} {'faults' if faults else 'calm'}".replace(" ", "-")
                )
            contestant.stop()


def _keep(folder: Path, kept: Path) -> None:
    """Copy the logs to where they stay."""
    for log in folder.rglob("*.log"):
        if log.is_file():
            target = kept / log.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(log, target)
