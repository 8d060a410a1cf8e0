"""Alerts: one small process outside of the platform that says what has failed, once for each root cause.

`watcher` asks the webserver every few seconds. `runs`, `checks`, `backfills`, `ticks` and `conditions` turn its
answers into failures and recoveries, `causes` groups them, `messages` words them, `reminders` says what to bring up
again, `outbox` and `channels` deliver, `settings` says to whom. Everything that must survive a restart is one file
(`state`).

Why not run-status sensors in a code location: they run in the daemon, so they die with it; they can't see a
sensor's or a schedule's failing tick, a location that can't be loaded, an asset that is late or a backfill without
runs; and each location would carry the channels' secrets. What is outside sees all of that with a few questions over
GraphQL, which is there on one machine and on Kubernetes alike.

Does not belong here: Dagster itself. Nothing in this package imports it, so that the process stays small.
"""
