"""What roles were seen to do, and what the templates let them do, in the same words: logical names instead of ARNs.

`python -m tests.infrastructure.rights FILE` reads the calls that integration tests wrote down on the strict local AWS,
and keeps them in recorded_calls.json. `make record-calls` does both.
"""

import json
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from monthclose.names import Stack
from tests.infrastructure.synthesis import TARGETS, Synthesized, synthesize

RECORDED = Path(__file__).with_name("recorded_calls.json")
PERSON = "person:"
"""Begins the principal of a call that no role made: a command or a test did."""
type Right = tuple[str, str, str]
"""Role, action, resource."""

_HASH = re.compile(r"[0-9A-F]{8}$")
_SECRET = re.compile(r"(:secret:monthclose/.*-)\w{6}$")
"""Secrets Manager adds six characters to a secret's name."""
_PSEUDO = {
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::AccountId": "000000000000",
    "AWS::StackName": "stack",
    "AWS::URLSuffix": "amazonaws.com",
}
_NAMED = re.compile(
    r"^arn:aws:(?:dynamodb:[^:]*:\d*:table/|s3:::|sqs:[^:]*:\d*:|lambda:[^:]*:\d*:function:|sns:[^:]*:\d*:"
    r"|logs:[^:]*:\d*:log-group:|states:[^:]*:\d*:stateMachine:|secretsmanager:[^:]*:\d*:secret:)(?=<)"
)
"""What precedes a resource's own name in an ARN, where a template's `Arn` stands for both."""


def plain(logical_id: str) -> str:
    """Take the CDK's hash from a logical id."""
    return _HASH.sub("", logical_id)


def granted(synthesized: Synthesized) -> set[Right]:
    """List what the policies of roles allow: each action on each resource pattern."""
    rights: set[Right] = set()
    policies = [*synthesized.of_type("AWS::IAM::Policy").values()]
    for policy in policies:
        for role in policy["Roles"]:
            for action, pattern in _allowed(policy["PolicyDocument"]):
                rights.add((plain(role["Ref"]), action, pattern))
    return rights


def granted_to_people(synthesized: Synthesized) -> dict[str, set[Right]]:
    """List what each managed policy for people allows, by the name of its output: `ReadPolicy`."""
    outputs = synthesized.templates[Stack.WORKFLOW]["Outputs"]
    policies = synthesized.of_type("AWS::IAM::ManagedPolicy")
    named = {name: output["Value"].get("Ref") for name, output in outputs.items() if isinstance(output["Value"], dict)}
    return {
        name: {(name, action, pattern) for action, pattern in _allowed(policies[policy]["PolicyDocument"])}
        for name, policy in named.items()
        if policy in policies
    }


def _allowed(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield action, written(resource)


def listed(value: Any) -> list[Any]:
    """Make a list of what may be one or several."""
    return value if isinstance(value, list) else [value]


def written(value: Any) -> str:
    """Write a template's expression for a resource with logical names."""
    if isinstance(value, str):
        return value
    (function, argument), *_ = value.items()
    if function == "Ref":
        return _PSEUDO.get(argument) or plain(argument)
    if function == "Fn::GetAtt":
        return plain(argument[0])
    if function == "Fn::ImportValue":
        name = re.sub(r"^.*ExportsOutput(?:FnGetAtt|Ref)", "", argument)
        found = re.match(r"\w+?[0-9A-F]{8}", name)
        assert found, argument
        return plain(found[0])
    assert function == "Fn::Join", value
    return "".join(map(written, argument[1]))


def read_calls(lines: Iterable[str], logical_ids: Iterable[str]) -> set[Right]:
    """Read what the strict local AWS wrote down.

    Parameters
    ----------
    logical_ids : iterable of str
        Those of the templates: physical names are made from them, some of them in small letters.
    """
    known = {name.lower(): name for name in map(plain, logical_ids)}
    names = "|".join(sorted(known, key=len, reverse=True))
    stacks = f"(?<![\\w-])(?:(?:/aws/cloudformation/)?(?:{'|'.join(Stack)})[-/])?"
    physical = re.compile(rf"{stacks}({names})[0-9a-f]+(?:-\w+)*(?![\w-])", re.IGNORECASE)

    def name(found: re.Match[str]) -> str:
        return f"<{known[found[1].lower()]}>"

    def logical(text: str) -> str:
        named = _NAMED.sub("", physical.sub(name, text))
        if re.fullmatch(r"<\w+>:log-stream:.*", named):  # a log group's ARN stands for its streams, too
            named = named.partition(":")[0]
        return _SECRET.sub(r"\1??????", named.replace("<", "").replace(">", ""))

    calls = (json.loads(line) for line in lines)
    return {(logical(principal), action, logical(resource)) for principal, action, resource in calls}


def covers(right: Right, call: Right) -> bool:
    """Whether a right allows a call."""
    (role, action, pattern), (caller, called, resource) = right, call
    return (role, action) == (caller, called) and fnmatchcase(resource, pattern)


def as_tree(calls: Iterable[Right]) -> dict[str, dict[str, list[str]]]:
    """Sort calls by role and action."""
    tree: dict[str, dict[str, list[str]]] = {}
    for role, action, resource in sorted(calls):
        tree.setdefault(role, {}).setdefault(action, []).append(resource)
    return tree


def recorded() -> set[Right]:
    """Read the calls that are kept."""
    tree = json.loads(RECORDED.read_text())
    return {(role, action, on) for role, actions in tree.items() for action, all_on in actions.items() for on in all_on}


def main(file: Path) -> None:
    """Keep the calls in a file that the strict local AWS wrote."""
    with tempfile.TemporaryDirectory() as folder:
        synthesized = synthesize(TARGETS["local"], Path(folder))
    logical_ids = [name for template in synthesized.templates.values() for name in template["Resources"]]
    roles = {plain(name) for name in synthesized.of_type("AWS::IAM::Role")}
    calls = {call for call in read_calls(file.read_text().splitlines(), logical_ids) if call[0] in roles}
    RECORDED.write_text(f"{json.dumps(as_tree(calls), indent=1)}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
