"""Where it runs: placement, shards and the Ray runtime."""
