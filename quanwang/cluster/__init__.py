"""A database with a standby and a Redis with a standby, on one machine, kept alive by one supervisor."""
