"""Put customers under the payers that an import names for them, or take them out again.

A payer's account lists them before their own accounts name it, each step in one commit: whatever breaks off in between,
who pays is what the customer's own account says, and importing the same row again completes it.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from monthclose.domain.accounts.customer import Customer, Profile
from monthclose.domain.accounts.group import (
    ITSELF,
    check_child,
    check_own_periods,
    paid_by,
    present_children,
    present_payer,
    with_children,
    with_periods,
)
from monthclose.domain.errors import UserMistakeError
from monthclose.ports import Books, Clock, CustomerDirectory
from monthclose.use_cases.batch_work import retry_conflicts

UNKNOWN_PAYER = "payer is not a customer"
_PAYS = "the customer pays for others, and so cannot have a payer"


@dataclass(frozen=True, slots=True)
class Regrouper:
    """Stores the profiles of customers whose payer, billing day or time zone is another than before.

    Another billing day than before holds from the end of the period that holds today, another time zone for the days
    after today.
    """

    books: Books
    directory: CustomerDirectory
    clock: Clock

    def move(self, profiles: Mapping[str, Profile], today: date) -> dict[str, str]:
        """Store the profiles, and note who pays from now on.

        Returns
        -------
        dict
            By id, why a customer was not stored.
        """
        by_payer: dict[str, dict[str, Profile]] = defaultdict(dict)
        for customer_id, profile in profiles.items():
            by_payer[profile.payer][customer_id] = profile
        faults: dict[str, str] = {}
        for payer, theirs in sorted(by_payer.items()):
            if payer:
                faults |= retry_conflicts(partial(self._let_pay, payer, theirs, today))
            for customer_id, profile in theirs.items():
                if customer_id not in faults and (fault := self._store(customer_id, profile, today)):
                    faults[customer_id] = fault
        self.directory.put_profiles((name, one) for name, one in profiles.items() if name not in faults)  # the register
        return faults

    def _let_pay(self, payer_id: str, profiles: Mapping[str, Profile], today: date) -> dict[str, str]:
        """List customers in their payer's account; returns whom it cannot pay for, and why."""
        payer = self.books.customer(payer_id)
        if payer is None:
            return {name: ITSELF if name == payer_id else UNKNOWN_PAYER for name in profiles}
        accounts, faults = self.books.customers(profiles), dict[str, str]()
        for customer_id, profile in profiles.items():
            try:
                check_child(accounts.get(customer_id), customer_id, profile, payer, today)
            except UserMistakeError as error:
                faults[customer_id] = str(error)
        new = {name: "" for name in profiles.keys() - faults if payer.children.get(name) != ""}
        try:
            listing = with_children(payer, new, self.clock())
        except UserMistakeError as error:
            return faults | dict.fromkeys(new, str(error))
        if new:
            self.books.commit(listing)
        return faults

    def _store(self, customer_id: str, profile: Profile, today: date) -> str:
        customer = self.books.customer(customer_id)
        before = present_payer(customer) if customer else ""
        if before and before != profile.payer:
            retry_conflicts(partial(self._note_leaving, before, customer_id))
        return retry_conflicts(partial(self._commit, customer_id, profile, today))

    def _note_leaving(self, payer_id: str, customer_id: str) -> None:
        payer = self.books.customer(payer_id)
        if payer and payer.children.get(customer_id) == "":
            now = self.clock()
            self.books.commit(with_children(payer, {customer_id: now.isoformat()}, now))

    def _commit(self, customer_id: str, profile: Profile, today: date) -> str:
        """Store a profile together with who pays; a new customer has had the payer ever since, and their periods."""
        customer = self.books.customer(customer_id)
        if customer is None:
            self.books.commit(self._new(customer_id, profile))
            return ""
        if profile.payer and present_children(customer):
            return _PAYS  # somebody has joined them just now
        after, now = replace(with_periods(customer, profile, today), profile=profile), self.clock()
        if present_payer(customer) != profile.payer:
            after = paid_by(after, profile.payer, now)
        try:
            check_own_periods(customer, after, today, now)
        except UserMistakeError as error:
            return str(error)
        self.books.commit(after)
        return ""

    def _new(self, customer_id: str, profile: Profile) -> Customer:
        payer = self.books.customer(profile.payer) if profile.payer else None
        if payer is None:
            return Customer(customer_id, profile)
        payers = (("", profile.payer),)
        return Customer(customer_id, profile, payers=payers, cycles=payer.cycles, zones=payer.zones)
