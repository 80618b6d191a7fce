"""What one run of the matching benchmark is asked to do."""

from dataclasses import dataclass

from kit.errors import InvalidInput

PEERS = ("pyroaring", "tantivy", "postgresql", "numpy_scan")
RIVALS = ("pyroaring", "tantivy")
"""The peers that ratios are taken against: the others are slower by construction and stand for what people have."""
MOST_USERS = 50_000_000
MOST_ORDERS = 100_000
FIGURES = (
    "full_set_us",
    "full_all_us",
    "full_ranked_us",
    "partial_us",
    "full_set_vs_best_peer",
    "full_ranked_vs_best_peer",
    "partial_vs_best_peer",
    "full_any_vs_best_peer",
    "full_all_vs_best_peer",
    "bytes_per_user",
    "build_s",
    "update_us",
    "visible_ms",
    "threads_ratio",
    "reach_vs_match",
    "checked_orders",
    "wrong_orders",
    "wrong_orders_of_peers",
    "kernels_compiled_late",
    "peak_memory_bytes",
)
"""The numbers of the JSON document that a threshold can be set on."""


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """Checked options of a run."""

    users: int = 1_000_000
    orders: int = 1_024
    peers: tuple[str, ...] = PEERS
    seed: int = 1
    rounds: int = 5
    threads: int = 2
    curve: tuple[int, ...] = ()
    checks: int = 320

    def __post_init__(self) -> None:
        bounds = {
            "users": (1_000, MOST_USERS),
            "orders": (16, MOST_ORDERS),
            "seed": (0, 2**32),
            "rounds": (1, 1_000),
            "threads": (1, 64),
            "checks": (1, MOST_ORDERS),
        }
        for name, (least, most) in bounds.items():
            value = getattr(self, name)
            if not least <= value <= most:
                raise InvalidInput(name, value, f"must be between {least:,} and {most:,}")
        for size in self.curve:
            if not 1_000 <= size <= MOST_USERS:
                raise InvalidInput("curve", size, f"must be between 1,000 and {MOST_USERS:,} users")
        for peer in self.peers:
            if peer not in PEERS:
                raise InvalidInput("peers", peer, f"is no peer; there are {', '.join(PEERS)}")


def parse_sizes(text: str) -> tuple[int, ...]:
    """Numbers of users separated by commas, ``none`` for none; raises InvalidInput."""
    if text.strip() in ("", "none"):
        return ()
    parts = [part.strip().replace("_", "") for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise InvalidInput("curve", text, "must be numbers of users separated by commas: 100000,300000")
    return tuple(sorted({int(part) for part in parts}))


def parse_peers(text: str) -> tuple[str, ...]:
    """Names separated by commas, ``none`` for none; raises InvalidInput."""
    if text.strip() in ("", "none"):
        return ()
    names = tuple(dict.fromkeys(part.strip() for part in text.split(",")))
    BenchSettings(peers=names)
    return names
