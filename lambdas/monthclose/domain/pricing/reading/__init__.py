"""Reading a price book from its file's content (TOML or JSON, as plain data), with every mistake named by its entry.

One module for each kind of entry, which declares the fields beside what reads them: `prices` and their `models`;
`special` for fees, discounts and commitments. `book` puts the sections together.
"""

from monthclose.domain.pricing.reading.book import PriceBookError, read_book

__all__ = ["PriceBookError", "read_book"]
