"""Judges the calls of this process's AWS by the policies deployed on it."""

import importlib
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import dynamodb, iam

from sandbox.strict.limits import Limits
from sandbox.strict.policies.evaluator import Context, Decision, Evaluator, EvaluatorError, Question, that_matters

IDENTITY, RESOURCE = "iam.identity_policy", "iam.resource_policy"
_POLICY_OF_RESOURCE = {
    "kms": ("kms", "key_policy_for_arn"),
    "lambda": ("lambda_svc", "function_policy_for_arn"),
    "s3": ("s3", "bucket_policy_for_arn"),
    "secretsmanager": ("secretsmanager", "secret_policy_for_arn"),
    "sns": ("sns", "topic_policy_for_arn"),
    "sqs": ("sqs", "queue_policy_for_arn"),
}
"""By the service in an action, MiniStack's module and function that find a resource's own policy."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be judged.

    Parameters
    ----------
    principal : str
        An assumed role's or a user's ARN, a service's name, or nothing for an anonymous call.
    context : Context
        The condition keys that come with the call, beside those that every call has.
    """

    principal: str
    action: str
    resource: str
    context: Context


@dataclass(frozen=True, slots=True)
class Refusal:
    """A call that the policies don't allow."""

    principal: str
    action: str
    resource: str
    limit: str
    why: str
    explicit: bool

    @property
    def message(self) -> str:
        """AWS's words for it."""
        who, what = f"User: {self.principal}", f"{self.action} on resource: {self.resource}"
        return f"{who} is not authorized to perform: {what} {self.why}"


type Recorder = Callable[[str, str, str], None]
"""Takes principal, action and resource of each call that was allowed."""


class Court:
    """Judges calls, counts those refused, and remembers who was refused what, and why."""

    def __init__(self, limits: Limits, evaluator: Evaluator, recorder: Recorder | None = None) -> None:
        self._limits = limits
        self._evaluator = evaluator
        self._recorder = recorder
        self._refused: dict[Refusal, int] = {}
        self._lock = threading.Lock()

    def judge(self, call: Call) -> Refusal | None:
        """Return why a call is refused, if it is."""
        identity = identity_policies(call.principal)
        own = resource_policy(call.action, call.resource)
        context = {"aws:SecureTransport": "true", **call.context}
        question = Question(
            call.principal,
            call.action,
            call.resource,
            get_account_id(),
            identity,
            own,
            that_matters(context, (*identity, own)),
        )
        try:
            decision = self._evaluator.decide(question)
            refusal = None if decision.allowed else _refusal(call, decision)
        except EvaluatorError as error:  # whoever calls must see it, not only a log
            refusal = Refusal(call.principal, call.action, call.resource, IDENTITY, str(error), explicit=False)
        if refusal is not None and self._limits.on(refusal.limit):
            self._count(refusal)
            return refusal
        if refusal is None and self._recorder is not None:
            self._recorder(call.principal, call.action, call.resource)
        return None

    def record(self, principal: str, action: str, resource: str) -> None:
        """Record a call that needs no judging."""
        if self._recorder is not None:
            self._recorder(principal, action, resource)

    def refused(self) -> list[dict[str, Any]]:
        """List who was refused what and why, and how often."""
        with self._lock:
            return [{**asdict(refusal), "times": times} for refusal, times in self._refused.items()]

    def _count(self, refusal: Refusal) -> None:
        self._limits.strike(refusal.limit)
        with self._lock:
            self._refused[refusal] = self._refused.get(refusal, 0) + 1


def _refusal(call: Call, decision: Decision) -> Refusal:
    """Say what decided. Without a role, only the resource's policy could have allowed the call."""
    by_resource = decision.by_resource if decision.explicit else not call.principal.startswith("arn:")
    kind = "resource" if by_resource else "identity"
    why = (
        f"with an explicit deny in a{'n' if kind == 'identity' else ''} {kind}-based policy"
        if decision.explicit
        else f"because no {kind}-based policy allows the {call.action} action"
    )
    limit = RESOURCE if by_resource else IDENTITY
    return Refusal(call.principal or "anonymous", call.action, call.resource, limit, why, decision.explicit)


def identity_policies(principal: str) -> tuple[str, ...]:
    """Return the policies of an assumed role or of a user, inline and managed, as JSON."""
    if ":assumed-role/" in principal:
        identity = iam._roles.get(principal.split("/")[1]) or {}
        inline = (identity.get("InlinePolicies") or {}).values()
    elif ":user/" in principal:
        name = principal.rpartition("/")[2]
        identity = iam._users.get(name) or {}
        inline = (iam._user_inline_policies.get(name) or {}).values()
    else:
        return ()
    return tuple(map(as_json, [*inline, *map(managed_policy, identity.get("AttachedPolicies", []))]))


def managed_policy(arn: str) -> Any:
    """Return the document of a managed policy's default version."""
    policy = iam._policies.get(arn) or {}
    return policy.get("Versions", {}).get(policy.get("DefaultVersionId", "v1"), {}).get("Document") or {"Statement": []}


def resource_policy(action: str, resource: str) -> str:
    """Return a resource's own policy as JSON; empty if it has none."""
    if action.startswith("dynamodb:"):  # a table's policy is its indexes' as well
        return str(dynamodb._resource_policies.get(resource.partition("/index/")[0], {}).get("Policy", ""))
    lookup = _POLICY_OF_RESOURCE.get(action.partition(":")[0])
    if lookup is None or not resource.startswith("arn:"):
        return ""
    module = importlib.import_module(f"ministack.services.{lookup[0]}")
    found = getattr(module, lookup[1])(resource)
    return as_json(found[0]) if found and found[0] else ""


def keep_table_policy(name: str, properties: Mapping[str, Any]) -> None:
    """Keep the policy that a template gives a table: MiniStack takes one from DynamoDB's own calls only."""
    policy = (properties.get("ResourcePolicy") or {}).get("PolicyDocument")
    if policy:
        arn = f"arn:aws:dynamodb:{get_region()}:{get_account_id()}:table/{name}"
        dynamodb._resource_policies[arn] = {"Policy": as_json(policy), "RevisionId": "1"}


def as_json(policy: Any) -> str:
    """Write a policy as JSON, in one way for equal policies."""
    return policy if isinstance(policy, str) else json.dumps(policy, sort_keys=True)
