"""The drill of a cluster: kill its servers under a load of orders, and count what was lost and how long it took."""
