"""Several deployments in an account, and addresses that outlive the workflow stack."""

import json
import re
from typing import Any

import pytest

from monthclose.names import ADDRESSES_STACK, Env, Stack, output_name
from stacks.config import Config, ConfigError
from tests.infrastructure.synthesis import CONTEXT, NAMED, Synthesized
from tests.infrastructure.test_webhooks import logical_id

STORED = {
    "TablesCustomersB22215AC",
    "TablesUsageA60E9525",
    "TablesBillingEFACE192",
    "TablesCloses568FBC0B",
    "StorageDocumentsCD3FCE94",
    "Usage04F2BA28",
    "InvoiceLinkKeys873E0079",
}
"""What no deployment may ever replace, by its logical id in deployments of earlier releases."""
WEBHOOKS, INVOICES = "https://billing.example.com/webhooks/", "https://billing.example.com/invoices/"


def physical_names(template: dict[str, Any]) -> set[str]:
    """Names that a template fixes itself: a second deployment with the same would fail."""
    kinds = ("Table", "Queue", "Function", "Role", "Topic", "Alarm", "LogGroup", "Bucket", "StateMachine", "Dashboard")
    fixed = [f"{kind}Name" for kind in (*kinds, "Layer", "Policy")]
    return {
        properties[name]
        for resource in template["Resources"].values()
        if resource["Type"] != "AWS::IAM::Policy"
        for properties in [resource.get("Properties", {})]
        for name in fixed
        if isinstance(properties.get(name), str)
    }


def exports(template: dict[str, Any]) -> set[str]:
    return {output["Export"]["Name"] for output in template.get("Outputs", {}).values() if "Export" in output}


def test_the_stacks_of_a_named_deployment_have_its_name_before_theirs(named: Synthesized) -> None:
    artifacts = json.loads((named.folder / "manifest.json").read_text())["artifacts"]
    stacks = {name for name, artifact in artifacts.items() if artifact["type"] == "aws:cloudformation:stack"}
    assert stacks == {f"eu-{name}" for name in (*Stack, ADDRESSES_STACK)}


def test_two_deployments_have_no_names_in_common(aws: Synthesized, named: Synthesized) -> None:
    for name, template in aws.templates.items():
        other = named.templates[name]
        assert not physical_names(template) & physical_names(other)
        assert not exports(template) & exports(other)


def test_what_is_stored_keeps_its_logical_ids_whatever_the_name(aws: Synthesized, named: Synthesized) -> None:
    """With another logical id, an upgrade would make an empty table beside the one that is full."""
    assert aws.templates[Stack.STATE]["Resources"].keys() >= STORED
    assert aws.templates[Stack.STATE]["Resources"].keys() == named.templates[Stack.STATE]["Resources"].keys()


def test_each_deployment_reads_its_own_providers_keys(named: Synthesized) -> None:
    said = named.functions()["open_close"]["Environment"]["Variables"][Env.PROVIDERS]
    assert set(re.findall(r'secret_name\\*":\\*"([^"\\]+)', json.dumps(said))) == {
        "monthclose/eu/gocardless",
        "monthclose/eu/stripe",
    }


def test_each_deployment_counts_and_reports_under_its_own_name(aws: Synthesized, named: Synthesized) -> None:
    functions = named.functions().values()
    assert {f["Environment"]["Variables"]["POWERTOOLS_METRICS_NAMESPACE"] for f in functions} == {"MonthClose/eu"}
    own = {a.get("Namespace") for a in named.of_type("AWS::CloudWatch::Alarm").values()}
    assert "MonthClose/eu" in own
    assert "MonthClose" not in own
    [board] = named.of_type("AWS::CloudWatch::Dashboard").values()
    searched = set(re.findall(r"SEARCH\('\{([^,]+),service", json.dumps(board["DashboardBody"]).replace("\\", "")))
    assert searched == {'"MonthClose/eu"'}
    assert sources(named) == {"monthclose.eu"}
    assert sources(aws) == {"monthclose"}
    assert not any("POWERTOOLS_METRICS_NAMESPACE" in f["Environment"]["Variables"] for f in aws.functions().values())


def sources(synthesized: Synthesized) -> set[str]:
    machines = synthesized.of_type("AWS::StepFunctions::StateMachine").values()
    filled = [machine.get("DefinitionSubstitutions", {}) for machine in machines]
    return {values["EventSource"] for values in filled if "EventSource" in values}


