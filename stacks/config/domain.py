"""The domain that invoice links and webhooks have, if they don't have the functions' own addresses."""

import re
from dataclasses import dataclass
from typing import Self

from stacks.config.reading import ConfigError, Json, check_fields, read_text

_NAME = re.compile(r"([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}")
_CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+")


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain of the company's.

    Parameters
    ----------
    name : str
        Such as `billing.example.com`. Nothing else may be served on it.
    certificate_arn : str
        Its certificate in AWS Certificate Manager, in the region of the stacks.
    hosted_zone_id : str
        The zone of Route 53 that gets its record; empty if the company's DNS is elsewhere.
    """

    name: str
    certificate_arn: str
    hosted_zone_id: str

    @classmethod
    def parse(cls, values: Json) -> Self | None:
        """Read the setting `domain`; without a name there is none."""
        if not values:
            return None
        check_fields(values, "domain", cls)
        name = read_text(values, "domain", "name")
        if not _NAME.fullmatch(name):
            raise ConfigError(f"domain.name: {name!r} is not a domain in lower case, like billing.example.com")
        certificate = read_text(values, "domain", "certificate_arn")
        if not _CERTIFICATE.fullmatch(certificate):
            raise ConfigError(f"domain.certificate_arn: {certificate!r} is not the ARN of a certificate")
        return cls(name, certificate, read_text(values, "domain", "hosted_zone_id", default=""))
