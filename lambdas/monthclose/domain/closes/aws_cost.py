"""What a close costs at AWS in us-east-1, in US dollars. Pure.

The figures are those that `python -m bench.costs.figures` prints from what was counted; a test compares them.
"""

from collections.abc import Mapping

PER_CUSTOMER: Mapping[str, float] = {"DynamoDB": 1.94e-05, "Lambda": 1.943e-06, "S3": 3.1e-07}
PER_BATCH: Mapping[str, float] = {
    "CloudWatch Logs": 1.208e-06,
    "DynamoDB": 1.161e-05,
    "Lambda": 8e-07,
    "S3": 3.04e-05,
    "Step Functions": 0.0002,
}
PER_CLOSE: Mapping[str, float] = {"CloudWatch Logs": 1.763e-06, "DynamoDB": 2.806e-05, "Lambda": 2e-06, "S3": 0.0002212}
WORKER_SECOND = 6.667e-06
"""A worker that charges, for as long as the provider's limit lets it."""
EMAIL = 0.0001


def close_cost(customers: int, batches: int, worker_seconds: float, emails: float) -> dict[str, float]:
    """Estimate what a close costs, by service, the dearest first.

    Parameters
    ----------
    worker_seconds : float
        For how long the providers' workers charge, added up.
    """
    services = {*PER_CUSTOMER, *PER_BATCH, *PER_CLOSE}
    costs = {
        name: PER_CUSTOMER.get(name, 0) * customers + PER_BATCH.get(name, 0) * batches + PER_CLOSE.get(name, 0)
        for name in services
    }
    costs["Lambda"] += worker_seconds * WORKER_SECOND
    costs["SES (e-mail)"] = emails * EMAIL
    return dict(sorted(costs.items(), key=lambda item: (-item[1], item[0])))
