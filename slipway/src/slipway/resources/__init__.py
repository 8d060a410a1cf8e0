"""Resources that code locations share: Postgres, the landing bucket, documents, and the choice by environment."""

from slipway.resources.documents import DocumentStore
from slipway.resources.landing import LandingBucket
from slipway.resources.postgres import PostgresResource
from slipway.resources.selection import platform_resources, select_resources

__all__ = ["DocumentStore", "LandingBucket", "PostgresResource", "platform_resources", "select_resources"]
