"""The use cases about invoices, assembled from the ports: see `assembly.use_cases`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from monthclose.assembly.imports import ImportUseCases
from monthclose.errors import ProviderRefusedError

if TYPE_CHECKING:
    from monthclose.ports import LinkSecrets
    from monthclose.use_cases.finance.read_books import BooksReader
    from monthclose.use_cases.finance.read_payouts import PayoutReader
    from monthclose.use_cases.invoices.account_papers import AccountPapers
    from monthclose.use_cases.invoices.correct_invoice import Corrector
    from monthclose.use_cases.invoices.draft_batch import BatchDrafter
    from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter
    from monthclose.use_cases.invoices.generate_invoices import InvoiceGenerator
    from monthclose.use_cases.invoices.invoice_links import LinkOpener
    from monthclose.use_cases.invoices.invoice_page import InvoicePages
    from monthclose.use_cases.invoices.issued_documents import IssuedDocuments
    from monthclose.use_cases.invoices.judged_drafts import JudgedDrafts
    from monthclose.use_cases.invoices.refund_payment import Refunder
    from monthclose.use_cases.invoices.regenerate_invoice import Regenerator
    from monthclose.use_cases.invoices.replace_invoice import Replacer
    from monthclose.use_cases.invoices.write_off_invoice import WriterOff


class InvoiceUseCases(ImportUseCases):
    """Drafting, issuing, showing and correcting invoices, and reading books for figures."""

    # Invoices

    @cached_property
    def issued(self) -> IssuedDocuments:
        """The issued invoices and credit notes."""
        from monthclose.use_cases.invoices.issued_documents import IssuedDocuments

        ports = self.ports
        return IssuedDocuments(
            ports.books,
            ports.closes,
            ports.documents,
            lambda: ports.renderer,
            lambda: ports.e_invoices,
            ports.settings.company,
        )

    @cached_property
    def account_papers(self) -> AccountPapers:
        """Writes receipts and statements of account."""
        from monthclose.use_cases.invoices.account_papers import AccountPapers

        ports = self.ports
        return AccountPapers(ports.books, ports.documents, self.issued, lambda: ports.renderer, ports.settings.company)

    @cached_property
    def invoice_drafter(self) -> InvoiceDrafter:
        """Drafts invoices."""
        from monthclose.use_cases.invoices.draft_invoice import InvoiceDrafter

        ports = self.ports
        return InvoiceDrafter(
            books=ports.books,
            closes=ports.closes,
            usage=ports.usage,
            price_books=ports.price_books,
            documents=ports.documents,
            tax_tables=ports.tax_tables,
            company=ports.settings.company,
            calendar=ports.settings.calendar,
        )

    @cached_property
    def batch_drafter(self) -> BatchDrafter:
        """Drafts a batch's invoices."""
        from monthclose.use_cases.invoices.draft_batch import BatchDrafter

        ports = self.ports
        return BatchDrafter(ports.books, ports.price_books, ports.tax_tables, ports.clock, self.invoice_drafter)

    @cached_property
    def judged_drafts(self) -> JudgedDrafts:
        """Reads the drafts that were judged."""
        from monthclose.use_cases.invoices.judged_drafts import JudgedDrafts

        ports, settings = self.ports, self.ports.settings
        return JudgedDrafts(
            books=ports.books,
            documents=ports.documents,
            drafter=self.batch_drafter,
            policy=settings.invoicing,
            gates=settings.gates,
            payment_days=settings.company.payment_days,
        )

    @cached_property
    def replacer(self) -> Replacer:
        """Issues invoices that replace others."""
        from monthclose.use_cases.invoices.replace_invoice import Replacer

        ports = self.ports
        return Replacer(ports.books, ports.documents, ports.clock, frozenset(ports.settings.providers))

    @cached_property
    def invoice_generator(self) -> InvoiceGenerator:
        """Generates a batch's invoices."""
        from monthclose.use_cases.invoices.generate_invoices import InvoiceGenerator

        ports = self.ports
        return InvoiceGenerator(
            books=ports.books,
            closes=ports.closes,
            documents=ports.documents,
            clock=ports.clock,
            batch_drafter=self.batch_drafter,
            judged=self.judged_drafts,
            replacer=self.replacer,
            adapters=frozenset(ports.settings.providers),
            policy=ports.settings.invoicing,
        )

    @cached_property
    def corrector(self) -> Corrector:
        """Issues credit notes."""
        from monthclose.use_cases.invoices.correct_invoice import Corrector

        ports = self.ports
        keeper, calendar = self.hold_keeper, ports.settings.calendar
        return Corrector(ports.books, ports.closes, ports.documents, self.issued, keeper, ports.clock, calendar)

    @cached_property
    def refunder(self) -> Refunder:
        """Refunds payments for a person."""
        from monthclose.use_cases.invoices.refund_payment import Refunder

        ports = self.ports
        return Refunder(
            books=ports.books,
            issued=self.issued,
            charger=self.charger,
            corrector=self.corrector,
            holds=self.hold_keeper,
            teller=self.money_back_teller,
            clock=ports.clock,
            limits=ports.settings.hand_limits,
        )

    @cached_property
    def writer_off(self) -> WriterOff:
        """Writes off invoices for a person."""
        from monthclose.use_cases.invoices.write_off_invoice import WriterOff

        ports, limits = self.ports, self.ports.settings.hand_limits
        return WriterOff(ports.books, self.issued, self.hold_keeper, self.money_back_teller, ports.clock, limits)

    @cached_property
    def regenerator(self) -> Regenerator:
        """Regenerates invoices."""
        from monthclose.use_cases.invoices.regenerate_invoice import Regenerator

        ports = self.ports
        return Regenerator(
            books=ports.books,
            closes=ports.closes,
            documents=ports.documents,
            clock=ports.clock,
            issued=self.issued,
            holds=self.hold_keeper,
            corrector=self.corrector,
            drafter=self.invoice_drafter,
            replacer=self.replacer,
            policy=ports.settings.invoicing,
        )

    @property
    def _link_secrets(self) -> LinkSecrets:
        if self.ports.link_secrets is None:
            raise ProviderRefusedError("links to invoices are switched off in the settings")
        return self.ports.link_secrets

    @cached_property
    def link_opener(self) -> LinkOpener:
        """Opens links to invoices.

        Raises
        ------
        ProviderRefusedError
            The deployment has no links.
        """
        from monthclose.use_cases.invoices.invoice_links import LinkOpener

        return LinkOpener(self._link_secrets, self.ports.clock, self.issued, self.ports.documents)

    @cached_property
    def invoice_pages(self) -> InvoicePages:
        """Makes the pages that links to invoices open."""
        from monthclose.use_cases.invoices.invoice_page import InvoicePages

        ports = self.ports
        pages, settings = frozenset(ports.hosted_pages), ports.settings
        return InvoicePages(settings.company_name, self.issued, ports.clock, pages, settings.calendar)

    # Finance

    @cached_property
    def payout_reader(self) -> PayoutReader:
        """Reads the providers' payouts."""
        from monthclose.use_cases.finance.read_payouts import PayoutReader

        return PayoutReader(self.ports.payout_records, self.ports.log)

    @cached_property
    def books_reader(self) -> BooksReader:
        """Reads a customer's books for figures."""
        from monthclose.use_cases.finance.read_books import BooksReader

        return BooksReader(self.ports.books, self.issued)
