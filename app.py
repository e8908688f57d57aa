"""The CDK app: `cdk deploy --all`. Settings are in cdk.json, see stacks/config/."""

import sys

from aws_cdk import App

from monthclose.names import ADDRESSES_STACK, Stack, stack_name
from stacks.addresses_stack import AddressesStack
from stacks.config import Config, ConfigError
from stacks.state_stack import StateStack
from stacks.workflow_stack import WorkflowStack


def build(app: App) -> tuple[StateStack, WorkflowStack]:
    """Add the stacks, with the settings that the app's context holds."""
    config = Config.from_context(app.node)
    state = StateStack(app, stack_name(Stack.STATE, config.name), config=config)
    addresses = None
    if config.domain:
        addresses = AddressesStack(app, stack_name(ADDRESSES_STACK, config.name), config=config, domain=config.domain)
    workflow = stack_name(Stack.WORKFLOW, config.name)
    return state, WorkflowStack(app, workflow, config=config, state=state, addresses=addresses)


if __name__ == "__main__":
    the_app = App()
    try:
        build(the_app)
    except ConfigError as error:  # a person has written it: say what is wrong with it, without a traceback
        sys.exit(f"the settings (cdk.json) cannot be used: {error}")
    the_app.synth()
