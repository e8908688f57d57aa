"""The company that invoices, and how it writes its invoices."""

from dataclasses import dataclass

from monthclose.domain.invoices.document_parts import Seller


@dataclass(frozen=True, slots=True)
class Company:
    """What invoices say of the company, and how they are written.

    Parameters
    ----------
    payment_days : int
        Days from an invoice's date until it is due.
    language : str
        What customers without a language of their own are written to in, as a tag (BCP 47).
    e_invoice : bool
        Whether PDFs carry the invoice as XML by EN 16931 (Factur-X) where the norm can express it.
    """

    seller: Seller
    payment_days: int = 0
    e_invoice: bool = False
    language: str = "en"
