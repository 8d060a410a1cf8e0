"""The lane in which steps wait in a queue before they get a pod: for what can take only so much at a time.

The executor (`steps.py`, in the run's pod) puts a step's Job into a Celery queue; a worker (`worker.py`, no code of any
location, no database) makes the Job and waits for its end before it takes the next; the step tells its events to Postgres as
every step does. Redis holds the queues and who has which step (`places.py`). Needs the extra `slipway[celery]`.
"""
