"""Processor time by part of the installation: who is the bottleneck."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass

import psutil  # type: ignore[import-untyped]  # publishes no types

from benchmarks.timing import now_s

CLIENTS = "load generator"
SHARDS = "shards"
RAY = "ray"
_BUSY = 0.85
"""A single-threaded part that uses so much of a core has no more to give."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Processor seconds that each part has used so far."""

    at_s: float
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Usage:
    """Cores used by each part, on average over a stretch."""

    cores: Mapping[str, float]
    available: int

    def bottleneck(self) -> str:
        """What a faster stretch would need first, in words."""
        if not self.cores:
            return "nothing was measured"
        part, most = max(self.cores.items(), key=lambda each: each[1])
        total = sum(self.cores.values())
        if total >= _BUSY * self.available:
            shares = ", ".join(
                f"{name} {used:.2f}" for name, used in sorted(self.cores.items(), key=lambda e: -e[1])[:4]
            )
            return f"all {self.available} cores are busy ({total:.2f} used: {shares}); most goes to the {part}"
        if most >= _BUSY:
            return f"the {part}: one process that uses {most:.2f} cores"
        return (
            f"waiting, not computing: {total:.2f} of {self.available} cores were used, most by the {part} ({most:.2f})"
        )


def usage_now(process_ids: Mapping[str, int]) -> Moment:
    """Read the processor time of every part with its children; shard actors are counted apart from Ray."""
    seconds: dict[str, float] = {}
    for part, process_id in process_ids.items():
        with contextlib.suppress(psutil.NoSuchProcess):
            leader = psutil.Process(process_id)
            for process in [leader, *leader.children(recursive=True)]:
                with contextlib.suppress(psutil.NoSuchProcess):
                    name = _part_of(part, process)
                    times = process.cpu_times()
                    seconds[name] = seconds.get(name, 0.0) + times.user + times.system
    own = psutil.Process().cpu_times()
    seconds[CLIENTS] = own.children_user + own.children_system
    return Moment(now_s(), seconds)


def usage_between(before: Moment, after: Moment) -> Usage:
    """Cores used between two moments."""
    passed = max(1e-9, after.at_s - before.at_s)
    cores = {
        part: max(0.0, seconds - before.seconds.get(part, 0.0)) / passed for part, seconds in after.seconds.items()
    }
    return Usage(cores, len(psutil.Process().cpu_affinity()))


def _part_of(part: str, process: psutil.Process) -> str:
    if part != RAY:
        return part
    title = " ".join(process.cmdline()) or process.name()
    return SHARDS if "Shard" in title else RAY
