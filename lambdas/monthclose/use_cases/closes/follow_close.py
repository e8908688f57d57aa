"""Follow a running close: how it stands by its batches, and when it will have charged, told and proved."""

from collections.abc import Mapping
from dataclasses import dataclass

from monthclose.domain.closes.close import Close
from monthclose.domain.closes.forecast import Forecast, Forecaster
from monthclose.domain.closes.pace import Lane
from monthclose.domain.closes.standing import Standing, standing_of
from monthclose.domain.notices.sending import MailSettings
from monthclose.domain.payments.provider_health import Circuit
from monthclose.domain.payments.throttle import Limit
from monthclose.errors import TryLaterError
from monthclose.ports import Clock, Closes, MailAccount, ProviderLimits
from monthclose.settings import CloseSettings, Provider
from monthclose.use_cases.closes.outlook import load_of


@dataclass(frozen=True, slots=True)
class CloseFollower:
    """Follows closes. A look reads the batches once, and two items of each provider."""

    closes: Closes
    limits: ProviderLimits
    providers: Mapping[str, Provider]
    settings: CloseSettings
    account: MailAccount
    mail: MailSettings
    clock: Clock
    machine_clock: Clock
    """What the providers' health goes by."""

    def standing(self, close: Close) -> Standing:
        """Add its batches up."""
        return standing_of(close, self.closes.all_progress(close.period))

    def lanes(self, standing: Standing) -> dict[str, Lane]:
        """See how fast its providers may be asked now."""
        return {name: self._lane(self.providers[name]) for name in standing.providers if name in self.providers}

    def forecast(self, close: Close, standing: Standing, lanes: Mapping[str, Lane]) -> Forecast | None:
        """Forecast; None as long as nobody knows who is charged, and of a close that ended before times were kept."""
        if not close.customers or not standing.providers or (close.completed_at and standing.undated):
            return None
        if close.only and not close.completed_at:
            return None  # the run is limited to some of the customers
        forecaster = Forecaster(
            close,
            standing,
            lanes,
            self._mail_limit(),
            self.settings.generated_per_second,
            self.settings.max_rounds,
            self.settings.round_wait_seconds,
        )
        return forecaster.at(close.completed_at or self.clock())

    def _lane(self, provider: Provider) -> Lane:
        state, now = self.limits.state(provider.name), self.machine_clock().timestamp()
        load = load_of(provider, state, 0.0)
        health = state.health
        down = health.circuit(now) is not Circuit.CLOSED
        return Lane(
            load, health.speed(now), health.seconds_to_wait(now) if down else 0.0, paused=state.paused is not None
        )

    def _mail_limit(self) -> Limit | None:
        try:
            return self.mail.limit(self.account.look())
        except TryLaterError:
            return None
