"""Delivers providers' events to registered endpoints: signed, retried, and as unreliably as a plan asks for.

Providers call what :meth:`Deliverer.notify` returns with each event's document; all else happens in the deliverer's own
threads, which begin with the first event for a registered endpoint and end with :meth:`Deliverer.close`.
"""

import heapq
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import httpx

from sandbox.chaos.plan import Endpoints, WebhookChaos
from sandbox.reading import Entry
from sandbox.signatures import MOST_EVENTS, SIGN
from sandbox.wire import JSON

PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds between the tries. Real providers take minutes, then hours."""

_WORKERS = 4
_OK = range(200, 300)
_COUNTED = (
    *("events", "delivered", "attempts", "failed_attempts", "given_up"),
    *("duplicated", "delayed", "reordered", "dropped", "batched"),
)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a provider's events go.

    Attributes
    ----------
    url, secret : str
        Address, and what its signatures are made with.
    pauses : tuple[float, ...]
        Seconds between the tries; as many further tries as pauses.
    timeout_seconds : float
        How long a try may take.
    events : frozenset[str]
        Kinds of events that are delivered, as in ``charge.refunded`` or ``payments.confirmed``; all if it is empty.
    batch : int
        Events are held back until there are so many for one webhook, or ``batch_seconds`` have passed.
    """

    url: str
    secret: str = field(repr=False)
    pauses: tuple[float, ...] = PAUSES
    timeout_seconds: float = 10.0
    events: frozenset[str] = frozenset()
    batch: int = 1
    batch_seconds: float = 0.5


@dataclass(slots=True)
class _Delivery:
    """One event, or several in one webhook, on its way to one endpoint."""

    provider: str
    endpoint: Endpoint
    event: JSON
    number: str
    attempt: int = 0
    drop: bool = False
    void: bool = False
    gathering: bool = False
    more: list[JSON] = field(default_factory=list)
    """Further events for the same webhook."""
    followers: list["_Delivery"] = field(default_factory=list)
    """What was held back to come after it."""


def read_endpoints(document: object, providers: Endpoints) -> dict[str, Endpoint]:
    """Read endpoints by provider, as in ``{"stripe": {"url": "http://…", "secret": "whsec_…"}}``.

    Raises
    ------
    PlanError
        An entry is wrong; the message names it.
    """
    endpoints = {}
    top = Entry({"webhooks": document}, "the webhooks")
    for provider, entry in top.tables("webhooks").items():
        if provider not in providers or provider not in SIGN:
            top.refuse("webhooks", f"name {provider}, which is not one of {', '.join(providers)}", provider, providers)
        url = entry.text("url") or entry.missing("url")
        if not url.startswith(("http://", "https://")):
            entry.refuse("url", f"should begin with http:// or https://, not {url[:20]}")
        endpoints[provider] = Endpoint(
            url=url,
            secret=entry.text("secret") or entry.missing("secret"),
            pauses=entry.numbers("pauses", 3600.0, PAUSES),
            timeout_seconds=entry.number("timeout_seconds", 0.01, 60.0, 10.0),
            events=frozenset(entry.texts("events")),
            batch=entry.whole("batch", 1) or 1,
            batch_seconds=entry.number("batch_seconds", 0.01, 60.0, 0.5),
        )
        most = MOST_EVENTS.get(provider, 1)
        if endpoints[provider].batch > most:
            entry.refuse("batch", f"should be at most {most}: {provider} puts no more events into one webhook")
        entry.end()
    return endpoints


