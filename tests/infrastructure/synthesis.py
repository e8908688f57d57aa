"""How the tests synthesize the stacks, and read what comes out.

Nothing is bundled (`aws:cdk:bundling-stacks`), and the settings and feature flags are those of cdk.json.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws_cdk import App

from app import build
from monthclose.names import ADDRESSES_STACK, Stack, stack_name

STACKS = (*Stack, ADDRESSES_STACK)
ROOT = Path(__file__).parent.parent.parent
CONTEXT: Mapping[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
TARGETS: Mapping[str, Mapping[str, object]] = {
    "aws": {"alarm_email": "operators@example.com", "finance_email": "finance@example.com"},
    "local": {"target": "local", "map_concurrency": 12, "reconcile": {"enabled": False}},
    "two_providers": {
        "providers": {
            "gocardless": {
                "api_base": "https://api.gocardless.com",
                "secret_name": "monthclose/gocardless",
                "requests_per_second": 15,
                "maximum_concurrency": 4,
            }
        }
    },
}
NAMED: Mapping[str, object] = {
    "name": "eu",
    "billing_days": [1, 15, "last"],
    "alarm_email": "operators@example.com",
    "domain": {
        "name": "billing.example.com",
        "certificate_arn": "arn:aws:acm:eu-central-1:111122223333:certificate/4c1d2a1e-0000-4000-8000-000000000000",
        "hosted_zone_id": "Z0123456789",
    },
}
"""One of several deployments in an account, with a domain."""

TELL_CUSTOMERS = {
    "send_notices",
    "send_remaining_notices",
    "send_reminders",
    "settle_payments",
    "apply_webhook",
    "apply_holds",
    "review_holds",
    "act_for_operator",
    "refund_within_limits",
    "act_for_customer",
}
"""The functions that write to customers: whoever learns of an outcome, and whoever decides a hold."""

type Resource = dict[str, Any]


def make_app(overrides: Mapping[str, object], outdir: Path) -> App:
    """Make the app as the CDK's command would, for given overrides."""
    given = {"monthclose-overrides": json.dumps(overrides), "aws:cdk:bundling-stacks": []}
    return App(context={**CONTEXT, **given}, outdir=str(outdir))


@dataclass(frozen=True)
class Synthesized:
    """One synthesis: the templates by their stacks' plain names."""

    folder: Path
    templates: Mapping[str, dict[str, Any]]

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Return the properties of all stacks' resources of a type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for template in self.templates.values()
            for name, resource in template["Resources"].items()
            if resource["Type"] == kind
        }

    def functions(self) -> dict[str, Resource]:
        """Return the functions by the name of the handler's file (consumers: and the provider)."""
        return {_function_name(properties): properties for properties in self.of_type("AWS::Lambda::Function").values()}

    def function_behind(self, reference: Any) -> str:
        """Return the logical id of the function that an ARN means: its own, of a version, of an alias, or of all."""
        match reference:
            case {"Fn::GetAtt": [name, "Arn"]}:
                return str(name)
            case {"Fn::Join": ["", [inner, ":*"]]}:
                return self.function_behind(inner)
            case {"Ref": name}:
                published = self.of_type("AWS::Lambda::Version") | self.of_type("AWS::Lambda::Alias")
                return str(published[name]["FunctionName"]["Ref"]) if name in published else str(name)
        raise AssertionError(f"{reference} is no function's")

    def statements_of(self, role: str) -> list[dict[str, Any]]:
        """Return what a role is allowed, by the role's logical id."""
        policies = self.of_type("AWS::IAM::Policy").values()
        own = [policy for policy in policies if {"Ref": role} in policy["Roles"]]
        return [statement for policy in own for statement in policy["PolicyDocument"]["Statement"]]


def _function_name(properties: Resource) -> str:
    name = properties["Handler"].split(".")[-2]
    provider = properties["Environment"]["Variables"].get("MONTHCLOSE_PROVIDER")
    return f"{name}:{provider}" if provider else str(name)


def synthesize(overrides: Mapping[str, object], folder: Path) -> Synthesized:
    app = make_app(overrides, folder)
    build(app)
    app.synth()
    made = {name: folder / f"{stack_name(name, str(overrides.get('name', '')))}.template.json" for name in STACKS}
    templates: dict[str, dict[str, Any]] = {
        name: json.loads(file.read_text()) for name, file in made.items() if file.exists()
    }
    return Synthesized(folder, templates)
