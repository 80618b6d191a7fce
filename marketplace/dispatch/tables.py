"""Tables of dispatch."""

from typing import Final

from sqlalchemy import Index, Table, UniqueConstraint

from kit.db import big_int, blob, flag, id_key, id_ref, json_text, metadata, small_int, text_of, time_ms

MAX_REASON: Final = 500
MAX_ACTOR: Final = 120

policy: Final = Table(
    "policy",
    metadata,
    id_key(),
    text_of("name", 64),
    small_int("version"),
    json_text("document"),
    time_ms("created_at_ms"),
    UniqueConstraint("name", "version"),
)
"""Immutable versions of policies."""

dispatch: Final = Table(
    "dispatch",
    metadata,
    id_key(),
    id_ref("order_id"),
    text_of("owner", 100),
    id_ref("publisher_user_id", nullable=True),
    id_ref("policy_id"),
    # Grows with every change of the row.
    big_int("version"),
    text_of("stage", 20),
    text_of("step", 8),
    time_ms("step_at_ms"),
    small_int("order_version"),
    big_int("waves"),
    big_int("notified_full"),
    big_int("notified_partial"),
    time_ms("last_wave_at_ms", nullable=True),
    # Waiting acceptances when the machine last looked; the acceptance table is the truth.
    big_int("queued"),
    time_ms("idle_since_ms", nullable=True),
    flag("reminded"),
    id_ref("assigned_user_id", nullable=True),
    big_int("assigned_token", nullable=True),
    time_ms("hold_until_ms", nullable=True),
    big_int("tokens_given"),
    big_int("confirmed_reach", nullable=True),
    # Of this order version: who waits for the tier's catch-up wave, and who was suppressed for good.
    big_int("set_aside_full"),
    big_int("set_aside_partial"),
    big_int("suppressed"),
    # Users of the full tier whom the last answer found and left for later waves; null before the first answer.
    big_int("full_left", nullable=True),
    time_ms("expires_at_ms"),
    time_ms("due_at_ms", nullable=True),
    time_ms("created_at_ms"),
    time_ms("first_wave_at_ms", nullable=True),
    time_ms("partial_at_ms", nullable=True),
    time_ms("closed_at_ms", nullable=True),
    time_ms("changed_at_ms"),
    text_of("reason", MAX_REASON, nullable=True),
    Index(None, "order_id"),
    Index(None, "owner", "id"),
    Index(None, "stage", "id"),
    Index(None, "assigned_user_id", "id"),
    Index(None, "publisher_user_id", "stage", "id"),
)
"""One run of an order: the machine's state as it stands."""

frozen_query: Final = Table(
    "frozen_query",
    metadata,
    id_ref("dispatch_id", primary_key=True),
    small_int("order_version", primary_key=True),
    json_text("query"),
    json_text("certificate"),
    big_int("full_count"),
    big_int("partial_count", nullable=True),
    json_text("dimension_counts"),
    time_ms("frozen_at_ms"),
)
"""The query of an order version, frozen with its first answer and asked again by every later wave."""

wave: Final = Table(
    "wave",
    metadata,
    # From a counter that is locked until the commit: readers see waves in this order, without holes filled later.
    id_key(),
    id_ref("dispatch_id"),
    big_int("number"),
    small_int("chunk"),
    text_of("tier", 8),
    small_int("order_version"),
    big_int("size"),
    # Ascending user ids (int64), scores and ties (int32) parallel to them; little-endian.
    blob("user_ids"),
    blob("scores"),
    blob("ties"),
    id_ref("smallest_user_id"),
    id_ref("largest_user_id"),
    json_text("certificate"),
    big_int("full_count"),
    big_int("partial_count", nullable=True),
    json_text("dimension_counts"),
    # How long the answer behind the wave took (ports.MatchTiming); null when it was not measured.
    json_text("timing", nullable=True),
    time_ms("sent_at_ms"),
    time_ms("expires_at_ms"),
    time_ms("delivered_at_ms", nullable=True),
    UniqueConstraint("dispatch_id", "number", "chunk"),
    Index(None, "sent_at_ms"),
)
"""Who was told, in chunks of at most 65,536 users of one tier."""

