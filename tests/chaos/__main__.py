"""`make chaos`: a close on the local AWS while everything goes wrong, and what came of it.

The providers lose answers, fail and refuse on a tenth of the calls, with an outage of a minute; Lambda processes are
killed; messages come twice; webhooks come twice, late and reordered; banks dispute payments in part, change their minds
and take debits back; refunds fail. Afterwards the operator does what operators do: close again and reconcile, until
nothing is left to do. Nobody may have been charged twice, lost or held wrongly, and the ledger must tie with the
providers' record to the penny.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

from cli.deployment import deployed
from cli.main import app
from monthclose.domain.accounts.customer import Profile
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageEvent
from sandbox.aws.local_aws import LocalAws
from tests.chaos.mischief import Mischief, disturb_a_payment, double_a_message, kill_a_worker, settle_debits
from tests.chaos.plan import OUTAGE, chaos_plan
from tests.chaos.verdict import Verdict, judge
from tests.integration.strictness import limits_struck
from tests.integration.system import System

OCTOBER = Period(2026, 10)
_METHODS = (
    [("stripe", "pm_card_visa")] * 10
    + [("gocardless", "MD_OK_{}")] * 6
    + [("stripe", "pm_card_chargeDeclinedInsufficientFunds"), ("stripe", "pm_card_authenticationRequired")]
    + [("stripe", "pm_usBankAccount_success"), ("stripe", "pm_usBankAccount_insufficientFunds")]
    + [("stripe", "pm_usBankAccount_dispute")]
    + [("gocardless", "MD_FAILS_{}"), ("gocardless", "MD_CHARGED_BACK_{}")]
)
_console = Console()
_EVENING = 4
"""So many closes are tried while everything goes wrong, until one ends well."""


def main() -> int:
    """Run it; the exit status is 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--customers", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--strict", action="store_true", help="with AWS's limits in force")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="monthclose-chaos-") as folder:
        home = Path(folder)
        overrides = {"charge_timeout_seconds": 15, "max_rounds": 6, "round_wait_seconds": 5}
        with deployed(LocalAws(home, strict=options.strict), overrides) as running:
            os.environ.update(running.environment | {"MONTHCLOSE_HOME": folder})
            system = System(running.endpoint_url, running.sandbox_url, running.environment)
            status = _run(system, home, options.customers, options.seed)
            if running.strict:
                struck = {name: times for name, times in limits_struck(running.endpoint_url).items() if times}
                _console.print(f"AWS's limits that struck: {struck}", markup=False)
            return status


def _run(system: System, home: Path, customers: int, seed: int) -> int:
    names = _make_customers(system, customers)
    _console.print(f"{customers} customers with two providers; the evening begins")
    mischief = Mischief(seed)
    _sandbox(system, "PUT", "chaos", chaos_plan(seed))
    mischief.every(8, kill_a_worker(home))
    mischief.every(3, settle_debits(system.sandbox_url))
    mischief.every(1, disturb_a_payment(system.sandbox_url))
    for provider in system.runtime.settings.providers.values():
        mischief.every(1, double_a_message(provider.queue_url))
    began = time.monotonic()
    # A stage whose process is killed each time it is tried ends the close: then the evening goes on with the next one.
    number = next((n for n in range(1, _EVENING) if _close(system, n) == "SUCCEEDED"), _EVENING)
    mischief.end()
    _sandbox(system, "DELETE", "chaos")
    verdict = _heal(system, names, number + 1)
    # What began to go wrong with a payment is counted when it has come to its end.
    faults, webhooks = _sandbox(system, "GET", "faults"), _sandbox(system, "GET", "webhooks")
    _print(verdict, mischief.done, faults, webhooks, time.monotonic() - began)
    return 0 if verdict.clean else 1


def _make_customers(system: System, number: int) -> list[str]:
    names = [f"cust-{n:05}" for n in range(number)]
    methods = [_METHODS[n % len(_METHODS)] for n in range(number)]
    system.runtime.directory.put_profiles(
        (name, Profile(f"{name} Ltd", f"{name}@customers.example", "USD", provider, method.format(name[5:])))
        for name, (provider, method) in zip(names, methods, strict=True)
    )
    system.use(
        [
            UsageEvent("use", name, "droplet", Decimal(1), OCTOBER.start, Decimal(10 + n) / 4, "Droplet")
            for n, name in enumerate(names)
        ]
    )
    return names


def _close(system: System, number: int) -> str:
    ended = system.ended(system.start(OCTOBER), seconds=1500)
    why = f": {ended.get('error', '')} {ended.get('cause', '')}" if ended["status"] != "SUCCEEDED" else ""
    _console.print(f"close {number}: {ended['status']}{why}", markup=False)
    return str(ended["status"])


def _heal(system: System, names: list[str], first: int) -> Verdict:
    """Close again and reconcile, with the bank's days passing, until nothing is in flight."""
    settle, rng = settle_debits(system.sandbox_url), random.Random(0)
    for number in range(first, first + 6):
        for _ in range(4):
            settle(rng)
        _reconcile(system)
        _close(system, number)
        verdict = judge(system.runtime, OCTOBER, names, _sandbox(system, "GET", "movements"))
        if not verdict.lost:
            break
    return verdict


def _reconcile(system: System) -> None:
    """Check every payment in flight now, as the operator does."""
    del system  # the command finds it by its environment
    CliRunner().invoke(app, ["reconcile", "--now", "--json"])


def _sandbox(system: System, method: str, route: str, document: Any = None) -> Any:
    answer = httpx.request(method, f"{system.sandbox_url}/_sandbox/{route}", json=document, trust_env=False)
    answer.raise_for_status()
    return answer.json()


def _print(verdict: Verdict, done: Counter[str], faults: Any, webhooks: Any, seconds: float) -> None:
    injected = Table("provider", "fault", "injected", title="What really went wrong")
    for provider, endpoints in faults.items():
        by_fault: Counter[str] = sum((Counter(counts) for counts in endpoints.values()), Counter())
        for fault, number in sorted(by_fault.items()):
            injected.add_row(provider, fault, f"{number:,}")
    for provider, counts in webhooks.items():
        for what in ("duplicated", "delayed", "reordered", "dropped", "batched"):
            injected.add_row(provider, f"webhooks {what}", f"{counts.get(what, 0):,}")
    injected.add_row("every provider", "outage", f"{OUTAGE['duration']} s")
    for what, number in sorted(done.items()):
        injected.add_row("", what, f"{number:,}")
    _console.print(injected)
    result = Table("what must not be", "found", title=f"After {timedelta(seconds=round(seconds))}")
    offences = {
        "charged twice": verdict.double_charges,
        "lost": verdict.lost,
        "held wrongly": verdict.wrong_holds,
        "books that don't tie": verdict.does_not_tie,
    }
    for name, found in offences.items():
        result.add_row(name, str(len(found)))
    _console.print(result)
    _console.print("payments:", ", ".join(f"{number} {state}" for state, number in sorted(verdict.states.items())))
    for found in offences.values():
        for sentence in found[:10]:
            _console.print(f"  {sentence}")


if __name__ == "__main__":
    sys.exit(main())
