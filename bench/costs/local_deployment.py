"""`python -m bench.costs.local_deployment HOME` deploys the product on a local AWS, until its standard input ends.

Prints where it is, as JSON. The product is the one that this interpreter finds: another checkout's, too.
"""

import json
import os
import sys
from pathlib import Path

import boto3

from cli.deployment import deployed
from monthclose.names import Env, Stack, output_name
from sandbox.aws.local_aws import LocalAws

_DROP = {"part_kb": 1024}
"""Parts that take longer than the step that each of them is: those of a local deployment are for tests."""


def outputs() -> dict[str, str]:
    """Read what the workflow's stack says of itself, by the variables' names."""
    [stack] = boto3.client("cloudformation").describe_stacks(StackName=Stack.WORKFLOW)["Stacks"]
    found = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
    return {env.value: found[output_name(env)] for env in Env if output_name(env) in found}


def main() -> None:
    with deployed(LocalAws(Path(sys.argv[1])), {"usage_drop": _DROP}) as running:
        os.environ |= running.environment
        values = outputs()
        where = {
            "environment": running.environment,
            "pid": running.aws.pid,
            "bucket": values[Env.USAGE_BUCKET],
            "machine": values[Env.USAGE_IMPORT_ARN],
        }
        print(json.dumps(where), flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
