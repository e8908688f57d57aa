"""A payment provider's pages that ask for a payment method."""

from datetime import UTC, datetime

from monthclose.errors import OrderRefusedError
from monthclose.ports import BeforeRequest, OpenedPage, PageAnswer, PageOrder, PageState


class FakePages:
    """A provider's pages in memory. `give` is what a customer does on one.

    Parameters
    ----------
    needs_payer : bool
        Whether a page can only be made for a customer whom the provider knows.
    """

    provider = "stripe"

    def __init__(self, *, needs_payer: bool = True) -> None:
        self.needs_payer = needs_payer
        self.orders: dict[str, PageOrder] = {}
        self.answers: dict[str, PageAnswer] = {}
        self.failures: list[Exception] = []
        """Raised by the next calls, one each."""

    def open(self, order: PageOrder, before_request: BeforeRequest = lambda: None) -> OpenedPage:
        self._maybe_fail()
        before_request()
        assert order.payer or not self.needs_payer
        reference = f"page_{len(self.orders) + 1}"
        self.orders[reference] = order
        made_at = datetime(2026, 11, 1, 12, len(self.orders), tzinfo=UTC)
        self.answers[reference] = PageAnswer(PageState.OPEN, reference, order.customer_id, made_at=made_at)
        return OpenedPage(reference, f"https://pages.example.com/{reference}")

    def give(self, reference: str, method: str) -> None:
        """Let the customer enter a payment method."""
        order, before = self.orders[reference], self.answers[reference]
        payer = order.payer or f"payer_of_{reference}"
        self.answers[reference] = PageAnswer(
            PageState.GIVEN, reference, order.customer_id, method, payer, before.made_at
        )

    def expire(self, reference: str) -> None:
        """Let a page expire."""
        self.answers[reference] = PageAnswer(PageState.OVER, reference, self.orders[reference].customer_id)

    def look_up(self, reference: str) -> PageAnswer:
        self._maybe_fail()
        if reference not in self.answers:
            raise OrderRefusedError("resource_missing")
        return self.answers[reference]

    def _maybe_fail(self) -> None:
        if self.failures:
            raise self.failures.pop(0)
