"""Follows the guide to adding a provider, step by step, with the very text of its examples."""

import inspect
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest

from monthclose import bootstrap, providers
from monthclose.bootstrap import Runtime
from stacks.config import Config
from tests.contract import test_gateways
from tests.contract.conftest import REGION
from tests.world import SETTINGS, STRIPE

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "adding-a-provider.md").read_text()
BLOCKS = re.findall(r"^```(python|json)\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
CODE = {text.partition("\n")[0].removeprefix("# "): text for language, text in BLOCKS if language == "python"}
PROVIDERS = {name: entry for language, text in BLOCKS if language == "json" for name, entry in json.loads(text).items()}
MODULES = {
    "lambdas/monthclose/adapters/wallet/gateway.py": "monthclose.adapters.wallet.gateway",
    "sandbox/wallet.py": "sandbox.wallet",
}


@pytest.fixture(autouse=True)
def modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """The guide's new files."""
    for path, name in MODULES.items():
        module = ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(compile(CODE[path], path, "exec"), vars(module))


def added_to(module: ModuleType, path: str, **names: Any) -> dict[str, Any]:
    """What a file's names are after the guide's lines were added to it."""
    after = {**vars(module), **names}
    future = after.get("annotations")  # of a module whose annotations are not evaluated
    exec(compile(CODE[path], path, "exec", flags=getattr(future, "compiler_flag", 0)), after)
    return after


@pytest.fixture
def case() -> Iterator[test_gateways.Case]:
    new = {
        "WalletSandbox": vars(sys.modules["sandbox.wallet"])["WalletSandbox"],
        "WalletGateway": vars(sys.modules["monthclose.adapters.wallet.gateway"])["WalletGateway"],
        "GATEWAYS": dict(test_gateways.GATEWAYS),
    }
    after = added_to(test_gateways, "tests/contract/test_gateways.py", **new)
    with after["GATEWAYS"]["wallet"]() as made:
        yield made


PROMISES = {
    name: test
    for name, test in vars(test_gateways).items()
    if name.startswith("test_") and [*inspect.signature(test).parameters] == ["case"]
}


@pytest.mark.parametrize("promise", PROMISES.values(), ids=PROMISES)
def test_the_guides_provider_keeps_what_every_gateway_promises(
    case: test_gateways.Case, promise: Callable[[test_gateways.Case], None]
) -> None:
    promise(case)


def test_the_guide_lists_many_promises() -> None:
    assert len(PROMISES) >= 9


@pytest.mark.parametrize("name", ["gocardless", "wallet"])
def test_the_guides_settings_deploy(name: str) -> None:
    settings = json.loads((ROOT / "cdk.json").read_text())["context"]["monthclose"]
    config = Config.parse(settings, json.dumps({"providers": {name: PROVIDERS[name]}}))
    provider = next(provider for provider in config.providers if provider.name == name)
    assert asdict(provider).items() >= {"name": name, **PROVIDERS[name]}.items()


@pytest.mark.parametrize("name", ["gocardless", "wallet"])
def test_the_guides_entry_in_providers_makes_the_gateway(
    name: str, aws: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = PROVIDERS[name]
    secret = json.dumps({"api_key": "token"})
    boto3.client("secretsmanager", region_name=REGION).create_secret(Name=entry["secret_name"], SecretString=secret)
    provider = replace(STRIPE, name=name, secret_name=entry["secret_name"], api_base=entry["api_base"])
    aws.settings = replace(SETTINGS, providers={name: provider})
    after = added_to(providers, "lambdas/monthclose/providers.py")
    monkeypatch.setattr(bootstrap, "GATEWAYS", after["GATEWAYS"])
    assert aws.gateway(name).provider == name


def test_the_guide_names_every_magic_mandate() -> None:
    from sandbox.gocardless.behaviours import MAGIC_MANDATES  # noqa: PLC0415

    assert re.findall(r"^\| `(MD_\w+)`", GUIDE, re.MULTILINE) == list(MAGIC_MANDATES)
