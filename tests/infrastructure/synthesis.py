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
from monthclose.names import Stack

ROOT = Path(__file__).parent.parent.parent
CONTEXT: Mapping[str, Any] = json.loads((ROOT / "cdk.json").read_text())["context"]
TARGETS: Mapping[str, Mapping[str, object]] = {
    "aws": {"alarm_email": "operators@example.com"},
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

TELL_CUSTOMERS = {
    "send_notices",
    "send_remaining_notices",
    "send_reminders",
    "settle_payments",
    "apply_webhook",
    "apply_holds",
    "review_holds",
}
"""The functions that write to customers: whoever learns of an outcome, and whoever decides a hold."""

type Resource = dict[str, Any]


def make_app(overrides: Mapping[str, object], outdir: Path) -> App:
    """Make the app as the CDK's command would, for given overrides."""
    given = {"monthclose-overrides": json.dumps(overrides), "aws:cdk:bundling-stacks": []}
    return App(context={**CONTEXT, **given}, outdir=str(outdir))


@dataclass(frozen=True)
class Synthesized:
    """One synthesis: both templates."""

    folder: Path
    templates: Mapping[str, dict[str, Any]]

    def of_type(self, kind: str) -> dict[str, Resource]:
        """Return the properties of both stacks' resources of a type, by logical id."""
        return {
            name: resource.get("Properties", {})
            for template in self.templates.values()
            for name, resource in template["Resources"].items()
            if resource["Type"] == kind
        }

    def functions(self) -> dict[str, Resource]:
        """Return the functions by the name of the handler's file (consumers: and the provider)."""
        return {_function_name(properties): properties for properties in self.of_type("AWS::Lambda::Function").values()}

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
    templates: dict[str, dict[str, Any]] = {
        name: json.loads((folder / f"{name}.template.json").read_text()) for name in Stack
    }
    return Synthesized(folder, templates)
