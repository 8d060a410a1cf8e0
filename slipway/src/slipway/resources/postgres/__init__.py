"""Postgres as a Dagster resource: Arrow in and out, replaced partitions, merged rows."""

from slipway.resources.postgres.merging import MergedRows
from slipway.resources.postgres.replacing import ReplacedPartition
from slipway.resources.postgres.resource import PostgresResource

__all__ = ["MergedRows", "PostgresResource", "ReplacedPartition"]
