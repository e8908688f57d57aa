"""Payment methods that customers give themselves, on a page of the payment provider.

The imported profile stays as it is: it is the company's own record, and it may be imported again every night. What the
customer gave takes the place of exactly what the profile said when they gave it. An import that says the same again
changes nothing; one that names another provider, payment method or customer is newer, and applies from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from monthclose.domain.accounts.customer import Profile


@dataclass(frozen=True, slots=True)
class GivenMethod:
    """A payment method that a customer gave on their provider's page.

    Parameters
    ----------
    provider : str
        Whose page it was.
    method, payer : str
        The provider's ids of the payment method, and of the customer that it belongs to.
    given_at : datetime
        When the page was made that they gave it on: of two pages, the later one's method is charged.
    instead_of, instead_of_payer : str
        The imported payment method and provider's customer id at that time; empty if there were none.
    """

    provider: str
    method: str
    payer: str
    given_at: datetime
    instead_of: str = ""
    instead_of_payer: str = ""

    def replaces(self, profile: Profile) -> bool:
        """Whether it is charged instead of the profile's: nothing else was imported since."""
        imported = (profile.payment_provider, profile.payment_method, profile.imported_provider_customer_id)
        return imported == (self.provider, self.instead_of, self.instead_of_payer)
