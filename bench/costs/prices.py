"""The one price list, and what counted use costs by it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("prices.toml")


@dataclass(frozen=True)
class Price:
    """A price of AWS's: `price` US dollars for `per` units."""

    price: float
    per: float
    unit: str
    source: str

    def of(self, number: float) -> float:
        """Return what so many units cost, in US dollars."""
        return number * self.price / self.per


@cache
def load_prices() -> Mapping[str, Price]:
    """Read the price list: `dynamodb.write`."""
    services = tomllib.loads(_FILE.read_text())
    return {f"{service}.{name}": Price(**entry) for service, part in services.items() for name, entry in part.items()}


_COUNTED = {
    "s3 put": "s3.put",
    "s3 get": "s3.get",
    "log bytes": "logs.ingested",
    "mails": "ses.mails",
    "transitions": "stepfunctions.transitions",
    "invocations": "lambda.requests",
    "GB-seconds": "lambda.duration",
    "sqs requests": "sqs.requests",
    "request:Secrets Manager GetSecretValue": "secrets.requests",
}
_SERVICES = {"dynamodb": "DynamoDB", "lambda": "Lambda", "stepfunctions": "Step Functions", "sqs": "SQS"} | {
    "s3": "S3",
    "logs": "CloudWatch Logs",
    "ses": "SES (mail)",
    "secrets": "Secrets Manager",
}


def price_of(name: str) -> str:
    """Name the price that a count is paid by; empty if nothing is paid for it."""
    for prefix, price in (("write:", "dynamodb.write"), ("index:", "dynamodb.write"), ("read:", "dynamodb.read")):
        if name.startswith(prefix):
            return price
    return "sqs.requests" if name.startswith("request:SQS") else _COUNTED.get(name, "")


def cost_by_service(counts: Mapping[str, float]) -> dict[str, float]:
    """Sum up what counts cost, by service, in US dollars."""
    sums: dict[str, float] = {}
    for name, number in counts.items():
        price = price_of(name)
        if price:
            service = _SERVICES[price.partition(".")[0]]
            sums[service] = sums.get(service, 0.0) + load_prices()[price].of(number)
    return sums
