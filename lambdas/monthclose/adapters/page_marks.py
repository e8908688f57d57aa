"""Our marks in the metadata of providers' pages: the account may have others, of the company's own product."""

from collections.abc import Mapping
from typing import Any

_MARK, _MARKED = "monthclose", "payment_details"
_WHOSE = "customer_id"


def page_marks(customer_id: str) -> dict[str, str]:
    """Mark a page as one of ours, on which a customer of ours is asked for payment details."""
    return {_MARK: _MARKED, _WHOSE: customer_id}


def is_of_our_page(metadata: Mapping[str, Any] | None) -> bool:
    """Whether metadata are those of one of our pages."""
    return isinstance(metadata, Mapping) and metadata.get(_MARK) == _MARKED


def whose_page(metadata: Mapping[str, Any] | None) -> str:
    """Read whose page it is; empty if it is not one of ours."""
    return str(metadata.get(_WHOSE, "")) if metadata and is_of_our_page(metadata) else ""
