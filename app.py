"""The CDK app: `cdk deploy --all`. Settings are in cdk.json, see stacks/config/."""

from aws_cdk import App

from monthclose.names import Stack
from stacks.config import Config
from stacks.state_stack import StateStack
from stacks.workflow_stack import WorkflowStack


def build(app: App) -> tuple[StateStack, WorkflowStack]:
    """Add both stacks, with the settings that the app's context holds."""
    config = Config.from_context(app.node)
    state = StateStack(app, Stack.STATE, config=config)
    return state, WorkflowStack(app, Stack.WORKFLOW, config=config, state=state)


if __name__ == "__main__":
    the_app = App()
    build(the_app)
    the_app.synth()
