"""The schema of the database and the way from one version of it to the next."""

from quanwang.migrations.migrate import HEAD, SchemaFromTheFuture, migrate, schema_version

__all__ = ["HEAD", "SchemaFromTheFuture", "migrate", "schema_version"]