@pytest.mark.parametrize("name", ["EU", "1a", "a-b", "a" * 21])
def test_a_name_that_stacks_and_secrets_cannot_have_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=r"name: .* is not up to 20 lower-case letters"):
        Config.parse(CONTEXT["monthclose"], json.dumps({"name": name}))


@pytest.mark.parametrize(
    ("domain", "message"),
    [
        ({"name": "Billing.example.com", "certificate_arn": "x"}, "domain.name: .* is not a domain in lower case"),
        ({"name": "billing.example.com", "certificate_arn": "x"}, "domain.certificate_arn: 'x' is not the ARN"),
        ({"name": "billing.example.com"}, "domain.certificate_arn: missing"),
        ({"host": "x"}, "domain.host: unknown"),
    ],
)
def test_a_domain_that_cannot_be_used_is_refused(domain: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Config.parse(CONTEXT["monthclose"], json.dumps({"domain": domain}))


def test_a_local_deployment_has_no_domain() -> None:
    assert Config.parse(CONTEXT["monthclose"], json.dumps({**NAMED, "target": "local"})).domain is None


def test_links_and_webhooks_have_the_companys_domain(named: Synthesized) -> None:
    outputs = named.templates[Stack.WORKFLOW]["Outputs"]
    assert outputs[output_name(Env.WEBHOOK_URL)]["Value"] == WEBHOOKS
    assert outputs[output_name(Env.INVOICE_URL)]["Value"] == INVOICES
    linking = [f["Environment"]["Variables"].get(Env.INVOICE_URL) for f in named.functions().values()]
    assert set(linking) == {None, INVOICES}


def test_the_domain_is_in_a_stack_that_needs_no_other_one(named: Synthesized) -> None:
    template = json.dumps(named.templates[ADDRESSES_STACK])
    assert "Fn::ImportValue" not in template
    kinds = {resource["Type"] for resource in named.templates[ADDRESSES_STACK]["Resources"].values()}
    assert {"AWS::ApiGatewayV2::Api", "AWS::ApiGatewayV2::DomainName", "AWS::Route53::RecordSet"} <= kinds
    assert not {"AWS::ApiGatewayV2::Route", "AWS::ApiGatewayV2::Integration"} & kinds
    artifacts = json.loads((named.folder / "manifest.json").read_text())["artifacts"]
    assert artifacts[f"eu-{ADDRESSES_STACK}"]["properties"]["terminationProtection"]


@pytest.mark.parametrize(
    ("path", "handler"), [("ANY /webhooks/{part}", "receive_webhook"), ("ANY /invoices/{part}", "show_invoice")]
)
def test_a_path_of_the_domain_leads_to_its_function(named: Synthesized, path: str, handler: str) -> None:
    [route] = [r for r in named.of_type("AWS::ApiGatewayV2::Route").values() if r["RouteKey"] == path]
    target = route["Target"]["Fn::Join"][1][1]["Ref"]
    integration = named.of_type("AWS::ApiGatewayV2::Integration")[target]
    assert integration["PayloadFormatVersion"] == "2.0"
    assert logical_id(named, handler) in json.dumps(integration["IntegrationUri"])
    allowed = [
        permission
        for permission in named.of_type("AWS::Lambda::Permission").values()
        if permission["Principal"] == "apigateway.amazonaws.com"
        and logical_id(named, handler) in json.dumps(permission["FunctionName"])
    ]
    assert len(allowed) == 1


def test_addresses_given_before_there_was_a_domain_still_work(named: Synthesized, aws: Synthesized) -> None:
    assert named.of_type("AWS::Lambda::Url").keys() == aws.of_type("AWS::Lambda::Url").keys()


def test_what_fails_on_the_domain_raises_an_alarm(named: Synthesized, aws: Synthesized) -> None:
    names = {a["MetricName"] for a in named.of_type("AWS::CloudWatch::Alarm").values()}
    assert {"5xx", "WebhooksRefused"} <= names
    assert "5xx" not in {a["MetricName"] for a in aws.of_type("AWS::CloudWatch::Alarm").values()}


def test_without_a_domain_there_is_no_third_stack(aws: Synthesized) -> None:
    assert ADDRESSES_STACK not in aws.templates
    assert not aws.of_type("AWS::ApiGatewayV2::Route")
