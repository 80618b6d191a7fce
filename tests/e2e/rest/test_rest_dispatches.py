"""The main job over HTTP: profiles in, an order in, users told, accepted, selected."""

from tests.e2e.rest.installation import ORDER, Backend, Installation, fresh, sentence_of


def test_an_order_reaches_its_user_who_accepts_and_is_selected(installation: Installation, alpha: Backend) -> None:
    name = fresh("user")
    dispatch_id = installation.offered(name, description="钢结构厂房")
    inbox = alpha.get(f"/v1/users/{name}/inbox").json()
    assert [entry["dispatch_id"] for entry in inbox["items"]] == [dispatch_id]
    assert (inbox["items"][0]["state"], inbox["items"][0]["answer"]) == ("open", None)
    assert inbox["unread"] == 1
    marked = alpha.post(f"/v1/users/{name}/inbox/reads", {"dispatch_ids": [dispatch_id]})
    assert marked.json() == {"marked": 1}

    accepted = alpha.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_id": name}).json()
    assert accepted["answers"][0]["status"] == "accepted"
    assert accepted["answers"][0]["position"] == 1
    again = alpha.post(f"/v1/dispatches/{dispatch_id}/acceptances", {"external_id": name}).json()
    assert again["answers"][0]["status"] == "already_accepted"
    mine = alpha.get(f"/v1/users/{name}/inbox").json()["items"][0]
    assert (mine["answer"], mine["position"], mine["hold_until_ms"]) == ("accepted", 1, None)

    selected = alpha.post(f"/v1/dispatches/{dispatch_id}/selection", {"external_id": name})
    assert selected.status_code == 200, selected.text
    assert selected.json()["external_id"] == name
    whole = alpha.get(f"/v1/dispatches/{dispatch_id}").json()
    assert whole["state"] == "assigned"
    assert whole["assignment"]["external_id"] == name
    assert whole["acceptances"][0]["external_id"] == name
    assert (whole["accepted_count"], whole["waiting_count"]) == (1, 0)
    mine = alpha.get(f"/v1/users/{name}/inbox").json()["items"][0]
    assert (mine["answer"], mine["hold_until_ms"]) == ("selected", whole["assignment"]["hold_until_ms"])
    assert mine["hold_until_ms"] > whole["assignment"]["selected_at_ms"]
    assert whole["key_information"]["regions"] == ["310115"]
    assert whole["query"] is not None

    funnel = alpha.get(f"/v1/dispatches/{dispatch_id}/funnel").json()
    stages = ("notified_full", "opened", "accepted", "assigned")
    assert [funnel[stage] for stage in stages] == [1, 1, 1, 1]
    lines = alpha.get(f"/v1/dispatches/{dispatch_id}/timeline").json()["lines"]
    assert {"submitted", "wave"} <= {line["kind"] for line in lines}
    offers = alpha.get(f"/v1/dispatches/{dispatch_id}/offers?tier=full").json()["items"]
    assert [(offer["external_id"], offer["state"]) for offer in offers] == [(name, "selected")]
    assert alpha.get(f"/v1/dispatches/{dispatch_id}/offers?tier=partial").json()["items"] == []
    waves = alpha.get(f"/v1/dispatches/{dispatch_id}/waves").json()["items"]
    assert waves[0]["certificate"]["population"] >= 1
    assert sentence_of(alpha.post(f"/v1/dispatches/{dispatch_id}/cancellation", {})).startswith("The order of dispatch")


def test_a_selection_is_confirmed_or_fails_by_its_token(installation: Installation, alpha: Backend) -> None:
    skill, first, second = fresh("skill"), fresh("user"), fresh("user")
    for name in (first, second):
        alpha.put_profile(name, keywords=[skill])
    installation.feed()
    dispatch_id = alpha.submit(keywords=[skill])
    installation.wait_told(dispatch_id)
    path = f"/v1/dispatches/{dispatch_id}"
    both = alpha.post(f"{path}/acceptances", {"external_ids": [first, second]}).json()
    assert (both["accepted"], both["errors"]) == (2, 0)
    token = alpha.post(f"{path}/selection", {"external_id": first}).json()["token"]
    confirmed = alpha.post(f"{path}/confirmation", {"token": token}).json()
    assert (confirmed["state"], confirmed["external_id"]) == ("confirmed", first)
    mine = alpha.get(f"/v1/users/{first}/inbox").json()["items"][0]
    assert (mine["answer"], mine["hold_until_ms"]) == ("selected", None)
    declined = alpha.post(f"{path}/declines", {"external_id": second})
    assert declined.status_code == 409, "he waits in the queue"
    assert alpha.ask("DELETE", f"{path}/acceptances/{second}").json()["state"] == "withdrawn"
    assert alpha.get(f"/v1/users/{second}/inbox").json()["items"][0]["answer"] == "withdrawn"
    assert alpha.get(path).json()["accepted_count"] == 1
    failed = alpha.post(f"{path}/failure", {"token": token, "reason": "fell ill"}).json()
    assert (failed["state"], failed["reason"]) == ("failed", "fell ill")
    stale = alpha.post(f"{path}/confirmation", {"token": token})
    assert stale.status_code == 409
    assert sentence_of(stale) == f"Hold {token} of dispatch {dispatch_id} is over; the queue has moved on."
    assert alpha.get(f"/v1/users/{first}/inbox").json()["items"][0]["answer"] == "failed"
    alpha.post(f"{path}/acceptances", {"external_id": second})
    again = alpha.post(f"{path}/selection", {"external_id": second}).json()
    assert again["token"] != token


def test_many_orders_get_an_answer_each(alpha: Backend) -> None:
    good, bad = fresh("order"), fresh("order")
    answer = alpha.post(
        "/v1/dispatches",
        {"orders": [{**ORDER, "id": good}, {**ORDER, "id": bad, "regions": ["999999"]}, {**ORDER, "id": good}]},
    )
    assert answer.status_code == 201
    assert (answer.json()["created"], answer.json()["duplicates"], answer.json()["errors"]) == (1, 1, 1)
    first, second, third = answer.json()["answers"]
    assert first["status"] == "created"
    assert second["sentence"] == "regions[0]: '999999' is not a code of the region tree"
    assert third["dispatch_id"] == first["dispatch_id"]


def test_a_list_is_read_page_by_page(alpha: Backend) -> None:
    title = fresh("page")
    made = {alpha.submit(title=title) for _ in range(5)}
    seen: list[int] = []
    cursor: str | None = None
    while True:
        query = {"search": title, "limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = alpha.get("/v1/dispatches", params=query).json()
        assert len(page["items"]) <= 2
        seen += [item["dispatch_id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert set(seen) == made
    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)
