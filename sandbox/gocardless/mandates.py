"""The operations on mandates (API reference, "Mandates")."""

from sandbox.gocardless import errors, mandate_lifecycle
from sandbox.gocardless.account import Account, Answer, Call, Command, created
from sandbox.gocardless.behaviours import MAGIC_MANDATES
from sandbox.gocardless.lifecycle import end_mandate
from sandbox.gocardless.objects import OPEN, Mandate
from sandbox.gocardless.schemes import SCHEMES
from sandbox.gocardless.shelf import read_page

_SOURCES = ("web", "telephone", "paper")
_LONGEST_REFERENCE = 35
_MOST_REINSTATEMENTS = 10


def create(call: Call) -> Command:
    """Create a mandate on a bank account. It becomes active with the first payment that is submitted."""
    body = call.body
    scheme, metadata = body.text("scheme"), body.metadata()
    reference = body.text("reference", _LONGEST_REFERENCE)
    source = body.text("authorisation_source") or "web"
    if source not in _SOURCES:
        raise errors.invalid_field(body.pointer("authorisation_source"), f"must be one of {', '.join(_SOURCES)}")
    body.text("payer_ip_address")
    links = body.nested("links")
    bank_account = links.required("customer_bank_account")
    links.text("creditor")

    def command(account: Account) -> Answer:
        def make() -> Mandate:
            owner = account.bank_accounts.linked(bank_account, links.pointer("customer_bank_account"))
            its_scheme = SCHEMES[owner.currency]
            if scheme not in (None, its_scheme):
                raise errors.invalid_field(body.pointer("scheme"), f"must be {its_scheme} for {owner.currency}")
            mandate = Mandate(
                id=account.ids.new("MD"),
                created_at=account.now(),
                customer=owner.customer,
                bank_account=owner.id,
                scheme=its_scheme,
                reference=reference or account.ids.new("MDT-", 6),
                behaviour=MAGIC_MANDATES["MD_OK"],
                status="pending_submission",
                clock=account.clock,
                authorisation_source=source,
                metadata=metadata,
            )
            account.emit(mandate, "created", origin="api")
            return account.mandates.add(mandate, owner.customer)

        return created(account, call, "mandates", make)

    return command


def get(call: Call) -> Command:
    """Get a mandate; a magic id always has one."""
    return lambda account: Answer({"mandates": account.mandate(call.ids["mandate"]).to_json()})


def list_all(call: Call) -> Command:
    """List mandates, also by customer, bank account, status, scheme and reference."""
    query = call.query
    page, customer, bank_account = read_page(query), query.text("customer"), query.text("customer_bank_account")
    if sum(given is not None for given in (customer, bank_account, query.text("creditor"))) > 1:
        raise errors.bad_request("only one of `customer`, `customer_bank_account` and `creditor` may be given")
    statuses, schemes, reference = query.words("status"), query.words("scheme"), query.text("reference")

    def wanted(mandate: Mandate) -> bool:
        return (
            (not statuses or mandate.status in statuses)
            and (not schemes or mandate.scheme in schemes)
            and reference in (None, mandate.reference)
            and bank_account in (None, mandate.bank_account)
        )

    return lambda account: Answer(account.mandates.page(page, "mandates", owner=customer, where=wanted))


def update(call: Call) -> Command:
    """Change a mandate's metadata."""
    metadata = call.body.metadata()

    def command(account: Account) -> Answer:
        mandate = account.mandate(call.ids["mandate"])
        mandate.metadata |= metadata
        return Answer({"mandates": mandate.to_json()})

    return command


def cancel(call: Call) -> Command:
    """Cancel a mandate, and with it every payment that is not submitted yet."""
    metadata = call.body.metadata()

    def command(account: Account) -> Answer:
        mandate = account.mandate(call.ids["mandate"])
        if mandate.status not in OPEN:
            raise errors.invalid_state("cancellation_failed", f"Mandate is {mandate.status}")
        end_mandate(account, mandate, "cancelled", origin="api", metadata=metadata)
        return Answer({"mandates": mandate.to_json()})

    return command


def reinstate(call: Call) -> Command:
    """Set a cancelled or expired mandate up again, up to ten times."""
    metadata = call.body.metadata()

    def command(account: Account) -> Answer:
        mandate = account.mandate(call.ids["mandate"])
        if mandate.replaced_by:
            raise errors.mandate_replaced(mandate.replaced_by)
        if mandate.status not in ("cancelled", "expired"):
            raise errors.invalid_state("mandate_not_inactive", f"Mandate is {mandate.status}")
        if mandate.reinstatements >= _MOST_REINSTATEMENTS:
            raise errors.invalid_state("mandate_not_inactive", "Mandate was reinstated too often")
        mandate_lifecycle.reinstate(account, mandate, metadata)
        return Answer({"mandates": mandate.to_json()})

    return command
