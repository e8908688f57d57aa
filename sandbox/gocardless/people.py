"""The operations on customers and their bank accounts (API reference, pages of these names)."""

from sandbox.gocardless import errors
from sandbox.gocardless.account import Account, Answer, Call, Command, created
from sandbox.gocardless.lifecycle import end_mandate
from sandbox.gocardless.objects import CUSTOMER_DETAILS, OPEN, BankAccount, Customer
from sandbox.gocardless.schemes import SCHEMES
from sandbox.gocardless.shelf import read_page


def create_customer(call: Call) -> Command:
    """Create a customer: a company, or a person with both names."""
    details = {name: call.body.text(name) for name in CUSTOMER_DETAILS}
    metadata = call.body.metadata()
    if not details["company_name"]:
        for name in ("given_name", "family_name"):
            call.body.required(name)

    def command(account: Account) -> Answer:
        def make() -> Customer:
            return account.customers.add(Customer(account.ids.new("CU"), account.now(), details, metadata))

        return created(account, call, "customers", make)

    return command


def get_customer(call: Call) -> Command:
    """Get a customer."""
    return lambda account: Answer({"customers": _there(account, call.ids["customer"]).to_json()})


def _there(account: Account, reference: str) -> Customer:
    customer = account.customers.get(reference)
    if customer.removed:
        raise errors.customer_removed()
    return customer


def list_customers(call: Call) -> Command:
    """List customers, except removed ones."""
    page = read_page(call.query)
    return lambda account: Answer(
        account.customers.page(page, "customers", where=lambda customer: not customer.removed)
    )


def update_customer(call: Call) -> Command:
    """Change a customer's details."""
    details = {name: call.body.text(name) for name in CUSTOMER_DETAILS if call.body.has(name)}
    metadata = call.body.metadata()

    def command(account: Account) -> Answer:
        customer = _there(account, call.ids["customer"])
        customer.details |= details
        customer.metadata |= metadata
        return Answer({"customers": customer.to_json()})

    return command


def remove_customer(call: Call) -> Command:
    """Remove a customer for good: they are no longer found, and their mandates end."""

    def command(account: Account) -> Answer:
        customer = _there(account, call.ids["customer"])
        remove(account, customer)
        return Answer({"customers": customer.to_json()})

    return command


def remove(account: Account, customer: Customer) -> None:
    """Remove a customer; that their mandates end is the sandbox's reading of "cannot be reversed"."""
    customer.removed = True
    for mandate in account.mandates.owned_by(customer.id):
        if mandate.status in OPEN:
            end_mandate(account, mandate, "cancelled", origin="api")


def create_bank_account(call: Call) -> Command:
    """Create a customer's bank account, from an IBAN or local details."""
    body = call.body
    holder, country = body.required("account_holder_name"), body.text("country_code")
    iban, number = body.text("iban"), body.text("account_number")
    for name in ("branch_code", "bank_code"):
        body.text(name)
    account_type = body.text("account_type")
    if account_type not in (None, "savings", "checking"):
        raise errors.invalid_field(body.pointer("account_type"), "must be one of savings, checking")
    if not iban and not (number and country):
        raise errors.invalid_field(body.pointer("iban"), "is required, or local details with a country_code")
    currency = (body.text("currency") or _currency_of(country or (iban or "")[:2])).upper()
    if currency not in SCHEMES:
        raise errors.invalid_field(body.pointer("currency"), f"must be one of {', '.join(SCHEMES)}")
    links = body.nested("links")
    customer, metadata = links.required("customer"), body.metadata()

    def command(account: Account) -> Answer:
        def make() -> BankAccount:
            if account.customers.linked(customer, links.pointer("customer")).removed:
                raise errors.customer_removed()
            return account.bank_accounts.add(
                BankAccount(
                    id=account.ids.new("BA"),
                    created_at=account.now(),
                    customer=customer,
                    currency=currency,
                    country_code=country or (iban or "")[:2],
                    account_holder_name=holder.upper(),
                    account_number_ending=(iban or number or "")[-2:],
                    account_type=account_type,
                    metadata=metadata,
                )
            )

        return created(account, call, "customer_bank_accounts", make)

    return command


_CURRENCIES = {"AU": "AUD", "CA": "CAD", "DK": "DKK", "GB": "GBP", "NZ": "NZD", "SE": "SEK", "US": "USD"}


def _currency_of(country: str) -> str:
    return _CURRENCIES.get(country.upper(), "EUR")
