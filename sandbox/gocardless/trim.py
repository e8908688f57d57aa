"""Trims what GoCardless publishes to ``published.json``: the members of its objects, its enums, its events.

Objects and enums are those of its own npm package ``gocardless-nodejs``. Which origin and cause an event may have is
only in the API reference ("Event types"), which the package ``gocardless-events`` on PyPI (MIT) has turned into code.

    npm pack gocardless-nodejs@10.1.2 && tar xzf gocardless-nodejs-10.1.2.tgz
    pip download --no-deps --python-version 3.13 --only-binary=:all: gocardless-events==0.1.4
    unzip gocardless_events-*.whl
    python -m sandbox.gocardless.trim package gocardless_events
"""

import argparse
import ast
import json
import re
from pathlib import Path
from typing import Any

PUBLISHED = Path(__file__).with_name("published.json")

_OBJECTS = (
    *("Customer", "CustomerBankAccount", "CustomerBankAccountLinks", "Mandate", "MandateLinks"),
    *("Payment", "PaymentLinks", "PaymentFx", "Refund", "RefundLinks", "RefundFx"),
    *("Payout", "PayoutLinks", "PayoutFx", "PayoutItem", "PayoutItemLinks"),
    *("BillingRequest", "BillingRequestAction", "BillingRequestActionBankAuthorisation"),
    *("BillingRequestActionCollectCustomerDetails", "BillingRequestActionCollectCustomerDetailsIncompleteFields"),
    *("BillingRequestLinks", "BillingRequestMandateRequest", "BillingRequestMandateRequestLinks"),
    *("BillingRequestPaymentRequest", "BillingRequestPaymentRequestLinks", "BillingRequestResources"),
    *("BillingRequestResourcesCustomer", "BillingRequestResourcesCustomerBankAccount"),
    *("BillingRequestResourcesCustomerBankAccountLinks", "BillingRequestResourcesCustomerBillingDetail"),
    *("BillingRequestFlow", "BillingRequestFlowLinks", "BillingRequestFlowPrefilledBankAccount"),
    "BillingRequestFlowPrefilledCustomer",
    *("Event", "EventDetails", "EventLinks", "EventSource"),
)
_EVENTS = {
    "payments": "payment",
    "mandates": "mandate",
    "refunds": "refund",
    "payouts": "payout",
    "billing_requests": "billing_request",
}

_TYPE = re.compile(r"export type (\w+) = \{\n(.*?)\n\};", re.DOTALL)
_ENUM = re.compile(r"export declare enum (\w+) \{\n(.*?)\n\}", re.DOTALL)
_MEMBER = re.compile(r"^ {4}(\w+)\??: (\{.*?^ {4}\}(?: \| null)?|[^\n]*?);$", re.MULTILINE | re.DOTALL)
_ERROR_MEMBER = re.compile(r"^ {4}(\w+)\?: ", re.MULTILINE)


def main() -> None:
    """Read both packages and write the file."""
    parser = argparse.ArgumentParser(
        prog="python -m sandbox.gocardless.trim",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("nodejs", type=Path, help="the unpacked npm package")
    parser.add_argument("events", type=Path, help="the unpacked Python package")
    options = parser.parse_args()
    types = (options.nodejs / "types/types/Types.d.ts").read_text(encoding="utf-8")
    errors = (options.nodejs / "types/errors.d.ts").read_text(encoding="utf-8")
    version = json.loads((options.nodejs / "package.json").read_text(encoding="utf-8"))["version"]
    document = {
        "from": {"gocardless-nodejs": version, "gocardless-events": "0.1.4"},
        "objects": _objects(types),
        "error_entry": _ERROR_MEMBER.findall(errors.split("interface ErrorObject", 1)[1].split("}", 1)[0]),
        "events": {kind: _events(options.events / f"models/{name}.py") for kind, name in _EVENTS.items()},
    }
    PUBLISHED.write_text(_written(document), encoding="utf-8")


def _enums(types: str) -> dict[str, list[str]]:
    return {name: re.findall(r'= "([^"]+)"', body) for name, body in _ENUM.findall(types)}


def _objects(types: str) -> dict[str, Any]:
    """Return the members of each object: what they are (``string``, another object, a list of words), and nullable."""
    bodies, enums = dict(_TYPE.findall(types)), _enums(types)
    objects = {}
    for name in _OBJECTS:
        members = {}
        for member, written in _MEMBER.findall(bodies[name]):
            kind, nullable = _kind(written.strip(), enums), "| null" in written
            members[member] = {"is": kind} | ({"nullable": True} if nullable else {})
        objects[name] = members
    return objects


def _kind(written: str, enums: dict[str, list[str]]) -> str | list[str]:
    bare = written.removesuffix("| null").strip()
    if enum := re.fullmatch(r"`\$\{(\w+)\}`", bare):
        return enums[enum[1]]
    if bare.startswith("{") or bare == "JsonMap":
        return "texts"
    return "list" if bare.endswith("[]") else bare


def _events(module: Path) -> dict[str, list[dict[str, Any]]]:
    """Return by action which details an event may have: origin, cause, and whether the bank's words come with it."""
    classes = [node for node in ast.parse(module.read_text(encoding="utf-8")).body if isinstance(node, ast.ClassDef)]
    members = {node.name: _literals(node) for node in classes}
    actions = {name: literals["action"] for name, literals in members.items() if "action" in literals}
    prefix = next(iter(actions))[: len(module.stem.replace("_", ""))]
    events: dict[str, list[dict[str, Any]]] = {}
    for event, action in actions.items():
        stem = event.removeprefix(prefix)
        detailed = [
            literals
            for name, literals in members.items()
            if "cause" in literals and name == _detail_class(stem, literals["cause"], literals["origin"])
        ]
        events[action] = sorted(
            (
                {"cause": found["cause"], "origin": found["origin"]}
                | ({"bank": True} if "reason_code" in found else {})
                for found in detailed
            ),
            key=lambda found: (found["cause"], found["origin"]),
        )
    return dict(sorted(events.items()))


def _detail_class(stem: str, cause: str, origin: str) -> str:
    return f"{stem}{''.join(word.capitalize() for word in cause.split('_'))}Detail{origin.capitalize()}"


def _literals(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for line in node.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            literal = re.fullmatch(r"Literal\['(.*)'\]", ast.unparse(line.annotation))
            found[line.target.id] = literal[1] if literal else ""
    return found


def _written(document: dict[str, Any]) -> str:
    """Write one member a line: the file is read in reviews."""
    text = json.dumps(document, indent=2)
    return re.sub(r"\{\n\s+(\"(?:is|cause)\".*?)\n\s+\}", _one_line, text, flags=re.DOTALL) + "\n"


def _one_line(match: re.Match[str]) -> str:
    return "{" + re.sub(r"\s*\n\s*", " ", match[1]) + "}"


if __name__ == "__main__":
    main()
