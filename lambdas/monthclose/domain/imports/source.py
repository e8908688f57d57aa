"""Sources: whoever sends files, and how their files are read."""

import re
from dataclasses import dataclass
from typing import Any

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.imports.column_mapping import CUSTOMERS, PRICES, USAGE, FileSchema, check_fields
from monthclose.domain.imports.file_options import FileOptions, Hints

SCHEMAS = {schema.name: schema for schema in (USAGE, CUSTOMERS, PRICES)}
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class Source:
    """A source.

    Parameters
    ----------
    name : str
        Lower case, for a command and a folder.
    kind : str
        What it sends: `usage`, `customers` or `prices`.
    """

    name: str
    kind: str
    options: FileOptions

    @property
    def schema(self) -> FileSchema:
        """The fields of its files."""
        return SCHEMAS[self.kind]

    def checked(self, hints: Hints) -> "Source":
        """Check it as a whole.

        Raises
        ------
        UserMistakeError
            Its name or kind is not possible, an option is not, or there is no such field.
        """
        if not _NAME.fullmatch(self.name):
            raise UserMistakeError(
                f"{self.name!r} cannot be a source's name\nit has up to 64 lower-case letters, digits, hyphens and "
                "underscores"
            )
        if self.kind not in SCHEMAS:
            raise UserMistakeError(f"a source sends {', '.join(SCHEMAS)}, not {self.kind!r}")
        if self.name in BUILT_IN:
            raise UserMistakeError(f"the source {self.name} is built in; save yours under another name")
        check_fields(self.schema, self.options)
        self.options.checked(hints)
        return self

    def content(self) -> dict[str, Any]:
        """Write it as plain data, without its name."""
        return {"kind": self.kind, "options": self.options.content()}

    @classmethod
    def read(cls, name: str, content: dict[str, Any]) -> "Source":
        """Read what `content` wrote."""
        return cls(name, content["kind"], FileOptions.read(content["options"]))


FOCUS = Source(
    "focus",
    USAGE.name,
    FileOptions(
        mapped={
            "customer_id": "SubAccountId",
            "sku": "SkuId",
            "quantity": "PricingQuantity",
            "time": "ChargePeriodStart",
            "resource": "ResourceId",
            "description": "ChargeDescription",
            "currency": "BillingCurrency",
        },
        time_zone="UTC",  # by the specification
        only={"ChargeCategory": "Usage"},
        without={"CommitmentDiscountStatus": "Unused"},
        may_lack=("ResourceId", "ChargeDescription", "CommitmentDiscountStatus"),  # conditional ones
    ),
)
"""A cloud's bill as a FOCUS file (FinOps Open Cost and Usage Specification, 1.0 to 1.2): its usage.

Purchases, taxes, credits and adjustments are money and no usage, and what nobody used of a commitment is none either.
A correction (`ChargeClass`) is a row of its own with the difference: usage, negative perhaps, of the time it corrects.
"""
BUILT_IN = {FOCUS.name: FOCUS}