class Deliverer:
    """Delivers events.

    Parameters
    ----------
    chaos : Callable[[str], WebhookChaos]
        How a provider's webhooks misbehave now.
    clock : Callable[[], float]
        Seconds since the epoch, for signatures.
    seed : int
        Makes the chaos repeatable for the same events in the same order.
    """

    def __init__(
        self,
        chaos: Callable[[str], WebhookChaos] = lambda _provider: WebhookChaos(),
        clock: Callable[[], float] = time.time,
        seed: int = 0,
    ) -> None:
        self._chaos = chaos
        self._clock = clock
        self._changed = threading.Condition()
        self._endpoints: dict[str, Endpoint] = {}
        self._counts: dict[str, Counter[str]] = {}
        self._queue: list[tuple[float, int, _Delivery]] = []
        self._order = itertools.count()
        self._held: dict[str, _Delivery] = {}
        self._gathering: dict[str, _Delivery] = {}
        self._in_hand = 0
        self._threads: list[threading.Thread] = []
        self._closing = False
        self.reseed(seed)

    def reseed(self, seed: int) -> None:
        """Restart the sequence of random numbers."""
        self._draws = random.Random(f"{seed}/webhooks")  # noqa: S311 - a simulation, no secret
        self._batches = random.Random(f"{seed}/batches")  # noqa: S311

    def register(self, endpoints: Mapping[str, Endpoint]) -> None:
        """Set where events go, by provider; those of other providers go nowhere. What is under way stays so."""
        with self._changed:
            self._endpoints = dict(endpoints)

    def notify(self, provider: str) -> Callable[[JSON], None]:
        """Return what a provider calls with each of its events."""
        return lambda event: self._take(provider, event)

    def _take(self, provider: str, event: JSON) -> None:
        with self._changed:
            endpoint = self._endpoints.get(provider)
            if endpoint is None or self._closing or (endpoint.events and _kind(event) not in endpoint.events):
                return
            counts = self._counts.setdefault(provider, Counter())
            counts["events"] += 1
            self._gather(provider, endpoint, event)
            self._start_threads()
            self._changed.notify_all()

    def _gather(self, provider: str, endpoint: Endpoint, event: JSON) -> None:
        """Put an event into the webhook that gathers events, or a new one, and send it unless it is to have more."""
        chaos = self._chaos(provider)
        delivery = self._gathering.pop(provider, None)
        if delivery is None:
            delivery = _Delivery(provider, endpoint, event, f"{next(self._order):012}")
        else:
            delivery.void = True  # where it waits
            delivery = replace(delivery, void=False, more=[*delivery.more, event])
            self._counts[provider]["batched"] += 1
        room = (endpoint.batch if endpoint.batch > 1 else MOST_EVENTS.get(provider, 1)) - 1 - len(delivery.more)
        if room > 0 and (endpoint.batch > 1 or self._batches.random() < chaos.batch):
            delivery.gathering = True
            self._gathering[provider] = delivery
            self._schedule(delivery, endpoint.batch_seconds if endpoint.batch > 1 else chaos.hold_seconds)
        else:
            self._release(delivery, chaos)

    def _release(self, delivery: _Delivery, chaos: WebhookChaos) -> None:
        delivery.gathering = False
        self._misbehave(chaos, delivery, self._counts.setdefault(delivery.provider, Counter()))

    def _misbehave(self, chaos: WebhookChaos, delivery: _Delivery, counts: Counter[str]) -> None:
        # Every draw is made for every event, so that one probability does not change what another one does.
        duplicate, delay, reorder, drop = (self._draws.random() for _ in range(4))
        late = self._draws.uniform(*chaos.delay_seconds)
        seconds = 0.0
        if delay < chaos.delay:
            counts["delayed"] += 1
            seconds = late
        if drop < chaos.drop_first:
            delivery.drop = True
        if duplicate < chaos.duplicate:
            counts["duplicated"] += 1
            self._schedule(replace(delivery, drop=False, followers=[]), seconds)
        held = self._held.pop(delivery.provider, None)
        if held is not None:
            held.void = True
            delivery.followers.append(replace(held, void=False, followers=[]))
            counts["reordered"] += 1
        elif reorder < chaos.reorder:
            self._held[delivery.provider] = delivery
            seconds = max(seconds, chaos.hold_seconds)
        self._schedule(delivery, seconds)

    def _schedule(self, delivery: _Delivery, seconds: float) -> None:
        heapq.heappush(self._queue, (time.monotonic() + seconds, next(self._order), delivery))

    def _start_threads(self) -> None:
        while len(self._threads) < _WORKERS:
            thread = threading.Thread(target=self._work, name=f"webhooks-{len(self._threads)}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _work(self) -> None:
        # Straight to the endpoint, whatever proxy the environment names.
        with httpx.Client(trust_env=False) as client:
            while (delivery := self._next()) is not None:
                arrived = not delivery.drop and _post(client, delivery, self._clock())
                with self._changed:
                    self._settle(delivery, arrived=arrived)
                    self._in_hand -= 1
                    self._changed.notify_all()

    def _next(self) -> _Delivery | None:
        with self._changed:
            while not self._closing:
                wait = self._queue[0][0] - time.monotonic() if self._queue else None
                if wait is not None and wait <= 0:
                    delivery = heapq.heappop(self._queue)[2]
                    if delivery.void:
                        continue
                    if delivery.gathering:
                        del self._gathering[delivery.provider]
                        self._release(delivery, self._chaos(delivery.provider))
                        continue
                    if self._held.get(delivery.provider) is delivery:
                        del self._held[delivery.provider]  # no other event came in time
                    self._in_hand += 1
                    return delivery
                self._changed.wait(wait)
            return None

    def _settle(self, delivery: _Delivery, *, arrived: bool) -> None:
        counts = self._counts.setdefault(delivery.provider, Counter())
        counts["dropped" if delivery.drop else "attempts"] += 1
        for follower in delivery.followers:
            self._schedule(follower, 0.0)
        delivery.followers = []
        if arrived:
            counts["delivered"] += 1
            return
        if not delivery.drop:
            counts["failed_attempts"] += 1
        delivery.drop = False
        if delivery.attempt >= len(delivery.endpoint.pauses):
            counts["given_up"] += 1
            return
        self._schedule(delivery, delivery.endpoint.pauses[delivery.attempt])
        delivery.attempt += 1

    def to_json(self) -> JSON:
        """Return where events go and what became of them, by provider. Secrets are not shown."""
        with self._changed:
            waiting = Counter(delivery.provider for _, _, delivery in self._queue if not delivery.void)
            names = sorted({*self._endpoints, *self._counts})
            return {
                name: {
                    "url": self._endpoints[name].url if name in self._endpoints else None,
                    "waiting": waiting[name],
                    **{what: self._counts.get(name, Counter())[what] for what in _COUNTED},
                }
                for name in names
            }

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Wait until nothing is waiting or under way; tell whether it came to that."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not self._in_hand and all(delivery.void for _, _, delivery in self._queue), timeout_seconds
            )

    def reset(self) -> None:
        """Forget waiting events, and the counts."""
        with self._changed:
            self._queue.clear()
            self._held.clear()
            self._gathering.clear()
            self._counts.clear()
            self._changed.notify_all()

    def close(self) -> None:
        """End the threads; what waits is not delivered."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout=30)


def _kind(event: JSON) -> str:
    """Name what happened, in the provider's words: Stripe's events have a type, GoCardless' an object and an action."""
    return str(event.get("type") or f"{event.get('resource_type')}.{event.get('action')}")


def _post(client: httpx.Client, delivery: _Delivery, now: float) -> bool:
    endpoint = delivery.endpoint
    document = {"events": [delivery.event, *delivery.more]} if delivery.more else delivery.event
    headers, body = SIGN[delivery.provider](document, endpoint.secret, now, delivery.number)
    try:
        answer = client.post(endpoint.url, content=body, headers=dict(headers), timeout=endpoint.timeout_seconds)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return answer.status_code in _OK
