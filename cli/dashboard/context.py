"""What the dashboard's pages work with."""

from dataclasses import dataclass, field

from starlette.requests import Request

from cli.dashboard.done import Once, Said
from cli.dashboard.looks import SHORTEST, Looks
from cli.dashboard.register.service import ListService
from cli.dashboard.reports import Reports
from cli.system import System
from monthclose.domain.errors import UserMistakeError
from monthclose.domain.period import Period


@dataclass(frozen=True)
class Dashboard:
    """The system that is shown, and who looks at it.

    Parameters
    ----------
    by : str
        Who acts, where something is changed.
    operate : bool
        Whether anything may be changed.
    shortest_look : float
        Seconds between two looks at a close, at least; 0 if none is kept.
    """

    system: System
    by: str = ""
    operate: bool = False
    shortest_look: float = SHORTEST
    looks: Looks = field(init=False)
    reports: Reports = field(init=False)
    lists: ListService = field(init=False)
    once: Once = field(default_factory=Once)
    said: Said = field(default_factory=Said)

    def __post_init__(self) -> None:
        object.__setattr__(self, "looks", Looks(self.system, self.shortest_look))
        object.__setattr__(self, "reports", Reports(self.system))
        object.__setattr__(self, "lists", ListService(self.system, at_once=not self.shortest_look))

    @property
    def company(self) -> str:
        """The company's name; empty if the settings have none."""
        return self.system.ports.settings.company_name


def dashboard_of(request: Request) -> Dashboard:
    """Find the dashboard that a request is for."""
    found: Dashboard = request.app.state.dashboard
    return found


class NotFoundError(UserMistakeError):
    """What an address names does not exist."""


def period_of(request: Request) -> Period:
    """Read the month in a page's address, `{period}`.

    Raises
    ------
    NotFoundError
        It is not a month.
    """
    try:
        return Period.parse(request.path_params["period"])
    except UserMistakeError as error:
        raise NotFoundError(str(error)) from None
