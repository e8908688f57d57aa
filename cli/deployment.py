"""Deploying the stacks on the local AWS: with the CDK command, as on AWS, and only when something has changed."""

import contextlib
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
from botocore.config import Config

from monthclose.names import Env, Stack, output_name
from monthclose.providers import stripe_events
from sandbox.aws.local_aws import (
    ACCOUNT,
    PROJECT,
    REGION,
    LocalAws,
    LocalAwsError,
    Running,
    Step,
    clean_environment,
    quiet,
)
from sandbox.aws.processes import tail

_SOURCES = (
    "app.py",
    "cdk.json",
    "lambdas",
    "requirements/documents.txt",
    "requirements/lambda.txt",
    "stacks",
    "statemachines",
)
_SECRETS = {
    "gocardless": {"api_key": "sandbox_access_token", "webhook_secret": "sandbox_webhook_secret"},
    "stripe": {"api_key": "sk_test_sandbox", "webhook_secret": "whsec_sandbox"},
}
"""By provider: what the sandbox accepts, and signs its webhooks with."""
_EVENTS = {"stripe": stripe_events}
"""What one chooses at the provider's dashboard (docs/webhooks.md); where one cannot choose, all events come."""
_PLAIN = {"CDK_DISABLE_CLI_TELEMETRY": "true", "PYTHON_COLORS": "0"}
"""For the CDK and the app: what they write is quoted in messages."""
_CDK_SECONDS = 900
_CPUS = os.cpu_count() or 2


@contextlib.contextmanager
def deployed(local: LocalAws, overrides: Mapping[str, Any] | None = None) -> Iterator[Running]:
    """Have a local AWS with the stacks on it for as long as the context lasts; nothing is left of it afterwards.

    Parameters
    ----------
    overrides : mapping
        Settings of the deployment, laid over those for a local one (see stacks/config/).
    """
    try:
        yield bring_up(local, overrides or {})
    finally:
        local.down(forget=True)


def bring_up(local: LocalAws, overrides: Mapping[str, Any] | None = None, step: Step = quiet) -> Running:
    """Start what isn't running and deploy what has changed since it was deployed.

    Raises
    ------
    LocalAwsError
        Something did not start or deploy.
    """
    running = local.up(step)
    deployment = _Deployment(local, running, overrides or {})
    with local.locked():
        fingerprint = deployment.fingerprint()
        if running.deployed == fingerprint:
            return running
        deployment.deploy(step)
        return local.mark_deployed(running, fingerprint)


@dataclass(frozen=True)
class _Deployment:
    local: LocalAws
    running: Running
    overrides: Mapping[str, Any] = field(default_factory=dict)

    def deploy(self, step: Step) -> None:
        cdk = PROJECT / "node_modules" / ".bin" / "cdk"
        if not cdk.exists():
            raise LocalAwsError("the CDK command is not installed here\nrun `make setup` first")
        assembly = str(self.local.home / "cdk.out")
        context = f"monthclose-overrides={json.dumps(self._settings())}"
        with step("Prepare the deployment"), ThreadPoolExecutor() as pool:
            # The app is not needed to bootstrap, so it runs beside the synthesis, in a folder without one.
            bootstrap = pool.submit(self._run, "bootstrap", [str(cdk), "bootstrap", f"aws://{ACCOUNT}/{REGION}"])
            synth = [str(cdk), "synth", "--quiet", "--all", "--output", assembly, "--context", context]
            self._run("synth", synth, PROJECT)
            bootstrap.result()
        with step("Deploy the stacks"):
            deploy = [str(cdk), "deploy", "--all", "--require-approval", "never", "--app", assembly]
            self._run("deploy", deploy)
            self._put_secrets()
            self._register_webhooks()

    def fingerprint(self) -> str:
        """Hash everything that the deployment is made from."""
        digest = hashlib.sha256(json.dumps(self._settings(), sort_keys=True).encode())
        for source in _SOURCES:
            path = PROJECT / source
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file() and "__pycache__" not in file.parts:
                    digest.update(f"{file.relative_to(PROJECT)}\0".encode() + file.read_bytes())
        return digest.hexdigest()

    def _settings(self) -> dict[str, Any]:
        local: dict[str, Any] = {
            "target": "local",
            "name": "",
            "providers": {
                "gocardless": {"api_base": f"{self.running.sandbox_url}/gocardless", "maximum_concurrency": 2},
                "stripe": {"api_base": self.running.sandbox_url, "maximum_concurrency": max(_CPUS, 2)},
            },
            "map_concurrency": 2 * _CPUS,
            "max_batches": 60,
            "round_wait_seconds": 2,
            # A machine that is put to sleep and woken up would find all its starts due at once: `monthclose reconcile`.
            "reconcile": {"enabled": False},
            "collections": {"enabled": False},
            # Here, each lane is a process.
            "usage_drop": {"part_kb": 64, "lanes": _CPUS, "wait_seconds": 2},
            # The queue hides a message for six times as long: what a killed consumer had is taken up after two minutes.
            "charge_timeout_seconds": 20,
        }
        return _merged(local, self.overrides)

    def _run(self, name: str, command: Sequence[str], folder: Path | None = None) -> None:
        log = self.local.log(name)
        with log.open("wb") as output:
            try:
                done = subprocess.run(
                    [*command, "--no-notices", "--no-color"],
                    cwd=folder or self.local.home,
                    env=clean_environment() | self.running.environment | _PLAIN,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    timeout=_CDK_SECONDS,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise LocalAwsError(f"cdk {name} took more than {_CDK_SECONDS} s\n{tail(log)}") from None
        if done.returncode:
            raise LocalAwsError(f"cdk {name} failed\n{tail(log)}")

    def _put_secrets(self) -> None:
        secrets = client_of(self.running, "secretsmanager")
        for provider, content in _SECRETS.items():
            name, value = f"monthclose/{provider}", json.dumps(content)
            try:
                secrets.create_secret(Name=name, SecretString=value)
            except secrets.exceptions.ResourceExistsException:
                secrets.put_secret_value(SecretId=name, SecretString=value)

    def _register_webhooks(self) -> None:
        """Tell the sandbox where its events go, as one does at the providers' dashboards."""
        (stack,) = client_of(self.running, "cloudformation").describe_stacks(StackName=Stack.WORKFLOW)["Stacks"]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        door = outputs[output_name(Env.WEBHOOK_URL)]
        endpoints = {
            provider: {
                "url": door + provider,
                "secret": content["webhook_secret"],
                "events": _EVENTS.get(provider, list)(),
            }
            for provider, content in _SECRETS.items()
        }
        try:
            answer = httpx.put(f"{self.running.sandbox_url}/_sandbox/webhooks", json=endpoints, trust_env=False)
            answer.raise_for_status()
        except httpx.HTTPError as error:
            raise LocalAwsError(f"the sandbox did not take the webhooks' address: {error}") from error


def client_of(running: Running, service: str, **options: Any) -> Any:
    """Make a client of a service of a local AWS, whatever the environment says of AWS and of proxies."""
    dummy = running.environment
    return boto3.client(  # type: ignore[call-overload]
        service,
        endpoint_url=dummy["AWS_ENDPOINT_URL"],
        region_name=dummy["AWS_REGION"],
        aws_access_key_id=dummy["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=dummy["AWS_SECRET_ACCESS_KEY"],
        config=Config(proxies={"http": ""}, **options),
    )


def _merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for key, value in over.items():
        before = merged.get(key)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        merged[key] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return merged
