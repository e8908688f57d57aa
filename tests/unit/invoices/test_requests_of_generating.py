"""What generating invoices asks of the stores does not grow with what a customer doesn't need."""

from dataclasses import dataclass, field

from monthclose.domain.closes.close import Batch
from tests import fakes
from tests.world import OCTOBER, World


@dataclass
class CountedPriceBooks(fakes.FakePriceBooks):
    """Counts how often the latest version is asked for: each time is a request to S3."""

    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def latest(self) -> str:
        self.asked.append("latest")
        return super().latest()


def test_the_latest_price_book_is_not_asked_for_again_for_each_customer() -> None:
    books = CountedPriceBooks()
    world = World(price_books=books)
    names = [f"c-{number}" for number in range(5)]
    for name in names:
        world.add_customer(name)
        world.use(name, "1.00")
    world.open()
    books.asked.clear()
    world.close_batch(OCTOBER, Batch(0, "stripe", tuple(names)), 1)
    assert all(world.month(name).invoice for name in names)
    assert books.asked == []
