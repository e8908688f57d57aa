"""The use cases that import customers and usage, assembled from the ports: see `assembly.use_cases`."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from monthclose.assembly.customers import CustomerUseCases

if TYPE_CHECKING:
    from monthclose.use_cases.imports.finish_usage import UsageFinisher
    from monthclose.use_cases.imports.group_customers import Regrouper
    from monthclose.use_cases.imports.import_lock import ImportLock
    from monthclose.use_cases.imports.import_usage import UsageImporter
    from monthclose.use_cases.imports.list_drops import DropLister
    from monthclose.use_cases.imports.load_usage import LaneLoader
    from monthclose.use_cases.imports.move_usage import UsageMover
    from monthclose.use_cases.imports.receive_usage import UsageReceiver
    from monthclose.use_cases.imports.sources import SourceKeeper


class ImportUseCases(CustomerUseCases):
    """Importing customers and usage."""

    @cached_property
    def regrouper(self) -> Regrouper:
        """Stores customers whose payer is another than before."""
        from monthclose.use_cases.imports.group_customers import Regrouper

        return Regrouper(self.ports.books, self.ports.directory, self.ports.clock)

    @cached_property
    def usage_importer(self) -> UsageImporter:
        """Imports usage."""
        from monthclose.use_cases.imports.import_pace import ImportPace
        from monthclose.use_cases.imports.import_usage import AT_ONCE, UsageImporter

        ports = self.ports
        return UsageImporter(
            directory=ports.directory,
            usage=ports.usage,
            closes=ports.closes,
            books=ports.books,
            clock=ports.clock,
            price_books=ports.price_books,
            tax_tables=ports.tax_tables,
            executor=lambda: ports.executor("usage", AT_ONCE),
            pace=ImportPace(ports.closes, ports.settings.drop.rows_per_second_while_closing),
            calendar=ports.settings.calendar,
        )

    @cached_property
    def lane_importer(self) -> UsageImporter:
        """Imports usage in one of several functions, each of which has a lane's share while a close runs."""
        from monthclose.use_cases.imports.import_pace import ImportPace

        drop = self.ports.settings.drop
        pace = ImportPace(self.ports.closes, drop.rows_per_second_while_closing / drop.lanes)
        return replace(self.usage_importer, pace=pace)

    @cached_property
    def usage_mover(self) -> UsageMover:
        """Moves usage of earlier releases into packs."""
        from monthclose.use_cases.imports.decide_usage import UsageDecider
        from monthclose.use_cases.imports.known_customers import KnownCustomers
        from monthclose.use_cases.imports.late_usage import LateUsage
        from monthclose.use_cases.imports.move_usage import AT_ONCE, UsageMover

        ports = self.ports
        return UsageMover(
            ports.packed_usage,
            ports.usage_items,
            UsageDecider(ports.packed_usage, ports.clock),
            LateUsage(ports.closes, ports.books, ports.clock, ports.settings.calendar),
            KnownCustomers(ports.directory),
            ports.closes,
            lambda: ports.executor("moving", AT_ONCE),
        )

    @cached_property
    def import_lock(self) -> ImportLock:
        """Lets one execution at a time import the versions of a file."""
        from monthclose.use_cases.imports.import_lock import ImportLock

        return ImportLock(self.ports.claims, self.ports.workflow, self.ports.clock)

    @cached_property
    def usage_receiver(self) -> UsageReceiver:
        """Receives dropped usage files."""
        from monthclose.use_cases.imports.receive_usage import UsageReceiver

        settings = self.ports.settings
        return UsageReceiver(
            self.ports.inbox,
            self.import_lock,
            self.lane_importer,
            self.acts,
            self.sources,
            lambda: self.ports.column_files,  # importing what reads them takes a while
            settings.drop,
            settings.max_rejected_percent,
            settings.calendar.zone,
        )

    @cached_property
    def drop_lister(self) -> DropLister:
        """Lists dropped usage files."""
        from monthclose.use_cases.imports.list_drops import DropLister
        from monthclose.use_cases.imports.usage_outcome import OutcomeKeeper

        ports = self.ports
        outcomes = OutcomeKeeper(ports.inbox, self.acts)
        return DropLister(ports.inbox, outcomes, ports.audit, ports.claims, ports.workflow, ports.machine_clock)

    @cached_property
    def sources(self) -> SourceKeeper:
        """Keeps the sources of imported files."""
        from monthclose.use_cases.imports.sources import SourceKeeper

        return SourceKeeper(self.ports.documents)

    @cached_property
    def lane_loader(self) -> LaneLoader:
        """Loads the lanes of a usage file that was split."""
        from monthclose.use_cases.imports.load_usage import LaneLoader

        return LaneLoader(self.ports.inbox, self.import_lock, self.lane_importer)

    @cached_property
    def usage_finisher(self) -> UsageFinisher:
        """Combines the results of a split usage file's lanes."""
        from monthclose.use_cases.imports.finish_usage import UsageFinisher

        return UsageFinisher(self.ports.inbox, self.import_lock, self.acts, self.ports.settings.max_rejected_percent)
