"""The use cases about one customer, assembled from the ports: see `assembly.use_cases`."""

from __future__ import annotations

from functools import cached_property, partial
from typing import TYPE_CHECKING

from monthclose.errors import ProviderRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Executor

    from monthclose.assembly.ports import Ports
    from monthclose.domain.payments.charging_pause import Pause
    from monthclose.use_cases.accounts.adjust_account import Cashier
    from monthclose.use_cases.accounts.apply_holds import HoldKeeper
    from monthclose.use_cases.accounts.hold_by_hand import HoldDesk
    from monthclose.use_cases.audit.record_act import ActRecorder
    from monthclose.use_cases.audit.record_start import StartRecorder
    from monthclose.use_cases.notices.hear_mail import MailHearer
    from monthclose.use_cases.notices.notice_texts import NoticeTexts
    from monthclose.use_cases.notices.send_notices import NoticeSender, RemainingSender
    from monthclose.use_cases.notices.send_reminders import ReminderSender
    from monthclose.use_cases.notices.tell_correction import CorrectionTeller
    from monthclose.use_cases.notices.tell_customer import CustomerTeller
    from monthclose.use_cases.notices.tell_hold import HoldTeller
    from monthclose.use_cases.notices.tell_money_back import MoneyBackTeller
    from monthclose.use_cases.payments.charge_customers import BatchCharger
    from monthclose.use_cases.payments.charge_payment import Charger
    from monthclose.use_cases.payments.restore_mark import RestoreMark
    from monthclose.use_cases.payments.turns import Turns
    from monthclose.use_cases.payments.waiting_task import WaitingTask
    from monthclose.use_cases.self_service.payment_details import DetailsDesk


