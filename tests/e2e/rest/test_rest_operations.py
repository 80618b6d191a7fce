"""Operations over REST, for admins alone: dead letters, queues, shards, kill switches; and replay for owners."""

import pytest

from kit.work import NewWork, claim, enqueue, fail
from tests.e2e.rest.installation import Backend, Installation, fresh, sentence_of

LETTERS = "/v1/operations/dead-letters"


def bury(installation: Installation, kind: str, subject: int) -> None:
    """Let one piece of work fail for good; no loop works on the kind."""
    services = installation.services
    with services.database.transaction() as session:
        enqueue(session, services.ids, [NewWork(kind, subject, 1)], 1)
    with services.database.transaction() as session:
        claims = claim(session, [kind], 1, 2, 1_000)
    with services.database.transaction() as session:
        fail(session, claims, "the receiver hangs", 3, max_attempts=1)


def test_a_dead_letter_is_listed_retried_and_dismissed_with_a_reason(installation: Installation) -> None:
    admin, kind = installation.admin, fresh("kind")
    for subject in (1, 2):
        bury(installation, kind, subject)
    first = admin.get(LETTERS, params={"kind": kind, "limit": 1}).json()
    assert first["counts"][kind] == 2
    assert first["items"][0]["last_error"] == "the receiver hangs"
    second = admin.get(LETTERS, params={"kind": kind, "cursor": first["next_cursor"]}).json()
    assert [letter["subject_id"] for letter in (*first["items"], *second["items"])] == [1, 2]
    retry = f"{LETTERS}/{first['items'][0]['id']}/retry"
    assert admin.post(retry, {}).status_code == 422
    assert sentence_of(admin.post(retry, {"reason": "  "})).startswith("reason: '  ' must be 1 to 500")
    decided = admin.post(retry, {"reason": "it answers again"}, key=f"{kind}-again")
    assert (decided.status_code, decided.json()["action"]) == (200, "retry")
    assert admin.post(retry, {"reason": "it answers again"}, key=f"{kind}-again").json() == decided.json()
    assert admin.post(retry, {"reason": "once more"}).status_code == 404
    dismissed = admin.post(f"{LETTERS}/{second['items'][0]['id']}/dismissal", {"reason": "void"}).json()
    assert dismissed["actor"].startswith("root (key ")
    kept = admin.get(f"{LETTERS}/decisions", params={"limit": 2}).json()["items"]
    assert [(each["action"], each["reason"]) for each in kept] == [("dismiss", "void"), ("retry", "it answers again")]
    assert kind not in admin.get(LETTERS).json()["counts"]


def test_queues_and_shards_tell_how_they_are(installation: Installation) -> None:
    installation.offered(fresh("user"))
    queues = installation.admin.get("/v1/operations/queues").json()
    dispatches = [each for each in queues["items"] if (each["kind"], each["state"]) == ("dispatch", "pending")]
    assert dispatches[0]["count"] >= 1
    assert dispatches[0]["earliest_ready_at_ms"] >= dispatches[0]["earliest_due_at_ms"]
    health = installation.admin.get("/v1/operations/shards").json()
    assert (health["ready"], health["why"], len(health["shards"])) == (True, None, 2)
    assert sum(shard["population"] for shard in health["shards"]) == health["population"]


def test_a_switch_is_paused_and_resumed_and_the_log_says_by_whom(installation: Installation) -> None:
    admin = installation.admin
    path = "/v1/operations/switches/payouts"
    before = len(admin.get("/v1/operations/switches").json()["log"])
    paused = admin.ask("PUT", path, json={"paused": True, "reason": "the bank is down"}).json()
    state = {each["switch"]: each for each in paused["switches"]}
    assert (state["payouts"]["paused"], state["dispatch"]["paused"]) == (True, False)
    assert state["payouts"]["reason"] == "the bank is down"
    again = admin.ask("PUT", path, json={"paused": True, "reason": "the same once more"}).json()
    assert again["log"] == paused["log"], "what stands already is no change"
    resumed = admin.ask("PUT", path, json={"paused": False, "reason": "the bank is back"}).json()
    assert [(each["paused"], each["reason"]) for each in resumed["log"][:2]] == [
        (False, "the bank is back"),
        (True, "the bank is down"),
    ]
    assert len(resumed["log"]) == before + 2
    unknown = admin.ask("PUT", "/v1/operations/switches/everything", json={"paused": True, "reason": "x"})
    assert (unknown.status_code, "use one of dispatch" in sentence_of(unknown)) == (404, True)
    assert admin.ask("PUT", path, json={"paused": "yes", "reason": "x"}).status_code == 422


@pytest.mark.parametrize("path", ["dead-letters", "dead-letters/decisions", "queues", "shards", "switches"])
def test_operations_are_for_admins_alone(alpha: Backend, path: str) -> None:
    answer = alpha.get(f"/v1/operations/{path}")
    assert answer.status_code == 403
    assert "scope admin" in sentence_of(answer)


def test_an_owner_replays_his_own_dispatch_and_nobody_elses(
    installation: Installation, alpha: Backend, beta: Backend
) -> None:
    dispatch_id = installation.offered(fresh("user"))
    path = f"/v1/dispatches/{dispatch_id}/replay"
    found = alpha.get(path).json()
    assert (found["identical"], len(found["waves"]), found["with_policy"]) == (True, 1, None)
    assert found["differences"] == []
    planned = alpha.get(path, params={"with_policy": "quick:1"}).json()["with_policy"]
    assert (planned["recorded"]["notices"], planned["planned"]["notices"]) == (1, 1)
    assert beta.get(path).status_code == 404
    assert alpha.get(path, params={"with_policy": "no-such"}).status_code == 422
    funnel = alpha.get(f"/v1/dispatches/{dispatch_id}/funnel").json()
    assert {shard["shard"] for shard in funnel["match_times"]["shards"]} <= {0, 1}
    assert funnel["match_times"]["match_us"] > 0
