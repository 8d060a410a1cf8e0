"""Backfills: many partitions at once, launched over GraphQL and worked off by the daemon.

    assets.py     what can be backfilled, and which of its partitions there are
    selection.py  from a person's words to assets
    plan.py       which partitions a backfill takes, and how many runs that makes; pure
    launches.py   launching, asking after and stopping a backfill
    following.py  what a person sees until it has ended

Nothing is computed in the calling process: it can end at any time, and the backfill goes on.
"""
