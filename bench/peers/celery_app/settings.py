"""The app's settings, by environment, and the times that must fit together."""

import os

DATABASE = os.environ.get("DATABASE_URL", "")
REDIS_SOCKET = os.environ.get("REDIS_SOCKET", "")
STRIPE_KEY = os.environ.get("STRIPE_KEY", "")
STRIPE_URL = os.environ.get("STRIPE_URL", "")
STRIPE_RATE = float(os.environ.get("STRIPE_RATE", "25"))
SMTP_HOST = os.environ.get("SMTP_HOST", "127.0.0.1")
SMTP_PORT = int(os.environ.get("SMTP_PORT", "25"))

CHARGES_A_SECOND = STRIPE_RATE * 0.98
"""Some room below the limit is left for the SDK's own retries, which nobody counts."""

# Each time is longer than the one before. A charge's requests, with the SDK's retries, last 35 seconds at most
# (bench.peers.card); only then is the task told to stop, then killed, then another may have the customer's lock, then
# the message is delivered again.
SOFT_TIME_LIMIT = 45
TIME_LIMIT = 50
LOCK_SECONDS = 60
LONGEST_PAUSE = 60
VISIBILITY_TIMEOUT = 120

SWEEP_EVERY = 30
SWEEP_AFTER = int(os.environ.get("SWEEP_AFTER", "600"))
"""An invoice that is not done so many seconds after it was queued has lost its message."""