class CustomerUseCases:
    """Who did what, and a customer's account, payments and notices: what a month is closed with.

    Those of one provider are made on every call, with the current key in the provider's secret.
    """

    def __init__(self, ports: Ports) -> None:
        self.ports = ports

    # Audit

    @cached_property
    def acts(self) -> ActRecorder:
        """Records who changed what, before it is changed."""
        from monthclose.use_cases.audit.record_act import ActRecorder

        return ActRecorder(self.ports.audit, self.ports.clock, self.ports.log)

    @cached_property
    def starts(self) -> StartRecorder:
        """Records what functions start, and that the settings have changed."""
        from monthclose.use_cases.audit.record_start import StartRecorder

        return StartRecorder(self.acts, self.ports.settings)

    # Accounts

    @cached_property
    def hold_keeper(self) -> HoldKeeper:
        """Decides customers' holds, and notifies the customers."""
        from monthclose.use_cases.accounts.apply_holds import HoldKeeper

        ports, settings = self.ports, self.ports.settings
        return HoldKeeper(
            ports.books, ports.closes, settings.hold_policy, ports.clock, settings.dunning, self.hold_teller
        )

    @cached_property
    def hold_desk(self) -> HoldDesk:
        """Places and lifts holds for a person."""
        from monthclose.use_cases.accounts.hold_by_hand import HoldDesk

        return HoldDesk(self.ports.books, self.ports.clock, self.ports.register, self.ports.settings.calendar)

    @cached_property
    def cashier(self) -> Cashier:
        """Charges, credits and books money for a person."""
        from monthclose.use_cases.accounts.adjust_account import Cashier

        ports, calendar = self.ports, self.ports.settings.calendar
        keeper, teller = self.hold_keeper, self.customer_teller
        return Cashier(ports.books, ports.closes, ports.clock, self.charger, keeper, teller, ports.register, calendar)

    # Notices

    @cached_property
    def notice_texts(self) -> NoticeTexts:
        """Writes mails to customers, with links to their invoices if the deployment has links."""
        from monthclose.use_cases.invoices.invoice_links import link_writer
        from monthclose.use_cases.notices.notice_texts import NoticeTexts

        ports, settings = self.ports, self.ports.settings
        link = link_writer(settings.links, ports.link_secrets, ports.clock)
        pages, language = frozenset(ports.hosted_pages), settings.company.language
        return NoticeTexts(settings.company_name, link, language, pages, settings.calendar)

    @cached_property
    def hold_teller(self) -> HoldTeller:
        """Notifies customers of their holds."""
        from monthclose.use_cases.notices.tell_hold import HoldTeller

        ports = self.ports
        return HoldTeller(ports.books, ports.mailer, self.notice_texts, ports.clock, ports.settings.hold_policy)

    @cached_property
    def customer_teller(self) -> CustomerTeller:
        """Notifies customers of the outcomes of their payments."""
        from monthclose.use_cases.notices.tell_customer import CustomerTeller

        ports = self.ports
        return CustomerTeller(ports.books, ports.mailer, self.notice_texts, ports.clock, self.hold_keeper)

    @cached_property
    def correction_teller(self) -> CorrectionTeller:
        """Notifies customers of credit notes and regenerated invoices."""
        from monthclose.use_cases.notices.tell_correction import CorrectionTeller

        ports = self.ports
        return CorrectionTeller(ports.books, ports.mailer, self.notice_texts, ports.clock)

    @cached_property
    def money_back_teller(self) -> MoneyBackTeller:
        """Notifies customers of refunds and write-offs."""
        from monthclose.use_cases.notices.tell_money_back import MoneyBackTeller

        ports = self.ports
        return MoneyBackTeller(ports.books, ports.mailer, self.notice_texts, ports.clock)

    @cached_property
    def notice_sender(self) -> NoticeSender:
        """Sends a batch's notices."""
        from monthclose.use_cases.notices.send_notices import SIDE_BY_SIDE, NoticeSender

        ports = self.ports
        executor = ports.executor("notice", SIDE_BY_SIDE)
        return NoticeSender(ports.books, ports.closes, self.customer_teller, ports.clock, executor)

    @cached_property
    def mail_hearer(self) -> MailHearer:
        """Keeps bounces and complaints with their notices."""
        from monthclose.use_cases.notices.hear_mail import MailHearer

        return MailHearer(self.ports.books, self.hold_keeper)

    @cached_property
    def remaining_sender(self) -> RemainingSender:
        """Sends the notices that a close's batches have left."""
        from monthclose.use_cases.notices.send_notices import SENDERS, RemainingSender

        ports = self.ports
        return RemainingSender(ports.closes, self.notice_sender, ports.executor("notices", SENDERS))

    @cached_property
    def reminder_sender(self) -> ReminderSender:
        """Sends reminders."""
        from monthclose.use_cases.notices.send_reminders import ReminderSender

        ports, settings = self.ports, self.ports.settings
        adapters = frozenset(settings.providers)
        return ReminderSender(ports.books, self.customer_teller, ports.clock, settings.dunning, adapters)

    # Payments

    def charger(self, provider: str) -> Charger:
        """Charge through a provider.

        Raises
        ------
        ProviderRefusedError
            It is not in the settings, it has no adapter, or its secret cannot be read.
        """
        from monthclose.use_cases.payments.charge_payment import Charger

        if provider not in self.ports.gateways:
            raise ProviderRefusedError(
                f"nobody can be charged through provider {provider!r}: it is not in the settings"
            )
        ports = self.ports
        gateway, restored = ports.gateways[provider](), self.restore_mark.covers
        return Charger(ports.books, gateway, ports.clock, restored, ports.pauses)

    @cached_property
    def restore_mark(self) -> RestoreMark:
        """Says whether a month's records were restored from a backup."""
        from monthclose.use_cases.payments.restore_mark import RestoreMark

        return RestoreMark(self.ports.claims, self.ports.clock)

    @property
    def chargers(self) -> Mapping[str, Callable[[], Charger]]:
        """Makes each provider's charger, by the provider's name."""
        return {name: partial(self.charger, name) for name in self.ports.gateways}

    def batch_charger(self, provider: str) -> BatchCharger:
        """Charge a provider's batches."""
        from monthclose.use_cases.payments.charge_customers import BatchCharger

        ports = self.ports
        charger, executor = self.charger(provider), self._executor("charge", provider)
        return BatchCharger(charger, ports.books, ports.closes, ports.clock, ports.log, executor)

    def charging_turns(self, provider: str) -> Turns:
        """Let the batches that a worker is given together take turns."""
        from monthclose.use_cases.payments.turns import Turns

        settings = self.ports.settings.providers[provider]
        return Turns(settings.threads, settings.limit.usable() / settings.maximum_concurrency)

    def pause_provider(self, provider: str, by: str, reason: str) -> Pause:
        """Pause all charging through a provider; see `pause_provider`."""
        from monthclose.use_cases.payments.pause_provider import pause_provider

        return pause_provider(provider, by, reason, limits=self.ports.limits, clock=self.ports.clock)

    def resume_provider(self, provider: str, by: str) -> Pause:
        """Resume charging through a provider; see `resume_provider`."""
        from monthclose.use_cases.payments.pause_provider import resume_provider

        return resume_provider(provider, by, limits=self.ports.limits, clock=self.ports.clock)

    def waiting_task(self, token: str, milliseconds_left: Callable[[], int]) -> WaitingTask:
        """Work for a task that waits, as long as time is left."""
        from monthclose.use_cases.payments.waiting_task import WaitingTask

        return WaitingTask(self.ports.workflow, token, milliseconds_left)

    @cached_property
    def details_desk(self) -> DetailsDesk:
        """Asks customers for payment details on their provider's page, and takes what they give."""
        from monthclose.use_cases.self_service.payment_details import DetailsDesk

        ports = self.ports
        return DetailsDesk(
            ports.books, ports.clock, ports.log, ports.hosted_pages, lambda provider: self.charger(provider).gateway
        )

    def _executor(self, work: str, provider: str) -> Executor:
        """Make as many threads as the provider's limit needs."""
        return self.ports.executor(f"{work}-{provider}", self.ports.settings.providers[provider].threads)
