"""Judges the requests that reach the emulator over HTTP: those of functions, commands and tests.

MiniStack names each request's caller, action and resource, and checks signatures, once its `AUTH` is on; every function
then signs with keys of its own role. Who signs with the key of the local AWS is the administrator, who may do all.
"""

import json
import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import ses_v2

from sandbox.strict.limits import REFUSED_PATH
from sandbox.strict.policies.court import Call, Court, Refusal

_NEVER_DENIED = ("sts:GetCallerIdentity", "sts:GetSessionToken")
_SEND = "ses:SendEmail"
_CALL_URL = "lambda:InvokeFunctionUrl"
_STATEMENT, _STATEMENTS = "dynamodb:ExecuteStatement", "dynamodb:BatchExecuteStatement"
_WRITES = (
    ("dynamodb:PartiQLInsert", re.compile(r'\s*INSERT\s+INTO\s+"([^"]+)"', re.IGNORECASE)),
    ("dynamodb:PartiQLUpdate", re.compile(r'\s*UPDATE\s+"([^"]+)"', re.IGNORECASE)),
)
"""What a statement needs, and what it begins with."""
_JUDGED_AS = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
    "sns:PublishBatch": "sns:Publish",
}
"""Operations that need the permission of another: "Actions, resources, and condition keys" of the services."""
_BOOTSTRAP = ":assumed-role/cdk-"
"""The roles of CDK's bootstrap stack deploy: what they may do is the bootstrap template's and not ours to judge."""


@dataclass(frozen=True)
class Request:
    """The request under way, for the condition keys that MiniStack does not name."""

    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, Any] = field(default_factory=dict)
    body: bytes = b""

    def json(self) -> dict[str, Any]:
        """Read the body; empty if it is no JSON object."""
        try:
            found = json.loads(self.body or b"{}")
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


_NONE = Request()
_request: ContextVar[Request] = ContextVar("request", default=_NONE)


