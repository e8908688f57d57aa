"""Whether a resource's policy lets a service in, by the rules of IAM's guide ("Policy evaluation logic").

For a service that calls on its own there is no identity policy: an Allow in the resource's policy is needed, and a Deny
wins. Only the condition operators that our policies use are known; any other one is an error of the test.
"""

from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any

ACCOUNT, REGION = "111122223333", "eu-central-1"
_KNOWN_AT_DEPLOYMENT = {"AWS::Partition": "aws", "AWS::AccountId": ACCOUNT, "AWS::Region": REGION}


def written(value: Any) -> str:
    """Write a template's value as the deployment would: a resource stands for itself, by its logical id."""
    match value:
        case {"Fn::Join": [separator, [*parts]]}:
            return str(separator).join(map(written, parts))
        case {"Ref": name}:
            return _KNOWN_AT_DEPLOYMENT.get(name, str(name))
        case {"Fn::GetAtt": [name, _]}:
            return str(name)
    return str(value)


def lets_in(policy: Mapping[str, Any], service: str, action: str, resource: str, context: Mapping[str, str]) -> bool:
    """Decide whether a policy lets a service do something to a resource."""
    matching = [
        statement["Effect"]
        for statement in policy["Statement"]
        if _is_named(statement["Principal"], service)
        and any(fnmatchcase(action.lower(), pattern.lower()) for pattern in _listed(statement["Action"]))
        and any(fnmatchcase(resource, written(pattern)) for pattern in _listed(statement["Resource"]))
        and _holds(statement.get("Condition", {}), context)
    ]
    return "Allow" in matching and "Deny" not in matching


def _is_named(principal: Any, service: str) -> bool:
    return principal in ("*", {"AWS": "*"}) or service in _listed(principal.get("Service", []))


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    tests: Mapping[str, Callable[[str, str], bool]] = {
        "StringEquals": lambda value, wanted: value == wanted,
        "ArnLike": fnmatchcase,
        "Bool": lambda value, wanted: value == wanted.lower(),
    }
    return all(
        key in context and any(tests[operator](context[key], written(wanted)) for wanted in _listed(values))
        for operator, keys in condition.items()
        for key, values in keys.items()
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
