"""What AWS refuses, in a line, and what helps, in another: rights, credentials, what a deployment lacks."""

import re
from typing import NamedTuple

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    SSOError,
    TokenRetrievalError,
)

EXPIRED_LOCALLY: tuple[type[BotoCoreError], ...] = (CredentialRetrievalError, SSOError, TokenRetrievalError)
"""What botocore itself says of credentials that it cannot get again."""
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
_UNKNOWN = {
    *("AuthFailure", "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException"),
    *("SignatureDoesNotMatch", "UnrecognizedClientException"),
}
_DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"}
_NO_MACHINE = {"StateMachineDoesNotExist", "StateMachineDeleting"}
_NO_EXECUTION = {"ExecutionDoesNotExist"}
_NO_TABLE, _NO_BUCKET = {"ResourceNotFoundException"}, {"NoSuchBucket"}
_MISSING = re.compile(r"not authorized to perform: (?P<action>\S+?)(?: on resource: (?P<resource>\S+))?(?:\s|$)")
_TABLE = re.compile(r"on table \((?P<table>[^)]+)\)")
_READING = ("Describe", "Get", "List", "Query", "Scan", "BatchGet")
_SIGN_IN_AGAIN = "sign in again, as you did before (`aws sso login`, or new keys); then run the same command again"
_DEPLOY_AGAIN = "`cdk deploy --all` makes it again; what is done stays done, and the same command continues"


class _Missing(NamedTuple):
    """A right that is missing; the resource may be unknown."""

    action: str
    resource: str

    @property
    def policy(self) -> str:
        """The managed policy that has it."""
        service, _, name = self.action.partition(":")
        if service == "lambda":
            return "MoneyPolicy"
        return "ReadPolicy" if name.startswith(_READING) and service != "secretsmanager" else "OperatePolicy"

    @property
    def on(self) -> str:
        """Name the resource as people do."""
        kind, _, name = self.resource.rpartition(":")[2].partition("/")
        if ":dynamodb:" in self.resource and kind == "table":
            return f" on the table {name.partition('/')[0]}"
        return f" on {self.resource}" if self.resource else ""


def known_refusals() -> set[str]:
    """List the codes that are no defects of ours."""
    return {*_EXPIRED, *_UNKNOWN, *_DENIED, *_NO_MACHINE, *_NO_EXECUTION, *_NO_TABLE, *_NO_BUCKET}


def is_denied(error: ClientError) -> bool:
    """Tell whether a right is missing: then nothing was done."""
    return error.response.get("Error", {}).get("Code") in _DENIED


def refusal(error: Exception, where: str) -> str:
    """Say what is refused, or that credentials are at their end, and below it what helps, if that is known."""
    if not isinstance(error, ClientError):
        return f"there are no valid AWS credentials any more: {str(error).strip().splitlines()[0]}\n{_SIGN_IN_AGAIN}"
    details = error.response["Error"]
    code, message = details.get("Code", ""), details.get("Message") or details.get("Code")
    if code in _EXPIRED:
        return f"these AWS credentials have expired\n{_SIGN_IN_AGAIN}"
    if code in _UNKNOWN:
        return f"{where} does not know these credentials: {message}\n{_SIGN_IN_AGAIN}"
    said = f"{where} refuses: {message} ({error.operation_name})"
    help_ = _help(error, code, str(message))
    return f"{said}\n{help_}" if help_ else said


def _help(error: ClientError, code: str, message: str) -> str:
    if code in _DENIED:
        return _rights(message)
    if code in _NO_MACHINE:
        return f"the state machine of this deployment was deleted: {_DEPLOY_AGAIN}"
    if code in _NO_EXECUTION:
        return (
            "Step Functions no longer knows that execution: it keeps one for 90 days, and none of a machine that was "
            "deleted\n`monthclose close` for its month continues what it left"
        )
    if code in _NO_TABLE and (found := _TABLE.search(str(error))):
        return f"the table {found['table']} does not exist: restore it from its backup, or {_DEPLOY_AGAIN}"
    return "the bucket of this deployment was deleted: restore it" if code in _NO_BUCKET else ""


def _rights(message: str) -> str:
    found = _MISSING.search(message)
    if not found:
        return "ask whoever manages your AWS rights for the managed policy that the command needs (docs/operating.md)"
    missing = _Missing(found["action"], found["resource"] or "")
    said = f"what is missing is {missing.action}{missing.on}"
    if "explicit deny" in message:
        return f"{said}: a policy denies it, so that no other can allow it; ask whoever manages your AWS rights"
    return (
        f"{said}: the deployment's managed policy {missing.policy} allows it (docs/operating.md says who needs which)"
    )