class Requests:
    """Stands in for MiniStack's own evaluation of policies."""

    def __init__(self, court: Court) -> None:
        self._court = court
        self._dispatch, self._before_body = app._dispatch_service_request, app._handle_pre_body_request

    def take_over(self) -> None:
        """Put it into MiniStack."""
        app.AUTH = True
        app._dispatch_service_request = self._dispatch_remembered
        app.pin_signed_request, app.pin_signed_body = _remember_request, _remember_body
        # The local endpoint stands for AWS's, which are all reached by TLS.
        iam_evaluator._request_origin = ContextVar("origin", default=("127.0.0.1", True))
        app.pin_request_origin = lambda _source_ip, _secure: None
        app._handle_pre_body_request = self._tell_refused
        iam_evaluator.enforce = self.enforce

    def enforce(
        self,
        access_key_id: str,
        iam_action: str,
        service: str,
        _region: str,
        resource_arn: str = "*",
        service_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return why a request is refused, as MiniStack expects it, or None."""
        iam_action = _JUDGED_AS.get(iam_action, iam_action)
        principal = ""
        if access_key_id:
            failure = iam_evaluator.check_credentials(access_key_id, service)
            if failure or iam_action in _NEVER_DENIED:
                return failure
            principal = caller(access_key_id)
        if principal.endswith(":root") or _BOOTSTRAP in principal:
            self._court.record(person(_request.get().headers), iam_action, resource_arn)
            return None
        context = {**given(service_context or {}), **more_context(iam_action, _request.get())}
        context["aws:userid"] = user_id(access_key_id)
        for action, resource in permissions(iam_action, resource_arn, _request.get()):
            refusal = self._court.judge(Call(principal, action, resource, context))
            if refusal:
                return as_ministack(refusal)
        return None

    async def _dispatch_remembered(
        self, method: str, path: str, headers: Any, body: bytes, query_params: Any, request_id: str
    ) -> Any:
        """Let a missing object be missing only for those who may list the bucket: for others S3 answers 403."""
        answer = await self._dispatch(method, path, headers, body, query_params, request_id)
        status, *_ = answer
        missing = status == 404 and method in ("GET", "HEAD") and path.count("/") > 1
        if not missing or app.detect_service(method, path, headers, query_params) != "s3":
            return answer
        bucket = f"arn:aws:s3:::{path.split('/')[1]}"
        key = app.extract_access_key_id(headers, query_params)
        refused = self.enforce(key, "s3:ListBucket", "s3", "", bucket)
        if refused is None:
            return answer
        body = b"" if method == "HEAD" else b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
        return 403, {"Content-Type": "application/xml"}, body

    async def _tell_refused(self, method: str, path: str, *rest: Any) -> Any:
        if method == "GET" and path == REFUSED_PATH:
            return 200, {"Content-Type": "application/json"}, json.dumps(self._court.refused()).encode()
        return await self._before_body(method, path, *rest)


def _remember_request(method: str, raw_path: str, query_params: Any, raw_headers: Any, **options: Any) -> None:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw_headers}
    _request.set(Request(headers, query_params))
    iam_evaluator.pin_signed_request(method, raw_path, query_params, raw_headers, **options)


def _remember_body(body: bytes) -> None:
    _request.set(replace(_request.get(), body=body))
    iam_evaluator.pin_signed_body(body)


def caller(access_key_id: str) -> str:
    """Return the ARN of whoever has an access key."""
    identity = iam_evaluator.resolve_caller_identity(access_key_id) or {}
    return str(identity.get("userArn", ""))


def user_id(access_key_id: str) -> str:
    """Return the unique id of whoever has an access key, as STS tells it."""
    identity = iam_evaluator.resolve_caller_identity(access_key_id) or {}
    return str(identity.get("userId", ""))


def person(headers: Mapping[str, str]) -> str:
    """Name a person's call after the application that its SDK was told to name (AWS_SDK_UA_APP_ID)."""
    _, named, rest = headers.get("user-agent", "").partition("app/")
    return f"person:{rest.split()[0]}" if named else "person:"


def given(service_context: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    """Take the condition keys that MiniStack found, without those it knows to be absent."""
    return {
        key: value if isinstance(value, list) else str(value)
        for key, value in service_context.items()
        if value is not None
    }


def permissions(action: str, resource: str, request: Request) -> list[tuple[str, str]]:
    """List the actions, and what on, that a request needs: most need one."""
    if action == _SEND:
        return [(action, arn) for arn in mail_resources(request.json())]
    if action == _CALL_URL:  # both, since October 2025 (Lambda's guide, "Control access to Lambda function URLs")
        return [(action, resource), ("lambda:InvokeFunction", resource)]
    if action in (_STATEMENT, _STATEMENTS):
        return sorted({statement_permission(each) for each in statements(request)})
    return [(action, resource)]


def statements(request: Request) -> list[str]:
    """List the PartiQL statements of a request: one, or those of a batch."""
    data = request.json()
    return [str(each.get("Statement", "")) for each in data.get("Statements", [data])]


def statement_permission(statement: str) -> tuple[str, str]:
    """Name the permission that a PartiQL statement needs, by what it does, and its table.

    Raises
    ------
    NotImplementedError
        It is another statement: write down here what it needs.
    """
    for action, begins in _WRITES:
        found = begins.match(statement)
        if found:
            return action, f"arn:aws:dynamodb:{get_region()}:{get_account_id()}:table/{found[1]}"
    raise NotImplementedError(f"the strict local AWS does not know which permissions this needs: {statement}")


def more_context(action: str, request: Request) -> dict[str, str | Sequence[str]]:
    """Find the condition keys of a request that MiniStack leaves out."""
    if action == "s3:PutObject":
        part = "uploadId" in request.query and "partNumber" in request.query
        context: dict[str, str | Sequence[str]] = {"s3:ObjectCreationOperation": "false" if part else "true"}
        if "if-none-match" in request.headers:
            context["s3:if-none-match"] = request.headers["if-none-match"]
        return context
    if action == _CALL_URL:
        return {"lambda:InvokedViaFunctionUrl": "true"}
    if action == _SEND:
        return {"ses:FromAddress": address(request.json().get("FromEmailAddress", ""))}
    if action == _STATEMENT:  # of a batch, each has its own; only the trail of audit asks for them
        return {"dynamodb:LeadingKeys": [parameter["S"] for parameter in request.json().get("Parameters", [])[:1]]}
    if action.startswith("dynamodb:"):
        return leading_keys(request.json())
    return {}


def leading_keys(data: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    """List the partition keys that a DynamoDB request names: each key's first attribute, as PynamoDB writes them."""
    keys = [data[name] for name in ("Key", "Item") if isinstance(data.get(name), dict)]
    values = [str(next(iter(next(iter(key.values()), {}).values()), "")) for key in keys]
    return {"dynamodb:LeadingKeys": values} if values else {}


def address(sender: str) -> str:
    """Take the address out of `Name <address>`."""
    return sender.rpartition("<")[2].rstrip("> ")


def mail_resources(data: Mapping[str, Any]) -> list[str]:
    """List what sending an e-mail is judged on: the sender's identity, the configuration set, known recipients.

    SES judges the recipients' identities as well if they belong to the account (SES's guide, "Controlling access").
    """
    prefix = f"arn:aws:ses:{get_region()}:{get_account_id()}:"
    sender = identity_of(address(data.get("FromEmailAddress", "")))
    to = data.get("Destination", {})
    recipients = [
        to_address for kind in ("ToAddresses", "CcAddresses", "BccAddresses") for to_address in to.get(kind, [])
    ]
    known = {identity_of(recipient, known=True) for recipient in map(address, recipients)} - {"", sender}
    arns = [f"{prefix}identity/{name}" for name in (sender, *sorted(known))]
    named = data.get("ConfigurationSetName")
    return [*arns, f"{prefix}configuration-set/{named}"] if named else arns


def identity_of(mail_address: str, *, known: bool = False) -> str:
    """Find the identity that an address belongs to: the address itself, or its domain.

    Parameters
    ----------
    known : bool
        Whether only the account's identities count; otherwise an unknown address is taken for itself.
    """
    domain = mail_address.rpartition("@")[2]
    for name in (mail_address, domain):
        if name in ses_v2._identities or name in ses_v2._v1_identities:
            return name
    return "" if known else mail_address


def as_ministack(refusal: Refusal) -> Any:
    """Write a refusal so that MiniStack answers with it in the service's own form."""
    return iam_evaluator.EvalResult(
        decision="Deny" if refusal.explicit else "ImplicitDeny",
        principal_arn=refusal.principal,
        reason=refusal.why,
        resource_policy_arn=refusal.resource if "resource-based" in refusal.why and refusal.explicit else "",
    )
