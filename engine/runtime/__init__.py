"""The only place of Ray: a private head, the connection to a cluster, and shards as actors.

Importing this package does not import Ray; ``head`` never does, ``connection`` and ``shards`` do.
"""
