"""Find out whether a month has any usage, before it is archived by its name: a mistyped one has none."""

from collections.abc import Callable
from dataclasses import dataclass

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period
from monthclose.domain.usage import UsageMonth
from monthclose.ports import CustomerDirectory
from monthclose.ports.usage_archive import LeavingUsage
from monthclose.use_cases.archive.plan_archive import ArchivePlanner


@dataclass(frozen=True, slots=True)
class UsageFinder:
    """Finds months that have usage."""

    planner: ArchivePlanner
    directory: CustomerDirectory
    usage: LeavingUsage

    def require(self, period: Period, tell: Callable[[], None] = lambda: None) -> None:
        """Check that a month has usage.

        Most months are known to have some. Of another one, the customers are looked through until the first who has
        usage of it: a hundred with a request, as archiving would read them.

        Parameters
        ----------
        tell : callable
            Is called before the customers are looked through, which takes a while if there are many.

        Raises
        ------
        UserMistakeError
            It has none.
        """
        if period in self.planner.known_months():
            return
        tell()
        months = (UsageMonth(each.customer_id, period) for each in self.directory.scan())
        if next(iter(self.usage.packed(months)), None) is None:
            raise UserMistakeError(
                f"no customer has usage of {period}\nmonths that have some: monthclose usage archive --check"
            )
