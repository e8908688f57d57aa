"""The number series of issued documents: no number of a series is skipped, and none is given twice."""

import re
from enum import StrEnum

from monthclose.domain.errors import UserMistakeError


class Series(StrEnum):
    """A series, by the prefix of its numbers."""

    INVOICES = "INV"
    CREDIT_NOTES = "CN"

    @property
    def what(self) -> str:
        """The kind of document that has these numbers."""
        return {Series.INVOICES: "invoice", Series.CREDIT_NOTES: "credit note"}[self]

    def numbered(self, number: int) -> str:
        """Write a number of the series: `INV-00000042`."""
        return f"{self}-{number:08}"

    def number_of(self, name: str) -> int:
        """Read the number from a name.

        Raises
        ------
        UserMistakeError
            It is none of this series.
        """
        match = re.fullmatch(rf"{self}-(\d{{1,15}})", name.strip().upper(), re.ASCII)
        if not match:
            raise UserMistakeError(f"{name!r} is not the number of any {self.what}; they look like {self.numbered(42)}")
        return int(match[1])

    def has(self, name: str) -> bool:
        """Whether a name begins like those of the series."""
        return name.strip().upper().startswith(f"{self}-")
