"""Resources that code locations share: Postgres, the landing bucket, and the choice by environment."""

from slipway.resources.landing import LandingBucket
from slipway.resources.postgres import PostgresResource
from slipway.resources.selection import platform_resources, select_resources

__all__ = ["LandingBucket", "PostgresResource", "platform_resources", "select_resources"]
