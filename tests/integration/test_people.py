"""People with the managed policies run the commands that the page on operating gives them, and no others.

Only on the strict local AWS: it judges each call by the policies that are attached to whoever signs it.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from monthclose.domain.period import Period
from monthclose.names import Stack
from sandbox.aws.local_aws import Running
from tests.integration.system import System

PERIOD = Period(2024, 3)
CUSTOMER = "people-1"
POLICIES = {
    "reader": ("ReadPolicy",),
    "operator": ("ReadPolicy", "OperatePolicy"),
    "cashier": ("ReadPolicy", "OperatePolicy", "MoneyPolicy"),
}
pytestmark = pytest.mark.timeout(900)
type Run = Callable[..., str]


@pytest.fixture
def run(shared_aws: tuple[Path, Running], system: System, tmp_path: Path) -> Iterator[Run]:
    """Run the command as a person, and return what it says."""
    if not shared_aws[1].strict:
        pytest.skip("only the strict local AWS judges people's calls")
    iam = boto3.client("iam")
    stack = boto3.client("cloudformation").describe_stacks(StackName=Stack.WORKFLOW)["Stacks"][0]
    arns = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    keys: dict[str, dict[str, str]] = {}
    for person, policies in POLICIES.items():
        iam.create_user(UserName=person)
        for policy in policies:
            iam.attach_user_policy(UserName=person, PolicyArn=arns[policy])
        key = iam.create_access_key(UserName=person)["AccessKey"]
        keys[person] = {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

    def monthclose(person: str, words: str, *more: str, status: tuple[int, ...] = (0,)) -> str:
        command = [str(Path(sys.executable).parent / "monthclose"), *words.split(), *more]
        environment = {**os.environ, **system.environment, **keys[person], "NO_COLOR": "1", "COLUMNS": "200"}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, cwd=tmp_path)
        assert done.returncode in status, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    yield monthclose
    for person, policies in POLICIES.items():
        for policy in policies:
            iam.detach_user_policy(UserName=person, PolicyArn=arns[policy])
        iam.delete_access_key(UserName=person, AccessKeyId=keys[person]["AWS_ACCESS_KEY_ID"])
        iam.delete_user(UserName=person)


def import_files(run: Run, folder: Path) -> None:
    """Import a customer, a price and usage as the operator."""
    (folder / "customers.csv").write_text(
        f"customer_id,name,email,currency,payment_provider,payment_method\n"
        f"{CUSTOMER},People Ltd,people@customers.example,USD,stripe,pm_card_visa\n"
    )
    (folder / "usage.csv").write_text(
        f"event_id,customer_id,sku,quantity,time,unit_price,description\n"
        f"people-event,{CUSTOMER},droplet,3,2024-03-05T00:00:00Z,5,Droplet\n"
    )
    run("operator", "import customers customers.csv")
    run("operator", "import usage usage.csv")


def test_each_policy_suffices_for_its_commands(system: System, run: Run, tmp_path: Path) -> None:
    import_files(run, tmp_path)
    run("operator", f"close {PERIOD} --late", status=(0, 4))
    run("operator", "providers set stripe --rate 20")
    run("operator", "providers reset stripe")
    run("operator", f"hold {CUSTOMER} --reason asked")
    run("operator", f"release {CUSTOMER} --reason paid")

    number = system.runtime.books.month(CUSTOMER, PERIOD).invoice
    assert number
    for words in (
        f"status {PERIOD}",
        "closes",
        f"report {PERIOD}",
        f"customer {CUSTOMER}",
        f"invoice show {number.number}",
        f"invoice show {number.number} --pdf invoice.pdf",
        f"invoice preview {CUSTOMER} {PERIOD.next}",
        f"invoice explain {number.number}",
        "providers",
    ):
        run("reader", words)

    run("cashier", f"credit {CUSTOMER} --amount 1 --reason sorry")
    run("cashier", f"invoice credit {number.number} --amount 1 --reason sorry")
    assert "has no open invoice" in run("cashier", f"pay {CUSTOMER}", status=(2,))  # it has asked the function
    run("cashier", f"reconcile {PERIOD}", status=(0, 4))


@pytest.mark.parametrize(
    ("person", "words"),
    [
        ("reader", "hold people-2 --reason asked"),
        ("reader", f"close {PERIOD} --late"),
        ("operator", "pay people-2"),
    ],
)
def test_a_command_beyond_its_persons_policies_is_refused(system: System, run: Run, person: str, words: str) -> None:
    system.add_customer("people-2")
    assert "not authorized to perform" in run(person, words, status=(1, 2)) or "AccessDenied" in run(
        person, words, status=(1, 2)
    )
