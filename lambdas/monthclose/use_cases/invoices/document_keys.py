"""Keys of the objects that hold the documents of invoices and credit notes."""

from monthclose.domain.period import Period


def documents_key(period: Period, batch: int, first: int) -> str:
    """Name the object that holds the documents of a batch's run of numbers."""
    return f"invoices/{period}/{batch:05}-{first:08}.jsonl"


def credit_note_key(period: Period, number: str) -> str:
    """Name the object that holds a credit note's document."""
    return f"credit_notes/{period}/{number}.json"
