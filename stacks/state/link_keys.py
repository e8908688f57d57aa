"""The keys that links to invoices are signed with."""

import json

from aws_cdk import RemovalPolicy
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from stacks.config import Config
from stacks.nag import acknowledge

_KEY_LENGTH = 64


def link_keys(scope: Construct, construct_id: str, *, config: Config) -> secretsmanager.Secret:
    """Make the secret with the keys, the first of them random: `{"current": "k1", "k1": "…"}`.

    It belongs to the state, because links in mails must keep working whatever is deployed.
    """
    keys = secretsmanager.Secret(
        scope,
        construct_id,
        description="Month close: keys that links to invoices are signed with, by id, and the id of the current one",
        generate_secret_string=secretsmanager.SecretStringGenerator(
            secret_string_template=json.dumps({"current": "k1"}),
            generate_string_key="k1",
            password_length=_KEY_LENGTH,
            exclude_punctuation=True,
        ),
        removal_policy=RemovalPolicy.DESTROY if config.local else RemovalPolicy.RETAIN,
    )
    acknowledge(keys, "SMG4", "A rotation by schedule would break links in mails: keys are added by hand, by id.")
    return keys
