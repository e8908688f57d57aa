"""Faults apart from the providers': processes are killed, messages come twice, the bank settles debits meanwhile."""

import contextlib
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import httpx

Step = Callable[[random.Random], str | None]
"""Does one thing and names it; None if there was nothing to do."""


class Mischief:
    """Causes trouble at random moments, in its own threads, and counts what it did."""

    def __init__(self, seed: int) -> None:
        self.done = Counter[str]()
        self._seed = seed
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []

    def every(self, seconds: float, step: Step) -> None:
        """Do something again and again, on average at this interval."""
        thread = threading.Thread(target=self._run, args=(seconds, step, random.Random(self._seed)))
        self._threads.append(thread)
        thread.start()

    def _run(self, seconds: float, step: Step, rng: random.Random) -> None:
        while not self._over.wait(rng.uniform(0.5, 1.5) * seconds):
            with contextlib.suppress(httpx.HTTPError):
                name = step(rng)
                if name:
                    self.done[name] += 1

    def end(self) -> None:
        """Stop."""
        self._over.set()
        for thread in self._threads:
            thread.join()


def kill_a_worker(home: Path) -> Step:
    """Kill one of the processes that run this local AWS's Lambdas, found by its folder in their environment."""

    def step(rng: random.Random) -> str | None:
        workers = list(_workers(home))
        if not workers:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.kill(rng.choice(workers), signal.SIGKILL)
        return "Lambda processes killed"

    return step


def _workers(home: Path) -> Iterator[int]:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError, PermissionError, ProcessLookupError):
            environment = (process / "environ").read_bytes()
            if str(home).encode() in environment and b"LAMBDA_TASK_ROOT" in environment:
                yield int(process.name)


def double_a_message(queue_url: str) -> Step:
    """Take a message from a queue before its consumer does, and put it there twice."""
    sqs = boto3.client("sqs")

    def step(_rng: random.Random) -> str | None:
        for message in sqs.receive_message(QueueUrl=queue_url, WaitTimeSeconds=1).get("Messages", []):
            for _ in range(2):
                sqs.send_message(QueueUrl=queue_url, MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            return "messages delivered twice"
        return None

    return step


def settle_debits(sandbox_url: str) -> Step:
    """Let the banks make the next step of every debit, with either provider."""

    def step(_rng: random.Random) -> str | None:
        answers = [
            httpx.post(f"{sandbox_url}/_sandbox/{provider}/advance", json={}, trust_env=False)
            for provider in ("gocardless", "stripe")
        ]
        return "steps of the bank" if all(answer.is_success for answer in answers) else None

    return step


def disturb_a_payment(sandbox_url: str) -> Step:
    """Let something happen to a Stripe payment: a partial dispute, a verdict, a refund that fails, a late failure."""

    def step(rng: random.Random) -> str | None:
        draw = {"draw": rng.randrange(2**31)}
        answer = httpx.post(f"{sandbox_url}/_sandbox/stripe/befall", json=draw, trust_env=False)
        return answer.json()["happened"] if answer.is_success else None

    return step
