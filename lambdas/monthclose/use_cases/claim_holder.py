"""Whether the holder of a claim is still running."""

from monthclose.ports import Workflow


def still_running(holder: str, execution: str, workflow: Workflow) -> bool:
    """Say whether the holder is another execution of the same state machine, and still running.

    An execution of another machine counts as ended: a deployment has replaced that machine, and claims outlive it. Step
    Functions is not even asked: roles name the current machines only, so it would always refuse.
    """
    same_machine = _machine(holder) == _machine(execution)
    return holder != execution and same_machine and workflow.is_running(holder)


def _machine(execution: str) -> str:
    return execution.rpartition(":")[0]  # arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME
