"""Finish a report pack: write what it has beside its tables, make it the current one, and have the report say so."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.finance.chart import JournalSettings
from monthclose.domain.finance.figures import Figures, added_up
from monthclose.domain.finance.journal import JOURNAL
from monthclose.domain.finance.journal_files import JournalFile, journal_files
from monthclose.domain.finance.sum_files import sum_files
from monthclose.domain.finance.ties import differences
from monthclose.domain.money import Money
from monthclose.domain.pack.pack import (
    FIGURES,
    INDEX,
    MANIFEST,
    QUERIES,
    REPORT,
    MadeFor,
    Pack,
    PackFailure,
    PackFile,
    failure_key,
    manifest_key,
    pack_key,
)
from monthclose.domain.pack.tables import TABLES
from monthclose.domain.period import Period
from monthclose.domain.words import count
from monthclose.ports import Clock, Documents, TimeIsUp
from monthclose.use_cases.finance.read_payouts import PayoutReader, PayoutsRead
from monthclose.use_cases.pack.pack_mail import PackMailer
from monthclose.use_cases.pack.pack_page import render_index
from monthclose.use_cases.pack.pack_queries import athena_queries
from monthclose.use_cases.pack.pack_store import MOST_UNREADABLE, PackPlan, PackStore
from monthclose.use_cases.proof.report import PackEntries, Report
from monthclose.use_cases.proof.report_close import report_key
from monthclose.use_cases.proof.report_pack import current_pack, earlier_pack, pack_entries, pack_warnings
from monthclose.use_cases.proof.report_page import render_report

_HTML, _TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"
_CSV = "text/csv; charset=utf-8"
_JOURNALS = {
    "journal.csv": "the journal for the general ledger, for any program",
    "journal.beancount": "the journal for beancount",
}
_FOR_DATEV = "the journal for DATEV, in one currency"
_MOST_UNTIED = 10
"""Differences that a pack names; all are counted."""
_MOST_WHY = 300
"""Characters of an error that a report keeps."""


class _Extra(NamedTuple):
    """A file that is no table."""

    name: str
    what: str
    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class PackFinisher:
    """Finishes packs. Any call may be repeated: it writes the same again.

    Parameters
    ----------
    company : str
        Its name, as pages have it.
    journal : JournalSettings
        How the journal for the general ledger is written.
    mailer : PackMailer or None
        Tells finance by e-mail; None if the settings name nobody.
    """

    documents: Documents
    store: PackStore
    clock: Clock
    company: str
    journal: JournalSettings
    mailer: PackMailer | None
    payouts: PayoutReader

    def finish(self, period: Period, name: str, *, time_is_up: TimeIsUp = lambda: False) -> Pack:
        """Complete a pack whose tables are written, make it the current one, and return that.

        Parameters
        ----------
        time_is_up : callable
            Whether no more may be asked of the providers: the pack goes without their payouts then, and says so.

        Raises
        ------
        UserMistakeError
            There is no such pack, its tables are not all written, or the close has no report.
        """
        plan = self.store.require(period, name)
        report = self._report(period)
        current = current_pack(self.documents, period)
        if current and current.planned_at > plan.planned_at:  # one that was begun later was faster
            self._tell(plan, current, report)
            self._discard(plan)
            return current
        replaced = current.replaces if current and current.name == name else current.name if current else ""
        payouts = self.payouts.read(period, time_is_up) if period.day == 1 else PayoutsRead(Figures())
        pack = self._write(plan, report, payouts, replaced)
        self._put(manifest_key(period), _json(pack.content()))
        report = self._refresh(period)
        self._remove_outdated(pack)
        self._tell(plan, pack, report)
        return pack

    def fail(self, period: Period, why: str, name: str = "") -> None:
        """Have the report say that its pack could not be made, and why; remove the tables of it that were written.

        Parameters
        ----------
        name : str
            The pack's; empty if it could not even be planned.
        """
        failure = PackFailure(self.clock(), why[:_MOST_WHY])
        self._put(failure_key(period), _json(failure.content()))
        self._refresh(period)
        plan = self.store.plan(period, name) if name else None
        if plan:
            self._discard(plan)

    def _tell(self, plan: PackPlan, pack: Pack, report: Report) -> None:
        """Tell finance of the pack that is current, even if it is not the one that the close has made."""
        if self.mailer:
            self.mailer.tell(plan, pack, report)

    def _report(self, period: Period) -> Report:
        try:
            report: Report = json.loads(self.documents.get(report_key(period, "json")))
        except KeyError:
            raise UserMistakeError(f"{period} has no report; close it with: monthclose close {period}") from None
        return report

    def _refresh(self, period: Period) -> Report:
        """Put into the report, as it is now, what it says about its pack."""
        refreshed: Report = {**_without_pack(self._report(period)), **pack_entries(self.documents, period)}
        self._put(report_key(period, "json"), _json(refreshed))
        self._put(report_key(period, "html"), render_report(refreshed), _HTML)
        return refreshed

    def _remove_outdated(self, pack: Pack) -> None:
        """Remove the pack before the one that this one replaces, unless a close has made it.

        A pack for every day on which a payment came would soon be more than all else that is stored. What finance was
        told of stays, and so does the last one: somebody may be reading it.
        """
        before = earlier_pack(self.documents, pack.period, pack.replaces)
        old = earlier_pack(self.documents, pack.period, before.replaces) if before else None
        if old and old.made_for is not MadeFor.CLOSE:
            for name in old.names:
                self.documents.delete(old.key_of(name))

    def _discard(self, plan: PackPlan) -> None:
        """Remove the tables of a pack that has never been the current one: nothing leads to them."""
        if earlier_pack(self.documents, plan.period, plan.name):
            return
        for table in TABLES.values():
            for file in self.store.table(plan, table.name).files:
                self.documents.delete(pack_key(plan.period, plan.name, file.name))

    def _write(self, plan: PackPlan, report: Report, payouts: PayoutsRead, replaced: str) -> Pack:
        """Write what a pack has beside its tables, and put all that it has together."""
        parts = [self.store.part(plan, number) for number in range(plan.parts)]
        figures = added_up([*(part.figures for part in parts), payouts.figures])
        unreadable_in_all = sum(part.unreadable_in_all for part in parts)
        remarks = (*self._remarks(plan, figures), *_lacking(payouts), *_untied(figures))
        warnings = [*report.get("warnings", []), *pack_warnings(unreadable_in_all, remarks)]
        extras = self._extras(plan, _with_warnings(report, warnings), figures)
        for extra in extras:
            self._put(pack_key(plan.period, plan.name, extra.name), extra.content, extra.content_type)
        files = [PackFile(extra.name, extra.what, None, len(extra.content)) for extra in extras]
        pack = Pack(
            period=plan.period,
            name=plan.name,
            run=plan.run,
            made_for=plan.made_for,
            planned_at=plan.planned_at,
            made_at=self.clock(),
            state=plan.state,
            customers=plan.customers + plan.others,
            files=(*files, *self._table_files(plan)),
            remarks=remarks,
            replaces=replaced,
            unreadable=tuple(what for part in parts for what in part.unreadable)[:MOST_UNREADABLE],
            unreadable_in_all=unreadable_in_all,
        )
        self._put(pack.key_of(INDEX), render_index(pack, self.company), _HTML)
        self._put(pack.key_of(MANIFEST), _json(pack.content()))
        return pack

    def _extras(self, plan: PackPlan, report: Report, figures: Figures) -> list[_Extra]:
        """Make the files that a pack has beside its tables."""
        page = render_report({**report, "figures": figures.content()}, plan.planned_at)
        journals = [
            _Extra(file.name, _JOURNALS.get(file.name, _FOR_DATEV), file.content, "text/plain")
            for file in self._journals(plan, figures)
            if not file.missing
        ]
        return [
            _Extra(REPORT, "the report of the close, as a page", page, _HTML),
            *journals,
            *(_Extra(file.name, file.what, file.content, _CSV) for file in sum_files(figures)),
            _Extra(FIGURES, "all that the report adds up", _json(figures.content()), "application/json"),
            _Extra(QUERIES, "statements with which Amazon Athena reads the Parquet files", self._queries(plan), _TEXT),
        ]

    def _journals(self, plan: PackPlan, figures: Figures) -> list[JournalFile]:
        if plan.period.day != 1:
            return []
        return journal_files(figures.rows(JOURNAL), plan.period, plan.planned_at, self.journal)

    def _remarks(self, plan: PackPlan, figures: Figures) -> tuple[str, ...]:
        """Say which files of the journal could not be written, and why, if the company has said how it wants them."""
        if not self.journal.values():
            return ()
        return tuple(f"{file.name}: {file.missing}" for file in self._journals(plan, figures) if file.missing)

    def _table_files(self, plan: PackPlan) -> list[PackFile]:
        """List the files of all tables: those for people first."""
        written = {table.name: self.store.table(plan, table.name) for table in TABLES.values()}
        missing = sorted(name for name, table in written.items() if not table.done)
        if missing:
            raise UserMistakeError(f"the report pack {plan.name} of {plan.period} lacks {', '.join(missing)}")
        files = [file for table in written.values() for file in table.files]
        return sorted(files, key=lambda file: file.name.endswith(".parquet"))

    def _queries(self, plan: PackPlan) -> bytes:
        place = self.documents.location(pack_key(plan.period, plan.name, ""))
        return athena_queries(plan.period, f"s3://{place['bucket']}/{place['key']}", TABLES.values()).encode()

    def _put(self, key: str, content: bytes, content_type: str = "application/json") -> None:
        self.documents.put(key, content, content_type)


def _with_warnings(report: Report, warnings: list[str]) -> Report:
    """Let a report have a new pack's warnings, in the place of what it says about the pack before."""
    return {**_without_pack(report), "warnings": warnings}


def _without_pack(report: Report) -> Report:
    """Leave out what a report says about its pack."""
    gone = PackEntries.__annotations__
    return {name: value for name, value in report.items() if name not in gone}  # type: ignore[return-value]


def _lacking(payouts: PayoutsRead) -> list[str]:
    """Say whose payouts are missing."""
    return [f"the payouts of {provider} could not be read" for provider in payouts.missing]


def _untied(figures: Figures) -> list[str]:
    """Say which figures do not tie with the ledger, as far as a reader wants to know."""
    found = differences(figures)
    said = [
        f"the figures do not tie: {figure} {Money(minor, currency)}, in the ledger {Money(there, currency)}"
        for figure, currency, minor, there in found[:_MOST_UNTIED]
    ]
    left_out = len(found) - len(said)
    return [*said, *([f"{count(left_out, 'more figure does', 'more figures do')} not tie either"] if left_out else [])]


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=1, ensure_ascii=False).encode()
