"""The Celery app and its configuration."""

from celery import Celery

from bench.peers.celery_app import settings

app = Celery("billing", include=["bench.peers.celery_app.tasks"])

app.conf.update(
    broker_url=f"redis+socket://{settings.REDIS_SOCKET}",
    broker_connection_retry_on_startup=True,
    # A message that a lost worker had is delivered again after so long. All retries come sooner than that.
    broker_transport_options={"visibility_timeout": settings.VISIBILITY_TIMEOUT},
    visibility_timeout=settings.VISIBILITY_TIMEOUT,
    # All tasks can be repeated: a message is done with when its task is.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_soft_time_limit=settings.SOFT_TIME_LIMIT,
    task_time_limit=settings.TIME_LIMIT,
    # Results are in PostgreSQL.
    task_ignore_result=True,
    # Charges have a queue of their own: invoices and e-mails don't wait behind them.
    task_default_queue="billing",
    task_routes={"bench.peers.celery_app.tasks.charge": {"queue": "charges"}},
    beat_schedule={"sweep": {"task": "bench.peers.celery_app.tasks.sweep", "schedule": settings.SWEEP_EVERY}},
    timezone="UTC",
)
