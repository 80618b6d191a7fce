"""Who was told of a dispatch, held against who should have been: the naive reference over all profiles."""

import dataclasses
from collections.abc import Sequence

from kit.db import Database
from marketplace import dispatch
from marketplace.profiles import read_all
from matching.orders import MAX_LIMIT
from matching.profiles import Profile
from matching.query import Query
from matching.reference import Match
from matching.reference import match as reference_match
from matching.taxonomy import builtin_taxonomy

CHECKED = 20
"""Dispatches that are worked out in full; the reference takes some 50 ms for each."""

Told = dict[int, dict[str, list[tuple[int, int, int]]]]
"""Dispatch id -> tier -> (user id, score, tie) of everybody who was told."""


def check_the_right_people_were_told(database: Database, dispatch_ids: Sequence[int]) -> None:
    """Everybody of the full tier, and of the partial tier the best that the policy allows, each with score and tie.

    For dispatches that nobody accepted, so that both tiers were offered to their end, by profiles that did not change.
    """
    chosen = sorted(dispatch_ids)[:: max(1, len(dispatch_ids) // CHECKED)]
    profiles = everybody(database)
    told = told_of(database, chosen)
    compared = {"full": 0, "partial": 0}
    for dispatch_id in chosen:
        with database.read() as session:
            view = dispatch.get_dispatch(session, dispatch_id=dispatch_id)
        assert view.acceptances == ()
        if view.query_json is None:
            assert told[dispatch_id] == {"full": [], "partial": []}, "an order that cannot be matched reaches nobody"
            continue
        query = dataclasses.replace(Query.from_json(view.query_json), limit=MAX_LIMIT)
        expected = reference_match(profiles, query, builtin_taxonomy())
        for tier, rows in should_be_told(expected, view.policy).items():
            assert sorted(told[dispatch_id][tier]) == sorted(rows), f"{tier} tier of dispatch {dispatch_id}"
            compared[tier] += len(rows)
    assert min(compared.values()) > 0, "nothing was compared"


def should_be_told(expected: Match, policy: dispatch.Policy) -> dict[str, list[tuple[int, int, int]]]:
    """The answer of the reference, ranked, within the floor and the limits of the policy."""
    partial = [row for row in expected.partial if row[1] >= policy.partial_floor]
    return {"full": expected.full[: policy.full_limit], "partial": partial[: policy.partial_limit]}


def everybody(database: Database) -> list[Profile]:
    """Every live profile of the installation."""
    with database.read() as session:
        return read_all(session, 0, 50_000)


def told_of(database: Database, dispatch_ids: Sequence[int]) -> Told:
    """Read every wave of these dispatches."""
    told: Told = {dispatch_id: {"full": [], "partial": []} for dispatch_id in dispatch_ids}
    after = 0
    with database.read() as session:
        while chunks := dispatch.iterate_wave_chunks(session, 0, after, 500):
            for chunk in chunks:
                after = chunk.entry.event_id
                if chunk.entry.dispatch_id in told:
                    rows = zip(chunk.user_ids, chunk.scores, chunk.ties, strict=True)
                    told[chunk.entry.dispatch_id][chunk.entry.tier] += rows
    return told
