"""The limit on Stripe's requests, kept by all workers together: a clock in Redis that hands out slots.

Celery's own `rate_limit` counts for each worker by itself (README.md says what else it does).
"""

import time
from functools import cache

from redis.commands.core import Script

from bench.peers.celery_app import settings
from bench.peers.celery_app.connections import redis

_TAKE_SLOT = """
local time = redis.call('TIME')
local now = time[1] + time[2] / 1000000
local slot = math.max(now, tonumber(redis.call('GET', KEYS[1]) or 0))
redis.call('SET', KEYS[1], string.format('%.6f', slot + ARGV[1]), 'EX', 60)
return string.format('%.6f', slot - now)
"""


@cache
def _script() -> Script:
    return redis().register_script(_TAKE_SLOT)


def wait_for_slot() -> None:
    """Wait for the next slot; a worker waits for as many slots at most as there are workers."""
    interval = 1 / settings.CHARGES_A_SECOND
    time.sleep(float(_script()(keys=["stripe:slot"], args=[interval])))
