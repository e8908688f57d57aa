"""The price book."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from monthclose.domain.pricing import PriceBook


class PriceBooks(Protocol):
    """The price book, in versions."""

    def latest(self) -> str:
        """Name the latest version; empty if no book was imported yet."""

    def get(self, version: str) -> PriceBook:
        """Read one version; they never change. The version "" is an empty book."""

    def merge(self, additions: PriceBook) -> PriceBook:
        """Merge a book into the latest one (see `PriceBook.merged`), and make that the latest version."""
