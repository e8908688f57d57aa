"""Pause all charging through a provider, and resume it: for closes, collections and people alike.

What is under way at the provider is looked up all the same.
"""

from monthclose.domain.errors import UserMistakeError
from monthclose.domain.payments.charging_pause import Pause
from monthclose.ports import Clock, ProviderLimits
from monthclose.use_cases.batch_work import retry_conflicts


def pause_provider(provider: str, by: str, reason: str, *, limits: ProviderLimits, clock: Clock) -> Pause:
    """Pause charging.

    Raises
    ------
    UserMistakeError
        It is paused already: the message says by whom.
    """

    def step() -> Pause:
        state = limits.state(provider)
        if state.paused:
            raise UserMistakeError(f"charging through {provider} is paused already, {state.paused.in_words()}")
        pause = Pause(clock(), by, reason)
        limits.put_pause(provider, pause, state.pause_version)
        return pause

    return retry_conflicts(step)


def resume_provider(provider: str, by: str, *, limits: ProviderLimits, clock: Clock) -> Pause:
    """End the pause, and return it.

    Raises
    ------
    UserMistakeError
        Charging is not paused; if it was, the message says who resumed it.
    """

    def step() -> Pause:
        state = limits.state(provider)
        if not state.paused:
            before = f": it was resumed {state.pause.end_in_words()}" if state.pause else ""
            raise UserMistakeError(f"charging through {provider} is not paused{before}")
        ended = state.paused.end(clock(), by)
        limits.put_pause(provider, ended, state.pause_version)
        return ended

    return retry_conflicts(step)
