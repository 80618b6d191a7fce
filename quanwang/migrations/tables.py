"""All tables of all features: importing this module fills kit.db's metadata."""

import kit.db.sequences  # declares tables
import kit.idempotency  # declares tables
import kit.work.tables  # noqa: F401  # declares tables
import marketplace.access.tables  # declares tables
import marketplace.channels.tables  # declares tables
import marketplace.dispatch.tables  # declares tables
import marketplace.inbox.tables  # declares tables
import marketplace.operations.tables  # declares tables
import marketplace.orders.tables  # declares tables
import marketplace.profiles.tables  # declares tables
import marketplace.settings.tables  # declares tables
import marketplace.users.tables  # declares tables
import marketplace.webhooks.tables  # noqa: F401  # declares tables
from kit.db import metadata

__all__ = ["metadata"]
