"""The world in memory: every port's fake. The contract tests hold fakes and adapters to the same behaviour."""

from tests.fakes.audit import FakeAuditTrail
from tests.fakes.books import CountingBooks, FakeBooks, FakeDirectory
from tests.fakes.closes import FakeClaims, FakeCloses, FakeRehearsals
from tests.fakes.documents import FakeColumnFiles, FakeDocuments, FakeEInvoices, FakeLinkSecrets, FakeRenderer
from tests.fakes.events import FakeEventBus
from tests.fakes.gateway import FakeGateway, reversed_by_the_bank
from tests.fakes.pages import FakePages
from tests.fakes.rating import FakePriceBooks, FakeTaxTables, FakeUsageItems, FakeUsageStore
from tests.fakes.register import FakeRegister
from tests.fakes.system import FakeClock, FakeLog, FakePatience, FakeTableCopies
from tests.fakes.workflow import (
    FakeChargeQueue,
    FakeDeadLetters,
    FakeEventQueue,
    FakeMailAccount,
    FakeMailer,
    FakeWorkflow,
)

__all__ = [
    "CountingBooks",
    "FakeAuditTrail",
    "FakeBooks",
    "FakeChargeQueue",
    "FakeClaims",
    "FakeClock",
    "FakeCloses",
    "FakeColumnFiles",
    "FakeDeadLetters",
    "FakeDirectory",
    "FakeDocuments",
    "FakeEInvoices",
    "FakeEventBus",
    "FakeEventQueue",
    "FakeGateway",
    "FakeLinkSecrets",
    "FakeLog",
    "FakeMailAccount",
    "FakeMailer",
    "FakePages",
    "FakePatience",
    "FakePriceBooks",
    "FakeRegister",
    "FakeRehearsals",
    "FakeRenderer",
    "FakeTableCopies",
    "FakeTaxTables",
    "FakeUsageItems",
    "FakeUsageStore",
    "FakeWorkflow",
    "reversed_by_the_bank",
]
