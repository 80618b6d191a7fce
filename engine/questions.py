"""The kinds of questions that the coordinator puts to shards: who is asked, and how an answer is got."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from engine.ports import Handle, ShardAnswer, ShardFullSet, ShardPort, ShardReach
from matching.compilation import CompiledBatch

Answer = TypeVar("Answer", ShardAnswer, ShardFullSet, ShardReach)


@dataclass(frozen=True, slots=True)
class Question(Generic[Answer]):
    """One kind of question about a batch at a barrier.

    by_routing: only shards are asked of which a cell can hold a full match; the others are closed.
    """

    by_routing: bool
    submit: Callable[[ShardPort, CompiledBatch, int], Handle]
    collect: Callable[[ShardPort, Handle], Answer]


BOTH_TIERS = Question(
    by_routing=False,
    submit=lambda shard, batch, barrier: shard.submit_match(batch, barrier, full_only=False),
    collect=lambda shard, handle: shard.collect_match(handle),
)
FULL_TIER = Question(
    by_routing=True,
    submit=lambda shard, batch, barrier: shard.submit_match(batch, barrier, full_only=True),
    collect=lambda shard, handle: shard.collect_match(handle),
)
FULL_SET = Question(
    by_routing=True,
    submit=lambda shard, batch, barrier: shard.submit_full_set(batch, barrier),
    collect=lambda shard, handle: shard.collect_full_set(handle),
)


def reach_of(wider: CompiledBatch) -> Question[ShardReach]:
    """What a batch reaches; ``wider``: the same queries widened."""
    return Question(
        by_routing=False,
        submit=lambda shard, batch, barrier: shard.submit_reach(batch, wider, barrier),
        collect=lambda shard, handle: shard.collect_reach(handle),
    )
