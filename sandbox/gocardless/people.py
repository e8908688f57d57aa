"""The operations on customers and their bank accounts (API reference, pages of these names)."""

from sandbox.gocardless import errors
from sandbox.gocardless.account import Account, Answer, Call, Command, created
from sandbox.gocardless.objects import BankAccount, Customer
from sandbox.gocardless.schemes import SCHEMES
from sandbox.gocardless.shelf import read_page

_DETAILS = (
    *("address_line1", "address_line2", "address_line3", "city", "company_name", "country_code"),
    *("danish_identity_number", "email", "family_name", "given_name", "language", "phone_number", "postal_code"),
    *("region", "swedish_identity_number"),
)


def create_customer(call: Call) -> Command:
    """Create a customer: a company, or a person with both names."""
    details = {name: call.body.text(name) for name in _DETAILS}
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
    return lambda account: Answer({"customers": account.customers.get(call.ids["customer"]).to_json()})


def list_customers(call: Call) -> Command:
    """List customers."""
    page = read_page(call.query)
    return lambda account: Answer(account.customers.page(page, "customers", where=lambda _customer: True))


def create_bank_account(call: Call) -> Command:
    """Create a customer's bank account, from an IBAN or local details."""
    body = call.body
    holder, country = body.required("account_holder_name"), body.text("country_code")
    iban, number = body.text("iban"), body.text("account_number")
    for name in ("branch_code", "bank_code", "account_type"):
        body.text(name)
    if not iban and not (number and country):
        raise errors.invalid_field(body.pointer("iban"), "is required, or local details with a country_code")
    currency = (body.text("currency") or _currency_of(country or (iban or "")[:2])).upper()
    if currency not in SCHEMES:
        raise errors.invalid_field(body.pointer("currency"), f"must be one of {', '.join(SCHEMES)}")
    links = body.nested("links")
    customer, metadata = links.required("customer"), body.metadata()

    def command(account: Account) -> Answer:
        def make() -> BankAccount:
            account.customers.linked(customer, links.pointer("customer"))
            return account.bank_accounts.add(
                BankAccount(
                    id=account.ids.new("BA"),
                    created_at=account.now(),
                    customer=customer,
                    currency=currency,
                    country_code=country or (iban or "")[:2],
                    account_holder_name=holder.upper(),
                    account_number_ending=(iban or number or "")[-2:],
                    metadata=metadata,
                )
            )

        return created(account, call, "customer_bank_accounts", make)

    return command


_CURRENCIES = {"AU": "AUD", "CA": "CAD", "DK": "DKK", "GB": "GBP", "NZ": "NZD", "SE": "SEK", "US": "USD"}


def _currency_of(country: str) -> str:
    return _CURRENCIES.get(country.upper(), "EUR")