suppression: Final = Table(
    "suppression",
    metadata,
    id_key(),
    id_ref("dispatch_id"),
    small_int("order_version"),
    # The wave that they would have been told by.
    big_int("wave"),
    text_of("tier", 8),
    text_of("reason", 16),
    # waiting: until the tier's catch-up wave; settled: that wave dealt with them; final: never told of this version.
    text_of("state", 8),
    big_int("size"),
    # Ascending user ids (int64), little-endian.
    blob("user_ids"),
    id_ref("smallest_user_id"),
    id_ref("largest_user_id"),
    # How many were full, and not dealt with before, when they were passed over.
    big_int("full_count"),
    time_ms("noted_at_ms"),
    Index(None, "dispatch_id", "order_version"),
)
"""Who fits and was not told, and why, in chunks of at most 65,536 users of one wave, tier and reason."""

acceptance: Final = Table(
    "acceptance",
    metadata,
    id_key(),
    id_ref("dispatch_id"),
    id_ref("user_id"),
    text_of("tier", 8),
    id_ref("wave_id"),
    text_of("state", 10),
    # The place in the queue, from ``arrival_counter``: clocks of several web processes differ, and ids come in blocks.
    big_int("arrival"),
    time_ms("accepted_at_ms"),
    time_ms("changed_at_ms"),
    UniqueConstraint("dispatch_id", "user_id"),
    Index(None, "dispatch_id", "state", "arrival"),
    Index(None, "user_id", "id"),
)
"""The yes of a user."""

arrival_counter: Final = Table(
    "arrival_counter",
    metadata,
    id_ref("dispatch_id", primary_key=True),
    big_int("arrivals"),
)
"""The last arrival that a dispatch gave; locked until the commit by whoever accepts, so arrivals commit in order."""

assignment: Final = Table(
    "assignment",
    metadata,
    id_key(),
    id_ref("dispatch_id"),
    # The dispatch's id while the assignment is active, null afterwards: unique, so at most one is active.
    id_ref("active_dispatch_id", nullable=True, unique=True),
    id_ref("user_id"),
    big_int("token"),
    text_of("state", 10),
    text_of("reason", MAX_REASON, nullable=True),
    time_ms("selected_at_ms"),
    time_ms("hold_until_ms", nullable=True),
    time_ms("confirmed_at_ms", nullable=True),
    time_ms("ended_at_ms", nullable=True),
    UniqueConstraint("dispatch_id", "token"),
    Index(None, "user_id", "id"),
)
"""The acceptance that the publisher selected."""

decline: Final = Table(
    "decline",
    metadata,
    id_ref("dispatch_id", primary_key=True),
    id_ref("user_id", primary_key=True),
    text_of("reason", MAX_REASON, nullable=True),
    time_ms("declined_at_ms"),
    Index(None, "user_id", "declined_at_ms"),
    Index(None, "declined_at_ms"),
)
"""The no of a user."""

dispatch_event: Final = Table(
    "dispatch_event",
    metadata,
    id_key(),
    id_ref("dispatch_id"),
    time_ms("at_ms"),
    text_of("kind", 32),
    text_of("actor", MAX_ACTOR),
    id_ref("user_id", nullable=True),
    text_of("detail", MAX_REASON, nullable=True),
    Index(None, "dispatch_id", "id"),
)
"""What happened to a dispatch beside its waves and answers: stage changes, reminders, assignments and their ends."""

offered_counter: Final = Table(
    "offered_counter",
    metadata,
    id_ref("user_id", primary_key=True),
    big_int("offered"),
)
"""How often each user was told, counted by the way from the waves; see ``fairness_progress``."""

eligible_counter: Final = Table(
    "eligible_counter",
    metadata,
    id_ref("user_id", primary_key=True),
    big_int("eligible"),
)
"""How many of the sampled orders each user satisfied in full."""

fairness_progress: Final = Table(
    "fairness_progress",
    metadata,
    id_key(),
    # The last wave chunk that was counted into ``offered_counter``.
    id_ref("wave_id"),
    big_int("sampled_orders"),
    time_ms("counted_at_ms"),
)
"""One row (1): how far the waves were counted, and how many orders were sampled."""
