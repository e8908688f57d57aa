"""The use cases that close, and collect what is owed afterwards, assembled from the ports: see `assembly.use_cases`."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from monthclose.assembly.invoices import InvoiceUseCases

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    from monthclose.domain.closes.close import Batch, Close
    from monthclose.domain.payments.charging_pause import Pause
    from monthclose.domain.period import Period
    from monthclose.use_cases.closes.choose_retried import RetryChooser
    from monthclose.use_cases.closes.close_widget import CloseWidget
    from monthclose.use_cases.closes.follow_close import CloseFollower
    from monthclose.use_cases.closes.list_customers import CustomerLister
    from monthclose.use_cases.closes.open_close import Opened
    from monthclose.use_cases.closes.outlook import OutlookMaker
    from monthclose.use_cases.closes.plan_close import Planner
    from monthclose.use_cases.closes.take_snapshot import SnapshotTaker
    from monthclose.use_cases.closes.watch_closes import CloseWatcher
    from monthclose.use_cases.collections.collect_due import Collector
    from monthclose.use_cases.collections.find_owing import OwingFinder
    from monthclose.use_cases.collections.what_came import Done

READERS = 16
"""Threads that read months for a comparison or a draft: they read the books, and sometimes ask the provider."""


class CloseUseCases(InvoiceUseCases):
    """Closing and collecting."""

    # Closes

    def open_close(self, period: Period, execution: str, only: str = "") -> Opened:
        """Open a period for an execution; see `open_close`."""
        from monthclose.use_cases.closes.open_close import open_close

        ports, calendar = self.ports, self.ports.settings.calendar
        closes, workflow, clock = ports.closes, ports.workflow, ports.clock
        return open_close(period, execution, only, closes=closes, workflow=workflow, clock=clock, calendar=calendar)

    @cached_property
    def planner(self) -> Planner:
        """Plans a close's rounds."""
        from monthclose.use_cases.closes.mail_outlook import MailOutlook
        from monthclose.use_cases.closes.plan_close import Planner

        ports, settings = self.ports, self.ports.settings
        return Planner(
            closes=ports.closes,
            rehearsals=ports.rehearsals,
            snapshots=self._snapshots,
            documents=ports.documents,
            price_books=ports.price_books,
            tax_tables=ports.tax_tables,
            providers=settings.providers,
            settings=settings.close,
            gateways=ports.gateways,
            mail=MailOutlook(ports.mail_account, settings.mail),
            limits=ports.limits,
            books=ports.books,
            clock=ports.clock,
        )

    @cached_property
    def outlook_maker(self) -> OutlookMaker:
        """Looks ahead at a close that has not begun."""
        from monthclose.use_cases.closes.outlook import OutlookMaker
        from monthclose.use_cases.invoices.estimate_amounts import DraftEstimator

        ports, settings = self.ports, self.ports.settings
        adapters = frozenset(settings.providers)
        estimator = DraftEstimator(ports.books, self.invoice_drafter, settings.invoicing, adapters)
        return OutlookMaker(
            closes=ports.closes,
            directory=ports.directory,
            price_books=ports.price_books,
            tax_tables=ports.tax_tables,
            limits=ports.limits,
            providers=settings.providers,
            settings=settings.close,
            account=ports.mail_account,
            mail=settings.mail,
            clock=ports.clock,
            estimate=estimator.estimate,
            executor=ports.executor("outlook", READERS),
        )

    @cached_property
    def close_follower(self) -> CloseFollower:
        """Follows a running close."""
        from monthclose.use_cases.closes.follow_close import CloseFollower

        ports, settings = self.ports, self.ports.settings
        return CloseFollower(
            closes=ports.closes,
            limits=ports.limits,
            providers=settings.providers,
            settings=settings.close,
            account=ports.mail_account,
            mail=settings.mail,
            clock=ports.clock,
            machine_clock=ports.machine_clock,
        )

    @cached_property
    def _snapshots(self) -> SnapshotTaker:
        from monthclose.use_cases.closes.registered_scan import RegisteredScan
        from monthclose.use_cases.closes.take_snapshot import SnapshotTaker

        ports, settings = self.ports, self.ports.settings
        queues = {name: provider.queue_url for name, provider in settings.providers.items()}
        scan = RegisteredScan(ports.directory, ports.register, ports.clock)
        return SnapshotTaker(scan, ports.documents, queues, settings.close.max_batches)

    def park_customers(self, period: Period, batch: Batch, only: Collection[str] = ()) -> int:
        """Park a batch's customers without an outcome after the last round; see `park_customers`."""
        from monthclose.use_cases.closes.park_customers import park_customers

        ports = self.ports
        return park_customers(period, batch, only, books=ports.books, closes=ports.closes, clock=ports.clock)

    @cached_property
    def customer_lister(self) -> CustomerLister:
        """Lists the customers behind a count."""
        from monthclose.use_cases.closes.list_customers import CustomerLister

        return CustomerLister(self.ports.books, self.ports.closes, self.ports.documents)

    @cached_property
    def retry_chooser(self) -> RetryChooser:
        """Chooses customers who are closed again without the rest."""
        from monthclose.use_cases.closes.choose_retried import RetryChooser

        ports = self.ports
        calendar = ports.settings.calendar
        return RetryChooser(ports.directory, ports.documents, ports.usage, self.customer_lister, calendar)

    def note_stop(self, period: Period, reason: str, by: str) -> None:
        """Record that a person stopped a close, and why; see `note_stop`."""
        from monthclose.use_cases.closes.stop_close import note_stop

        note_stop(period, reason, by, closes=self.ports.closes, clock=self.ports.clock)

    def pause_close(self, period: Period, by: str, reason: str) -> Pause:
        """Pause a close's charging; see `pause_close`."""
        from monthclose.use_cases.closes.pause_close import pause_close

        ports = self.ports
        return pause_close(period, by, reason, closes=ports.closes, workflow=ports.workflow, clock=ports.clock)

    def resume_close(self, period: Period, by: str) -> Close:
        """Resume a close's charging; see `resume_close`."""
        from monthclose.use_cases.closes.pause_close import resume_close

        return resume_close(period, by, closes=self.ports.closes, clock=self.ports.clock)

    @cached_property
    def close_widget(self) -> CloseWidget:
        """Draws the latest close for the dashboard."""
        from monthclose.use_cases.closes.close_widget import CloseWidget

        return CloseWidget(self.ports.closes, self.ports.clock)

    @cached_property
    def close_watcher(self) -> CloseWatcher:
        """Watches for closes that have not begun, or not ended."""
        from monthclose.use_cases.closes.watch_closes import CloseWatcher

        ports = self.ports
        settings = ports.settings
        providers, billing_days = frozenset(settings.providers), settings.billing_days
        return CloseWatcher(ports.closes, ports.limits, ports.clock, providers, billing_days, settings.calendar)

    # Collections

    @cached_property
    def owing_finder(self) -> OwingFinder:
        """Finds the customers who owe something or are on hold."""
        from monthclose.use_cases.collections.find_owing import OwingFinder

        ports = self.ports
        return OwingFinder(
            claims=ports.claims,
            closes=ports.closes,
            directory=ports.directory,
            documents=ports.documents,
            workflow=ports.workflow,
            clock=ports.clock,
            providers=ports.settings.providers,
            calendar=ports.settings.calendar,
        )

    def collector(self, provider: str) -> Collector:
        """Collect what is due through a provider."""
        from monthclose.use_cases.collections.collect_due import Collector

        ports = self.ports
        charger, executor = self.charger(provider), self._executor("charge", provider)
        policy, catch_up = ports.settings.dunning, self.details_desk.catch_up
        return Collector(charger, ports.books, ports.closes, ports.clock, ports.log, executor, policy, catch_up)

    def what_came(self, key: str, since: datetime) -> Iterator[Done]:
        """Say what came of a run of the collections; see `what_came`."""
        from monthclose.use_cases.collections.what_came import what_came

        ports = self.ports
        executor = ports.executor("read", READERS)
        return what_came(key, since, books=ports.books, documents=ports.documents, executor=executor)
