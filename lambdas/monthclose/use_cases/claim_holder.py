"""Whether who holds a claim still works."""

from monthclose.ports import Workflow


def still_works(holder: str, execution: str, workflow: Workflow) -> bool:
    """Say whether another execution of the same state machine than `execution` still runs.

    One of another machine doesn't: a deployment has replaced that machine, and claims outlive it. It is not asked
    after, either: roles name today's machines only, so that Step Functions would refuse to say, for good.
    """
    same_machine = _machine(holder) == _machine(execution)
    return holder != execution and same_machine and workflow.is_running(holder)


def _machine(execution: str) -> str:
    return execution.rpartition(":")[0]  # arn:aws:states:REGION:ACCOUNT:execution:MACHINE:NAME
