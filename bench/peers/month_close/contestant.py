"""Month close as it is deployed: the templates on the local AWS, used by its own commands."""

import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import boto3
import httpx

from bench.peers import mail_server
from bench.peers.contestant import PERIOD, Booked, Part, Surroundings
from bench.peers.meter import family
from cli.deployment import bring_up
from monthclose.adapters.aws.clients import client
from monthclose.domain.accounts.ledger import Account
from monthclose.domain.closes.close import CloseStatus
from monthclose.domain.period import Period
from monthclose.names import Env
from monthclose.providers import stripe_events
from sandbox.aws.local_aws import LocalAws
from tests.chaos.mischief import Step, double_a_message
from tests.integration.system import System, until

_MONTH = Period.parse(PERIOD)
_EMULATOR, _FUNCTIONS = "AWS emulator", "Lambda functions"
_COMMAND = Path(sys.executable).with_name("monthclose")
_CLOSE_SECONDS = 3600
_FOLLOW_UPS = 4
_STARTS_TWICE = 0.1
"""Of what is delivered twice: EventBridge's event; the others are messages."""
_IN_TROUBLE = {"charge_timeout_seconds": 15, "max_rounds": 6, "round_wait_seconds": 5}


class MonthClose:
    """The third contestant. Its README says what is set, and why."""

    name = "Month close"

    def __init__(self) -> None:
        self._local: LocalAws | None = None
        self._environment: dict[str, str] = {}
        self._outside: dict[str, str] = {}
        self._functions: set[int] = set()

    def start(self, given: Surroundings) -> None:
        """Deploy, and import the files by the command."""
        self._outside = dict(os.environ)
        os.environ["MONTHCLOSE_MAIL_SECONDS"] = str(mail_server.SECONDS)
        self._local = LocalAws(given.folder)
        provider = {"api_base": given.stripe_url, "requests_per_second": given.stripe_rate}
        self._running = bring_up(
            self._local, {"providers": {"stripe": provider}, **(_IN_TROUBLE if given.faults else {})}
        )
        self._environment = self._running.environment | {"MONTHCLOSE_HOME": str(given.folder)}
        self._point_here()
        self._system = System(self._running.endpoint_url, given.stripe_url, self._running.environment)
        self._take_webhooks(given)
        for what, file in (("customers", given.customers), ("prices", given.prices), ("usage", given.usage)):
            self._run("import", what, str(file), "--by", "bench", check=True)
        self._double = self._doubling()

    def close(self) -> bool:
        """Start the workflow, as EventBridge does on the first of the month."""
        until("the end of what was started twice", self._nothing_runs, _CLOSE_SECONDS)
        self._system.start(_MONTH)
        until("the end of the close", self._nothing_runs, _CLOSE_SECONDS)  # whichever start of several it is
        close = self._system.runtime.closes.get(_MONTH)
        return close is not None and close.status is CloseStatus.COMPLETED

    def follow_up(self) -> None:
        """Reconcile and close again, until no payment is in flight."""
        for _ in range(_FOLLOW_UPS):
            self._run("reconcile", PERIOD, "--now", "--by", "bench")
            self.close()
            if not self._in_flight():
                break

    def record_transfer(self, customer_id: str, minor: int, reference: str) -> bool:
        """Run `monthclose payments record`."""
        amount = f"{minor // 100}.{minor % 100:02}"
        options = ["--amount", amount, "--reference", reference, "--by", "bench"]
        done = self._run("payments", "record", customer_id, *options)
        return done.returncode == 0 or "already booked" in done.stdout + done.stderr

    def deliver_twice(self, rng: random.Random) -> str | None:
        """Put a message of the provider's queue there twice, or start the close twice.

        SQS and EventBridge both deliver at least once.
        """
        if rng.random() < _STARTS_TWICE:
            self._system.start(_MONTH)
            return "starts of the close"
        return "messages" if self._double(rng) else None

    def parts(self) -> Sequence[Part]:
        """Name the emulator and each process that runs a Lambda function."""
        emulator = self._running.aws.pid
        below = [pid for pid in family([Part(_EMULATOR, emulator)]) if pid != emulator]
        self._functions &= set(below)
        self._functions |= {pid for pid in below if pid not in self._functions and _runs_a_function(pid)}
        functions = [Part(_FUNCTIONS, pid, worker=True) for pid in sorted(self._functions)]
        return [Part(_EMULATOR, emulator), *functions]

    def mails(self) -> Sequence[str] | None:
        """Read the mailbox of the emulator's SES."""
        return [recipient for mail in self._system.mails() for recipient in mail["To"]]

    def books(self) -> Mapping[str, Booked]:
        """Add up the ledger."""
        return {name: self._booked(name) for name in self._names()}

    def stop(self) -> None:
        """End the local AWS."""
        if self._local:
            self._local.down(forget=True)
        if self._outside:
            os.environ.clear()
            os.environ.update(self._outside)

    def _names(self) -> Sequence[str]:
        return [account.customer_id for account in self._system.runtime.directory.scan_accounts()]

    def _booked(self, customer_id: str) -> Booked:
        months = self._system.runtime.books.months(customer_id)
        legs = [leg for month in months.values() for entry in month.entries for leg in entry.legs]
        month = months.get(_MONTH)
        return Booked(
            invoiced=month.invoice.total.minor if month and month.invoice else 0,
            charged=sum(leg.minor for leg in legs if leg.account is Account.CLEARING),
            transferred=sum(leg.minor for leg in legs if leg.account is Account.BANK),
        )

    def _nothing_runs(self) -> bool:
        arn = self._system.values[Env.STATE_MACHINE_ARN]
        return not self._system.workflow.list_executions(stateMachineArn=arn, statusFilter="RUNNING")["executions"]

    def _in_flight(self) -> int:
        books = self._system.runtime.books
        payments = [books.month(name, _MONTH).payment for name in self._names()]
        return sum(payment is None or not payment.settled for payment in payments)

    def _run(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [_COMMAND, *arguments],
            env={**self._outside, **self._environment},
            capture_output=True,
            text=True,
            check=False,
        )
        with (self._log_folder() / "commands.log").open("a") as log:
            log.write(f"$ monthclose {' '.join(arguments)}\n{done.stdout}{done.stderr}[{done.returncode}]\n")
        if check and done.returncode:
            raise RuntimeError(f"monthclose {' '.join(arguments)}: {done.stderr}")
        return done

    def _log_folder(self) -> Path:
        assert self._local
        return self._local.log("commands").parent

    def _point_here(self) -> None:
        """Let this process's clients reach the local AWS."""
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        os.environ.update(self._environment)
        boto3.DEFAULT_SESSION = None
        client.forget()

    def _take_webhooks(self, given: Surroundings) -> None:
        """Register the webhooks, as one does at the provider's dashboard."""
        door = self._system.values[Env.WEBHOOK_URL]
        endpoint = {"url": f"{door}stripe", "secret": given.webhook_secret, "events": stripe_events()}
        url = f"{given.stripe_url}/_sandbox/webhooks"
        httpx.put(url, json={"stripe": endpoint}, trust_env=False).raise_for_status()

    def _doubling(self) -> Step:
        return double_a_message(self._system.runtime.settings.providers["stripe"].queue_url)


def _runs_a_function(pid: int) -> bool:
    with suppress(OSError):
        return b"LAMBDA_TASK_ROOT" in Path(f"/proc/{pid}/environ").read_bytes()
    return False
