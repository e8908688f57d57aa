"""Why a finding of cdk-nag is accepted, written where the construct is made. A test runs the rules."""

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct

RULES = "AwsSolutions"


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """Accept one finding of the AwsSolutions rules on a construct and what it holds.

    Parameters
    ----------
    finding : str
        The rule without its prefix and, where it has several findings, the finding: `IAM5[Resource::*]`.
    reason : str
        Why this is right here. A reviewer reads it.
    """
    Validations.of(construct).acknowledge(Acknowledgment(id=f"{RULES}-{finding}", reason=reason))


def acknowledge_resource(construct: IConstruct, arn: str, reason: str) -> None:
    """Accept that a policy names a pattern of ARNs (`IAM5`), this one only."""
    acknowledge(construct, f"IAM5[Resource::{_written(Stack.of(construct).resolve(arn))}]", reason)


def _written(resolved: object) -> str:
    """Write an ARN the way the rules do: `<LogicalId.Attribute>` for what is known at deployment only."""
    match resolved:
        case {"Fn::Join": [_, [*parts]]}:
            return "".join(map(_written, parts))
        case {"Fn::GetAtt": [*parts]}:
            return f"<{'.'.join(map(str, parts))}>"
        case {"Ref": name}:
            return f"<{name}>"
    return str(resolved)
