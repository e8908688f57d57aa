"""The operations on mandates (API reference, "Mandates")."""

from sandbox.gocardless import errors
from sandbox.gocardless.account import Account, Answer, Call, Command, created
from sandbox.gocardless.behaviours import MAGIC_MANDATES
from sandbox.gocardless.lifecycle import cancel_mandate
from sandbox.gocardless.objects import Mandate
from sandbox.gocardless.schemes import SCHEMES
from sandbox.gocardless.shelf import read_page

OPEN = frozenset({"pending_customer_approval", "pending_submission", "submitted", "active"})
"""The statuses of a mandate that payments can be created for."""


def create(call: Call) -> Command:
    """Create a mandate on a bank account. It becomes active with the first payment that is submitted."""
    body = call.body
    scheme, reference, metadata = body.text("scheme"), body.text("reference"), body.metadata()
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
                metadata=metadata,
            )
            details = {
                "origin": "api",
                "cause": "mandate_created",
                "description": "Mandate created.",
                "scheme": its_scheme,
            }
            account.emit(mandate, "created", details)
            return account.mandates.add(mandate, owner.customer)

        return created(account, call, "mandates", make)

    return command


def get(call: Call) -> Command:
    """Get a mandate; a magic id always has one."""
    return lambda account: Answer({"mandates": account.mandate(call.ids["mandate"]).to_json()})


def list_all(call: Call) -> Command:
    """List mandates, also by customer, status and reference."""
    page, customer = read_page(call.query), call.query.text("customer")
    statuses, reference = call.query.words("status"), call.query.text("reference")

    def wanted(mandate: Mandate) -> bool:
        return (not statuses or mandate.status in statuses) and reference in (None, mandate.reference)

    return lambda account: Answer(account.mandates.page(page, "mandates", owner=customer, where=wanted))


def cancel(call: Call) -> Command:
    """Cancel a mandate, and with it every payment that is not submitted yet."""
    metadata = call.body.metadata()

    def command(account: Account) -> Answer:
        mandate = account.mandate(call.ids["mandate"])
        if mandate.status not in OPEN:
            raise errors.invalid_state("cancellation_failed", f"Mandate is {mandate.status}")
        cancel_mandate(account, mandate, "api", metadata)
        return Answer({"mandates": mandate.to_json()})

    return command
