"""Numbers as people write them."""


def count(number: int, one: str = "", many: str = "") -> str:
    """Write a number with its noun: `1 customer`, `1,425 customers`."""
    noun = one if number == 1 else many or f"{one}s"
    return f"{number:,} {noun}" if one else f"{number:,}"
