"""A run as one JSON document."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from benchmarks.dispatch.acceptances import Accepted
from benchmarks.dispatch.load import Stretch
from benchmarks.dispatch.pool import Pool
from benchmarks.dispatch.recovery import Rebuilt
from benchmarks.dispatch.search import PATIENCE_MS, is_sustained
from benchmarks.dispatch.settings import DispatchSettings
from benchmarks.environment import environment

PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9)
PACKAGES: Final = ("ray", "uvicorn", "fastapi", "pymysql", "sqlalchemy", "redis", "numpy", "numba")


def figures(
    settings: DispatchSettings,
    pool: Pool,
    stretches: Sequence[Stretch],
    singles: Stretch,
    steps: Sequence[Stretch],
    steady: Stretch | None,
    sustained: float,
    broken: float | None,
    accepted: Accepted,
    shard_s: float,
    rebuilt: Rebuilt,
    doubled: int,
    broken_rules: Mapping[str, Sequence[str]],
) -> dict[str, Any]:
    """Everything that was measured; the keys of benchmarks.dispatch.settings.FIGURES at the top."""
    highest = max((step for step in steps if is_sustained(step)), key=lambda step: step.rate, default=None)
    most_entries = max((step.entries_per_s for step in steps if is_sustained(step)), default=0.0)
    limit = min((step for step in steps if not is_sustained(step)), key=lambda step: step.rate, default=highest)
    return {
        "sustained_orders_per_s": sustained,
        "knee_orders_per_s": broken,
        "submit_to_inbox_p50_ms": None if steady is None else steady.percentile(50),
        "submit_to_inbox_p99_ms": None if steady is None else steady.percentile(99),
        "inbox_entries_per_s": most_entries,
        "single_order_p50_ms": singles.percentile(50),
        "shard_recovery_s": shard_s,
        "redis_rebuild_entries_per_s": rebuilt.entries / rebuilt.seconds,
        "acceptances_per_s": accepted.in_batches_per_s,
        "acceptances_one_by_one_per_s": accepted.one_by_one_per_s,
        "lost": sum(stretch.lost for stretch in stretches) + accepted.asked - accepted.queued,
        "doubled": doubled,
        "refused": sum(stretch.refused for stretch in stretches),
        "bottleneck": "nothing was sustained" if limit is None else limit.usage.bottleneck(),
        "patience_ms": PATIENCE_MS,
        "settings": {name: getattr(settings, name) for name in settings.__dataclass_fields__},
        "pool": {
            "orders": len(pool.sizes),
            "smallest": pool.sizes[0],
            "median": pool.sizes[len(pool.sizes) // 2],
            "largest": pool.sizes[-1],
        },
        "recipients": _recipients(stretches),
        "steady": None if steady is None else _stretch(steady),
        "singles": _stretch(singles),
        "steps": [_stretch(step) for step in sorted(steps, key=lambda step: step.rate)],
        "rebuild": {name: getattr(rebuilt, name) for name in rebuilt.__dataclass_fields__},
        "accepted": {name: getattr(accepted, name) for name in accepted.__dataclass_fields__},
        "broken_rules": dict(broken_rules),
        "environment": environment(PACKAGES),
        "samples": {
            "steady_inbox_ms": [] if steady is None else steady.inbox_ms,
            "singles_inbox_ms": singles.inbox_ms,
        },
    }


def _stretch(stretch: Stretch) -> dict[str, Any]:
    answered = [each for each in stretch.answered_ms if each is not None]
    return {
        "rate": stretch.rate,
        "seconds": stretch.seconds,
        "orders": stretch.orders,
        "told": stretch.told,
        "entries_per_s": stretch.entries_per_s,
        "sustained": is_sustained(stretch),
        "inbox_ms": {_named(percent): stretch.percentile(percent) for percent in PERCENTILES},
        "answered_ms": {_named(percent): _at(answered, percent) for percent in PERCENTILES},
        "lost": stretch.lost,
        "refused": stretch.refused,
        "sentences": stretch.sentences,
        "cores": dict(stretch.usage.cores),
        "bottleneck": stretch.usage.bottleneck(),
    }


def _recipients(stretches: Sequence[Stretch]) -> dict[str, float]:
    sizes = sorted(size for stretch in stretches for size in stretch.sizes)
    if not sizes:
        return {}
    return {
        "mean": sum(sizes) / len(sizes),
        **{_named(percent): float(_at(sizes, percent) or 0) for percent in PERCENTILES},
        "largest": float(sizes[-1]),
    }


def _at(values: Sequence[float], percent: float) -> float | None:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(percent / 100 * len(ordered)))] if ordered else None


def _named(percent: float) -> str:
    return f"p{percent:g}"
