"""The tasks that scripts/try-queues has a Celery worker work off. The server's address is in LARDER_TRY_URL."""

import os

from celery import Celery

app = Celery("celery_tasks", broker=os.environ["LARDER_TRY_URL"], backend=os.environ["LARDER_TRY_URL"])
app.conf.update(task_acks_late=True, worker_prefetch_multiplier=4, broker_transport_options={"priority_steps": [0, 5, 9]},
                broker_connection_retry_on_startup=True, result_expires=600)


@app.task
def add(a, b):
    return a + b


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3)
def flaky(self, failures):
    """Fails so many times before it succeeds."""
    if self.request.retries < failures:
        raise self.retry(countdown=0.05)
    return self.request.retries


@app.task
def hopeless():
    raise ValueError("hopeless")
