"""Deliveries against receivers of every bad manner: bounded, retried, signed, and never sent inward."""

import base64
import hashlib
import hmac
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from kit.clock import elapsed_s
from kit.encryption import SecretBox
from kit.work import claim, list_dead
from marketplace import webhooks
from marketplace.webhooks import AddressRules, EventKind
from marketplace.webhooks.send_deliveries import MAX_ATTEMPTS
from marketplace.webhooks.tables import webhook
from marketplace.webhooks.webhook_client import WebhookClient, look_up
from tests.harness.receiver import Arrived, Receiver, drips, floods, hangs, receiving, status
from tests.integration.dispatch.market import Market
from tests.integration.webhooks.sending import RULES, Hooks

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def signed_by(arrived: Arrived, secret: str) -> bool:
    """Whether one of the signatures is the secret's, as the specification says."""
    content = f"{arrived.headers['webhook-id']}.{arrived.headers['webhook-timestamp']}.{arrived.body}"
    key = base64.b64decode(secret.removeprefix("whsec_"))
    expected = "v1," + base64.b64encode(hmac.new(key, content.encode(), hashlib.sha256).digest()).decode()
    return expected in arrived.headers["webhook-signature"].split(" ")


def test_a_delivery_is_signed_and_noted(hooks: Hooks, receiver: Receiver) -> None:
    issued = hooks.register(receiver.url)
    sent = hooks.test_event(issued.webhook.webhook_id)
    assert sent.state == "pending"
    hooks.work()
    (arrived,) = receiver.arrived
    assert arrived.path == "/hooks"
    assert arrived.headers["content-type"] == "application/json"
    assert arrived.headers["webhook-id"] == f"evt_{sent.event_id}"
    assert signed_by(arrived, issued.secret)
    (noted,) = hooks.deliveries(issued.webhook.webhook_id)
    assert (noted.state, noted.attempts, noted.status, noted.error) == ("delivered", 1, 200, None)


def test_a_failure_is_tried_again_with_the_same_event(hooks: Hooks, receiver: Receiver) -> None:
    issued = hooks.register(receiver.url)
    hooks.test_event(issued.webhook.webhook_id)
    receiver.answer = status(500, body="out of order")
    hooks.work()
    (noted,) = hooks.deliveries(issued.webhook.webhook_id)
    assert (noted.state, noted.status, noted.error) == ("pending", 500, "the receiver answered 500: out of order")
    assert noted.next_try_at_ms is not None
    assert noted.next_try_at_ms > hooks.market.now_ms
    receiver.answer = status(204)
    hooks.later(60_000)
    first, second = receiver.arrived
    assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)
    assert second.headers["webhook-timestamp"] > first.headers["webhook-timestamp"]
    (noted,) = hooks.deliveries(issued.webhook.webhook_id)
    assert (noted.state, noted.attempts, noted.status) == ("delivered", 2, 204)


def test_a_dead_letter_is_seen_and_sent_again(hooks: Hooks, receiver: Receiver) -> None:
    issued = hooks.register(receiver.url)
    webhook_id = issued.webhook.webhook_id
    hooks.test_event(webhook_id)
    receiver.answer = status(400)
    for _ in range(MAX_ATTEMPTS):
        hooks.later(61_000)
    (dead,) = hooks.deliveries(webhook_id, "dead")
    assert (dead.attempts, dead.status) == (MAX_ATTEMPTS, 400)
    with hooks.database.read() as session:
        assert [each.kind for each in list_dead(session)] == ["webhook"]
    hooks.later(DAY_MS)
    assert len(receiver.arrived) == MAX_ATTEMPTS
    receiver.answer = status(200)
    assert hooks.do(lambda session, **given: webhooks.send_dead_again(session, hooks.ids, **given), webhook_id) == 1
    hooks.work()
    assert [each.state for each in hooks.deliveries(webhook_id)] == ["delivered"]
    # A delivered one, too, may be had once more.
    hooks.do(
        lambda session, **given: webhooks.send_again(session, hooks.ids, **given),
        webhook_id,
        delivery_id=dead.delivery_id,
    )
    hooks.work()
    assert {each.headers["webhook-id"] for each in receiver.arrived} == {f"evt_{dead.event_id}"}
    assert len(receiver.arrived) == MAX_ATTEMPTS + 2


def test_410_turns_the_webhook_off_and_nothing_is_lost(hooks: Hooks, receiver: Receiver) -> None:
    issued = hooks.register(receiver.url)
    webhook_id = issued.webhook.webhook_id
    hooks.test_event(webhook_id)
    receiver.answer = status(410)
    hooks.work()
    hooks.test_event(webhook_id)
    hooks.later(60_000)
    assert len(receiver.arrived) == 1, "what comes later is not even tried"
    with hooks.database.read() as session:
        view = webhooks.get_webhook(session, owner="shop", webhook_id=webhook_id)
    assert not view.active
    assert view.off_reason is not None
    assert view.off_reason.startswith("the receiver answered 410 Gone")
    later, first = hooks.deliveries(webhook_id, "dead")
    assert (first.status, later.status, later.attempts) == (410, None, 0)
    assert later.error == "the webhook is off: turn it on, then send this again"
    receiver.answer = status(200)
    hooks.do(lambda session, **given: webhooks.change_webhook(session, RULES, **given), webhook_id, active=True)
    hooks.do(lambda session, **given: webhooks.send_dead_again(session, hooks.ids, **given), webhook_id)
    # The first one alone tries whether it is well again; the other one is given back for a second.
    hooks.later(2_000)
    hooks.later(2_000)
    assert [each.state for each in hooks.deliveries(webhook_id)] == ["delivered"] * 2


def test_a_webhook_that_takes_nothing_for_days_is_turned_off(hooks: Hooks, receiver: Receiver) -> None:
    webhook_id = hooks.register(receiver.url).webhook.webhook_id
    receiver.answer = status(503)
    for _ in range(6):
        hooks.test_event(webhook_id)
        hooks.later(DAY_MS)
    with hooks.database.read() as session:
        view = webhooks.get_webhook(session, owner="shop", webhook_id=webhook_id)
    assert not view.active
    assert view.off_reason == "it took no delivery for 5 days; the last failure: the receiver answered 503"


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(hooks: Hooks, receiver: Receiver, code: int) -> None:
    with receiving() as elsewhere:
        receiver.answer = status(code, headers=f"location: {elsewhere.url}\r\n")
        webhook_id = hooks.register(receiver.url).webhook.webhook_id
        hooks.test_event(webhook_id)
        hooks.work()
        assert elsewhere.connections == 0
    (noted,) = hooks.deliveries(webhook_id)
    assert noted.error == f"the receiver answered {code}: redirects are not followed, register the last address"


@pytest.mark.parametrize("manner", [hangs, drips], ids=["hangs", "drips"])
def test_a_receiver_that_never_ends_its_answer_is_left(receiver: Receiver, manner: object) -> None:
    """The deadline counts from the beginning, not from the last byte."""
    receiver.answer = manner  # type: ignore[assignment]  # one of the two functions above
    client = WebhookClient(RULES, whole_s=0.4)
    started_s = elapsed_s()
    answer = client.post(receiver.url, "{}", {})
    assert elapsed_s() - started_s < 3
    assert (answer.status, answer.error) == (None, "the receiver gave no complete answer within 0.4 seconds")


def test_an_endless_body_is_read_up_to_a_bound(receiver: Receiver) -> None:
    receiver.answer = floods
    answer = WebhookClient(RULES, whole_s=5).post(receiver.url, "{}", {})
    assert (answer.status, answer.error) == (200, None)


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x00\xff" * 100, b"HTTP/1.1 2000 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: " + b"a" * 300_000],
    ids=["nothing", "noise", "no status", "a head without end"],
)
def test_what_is_no_http_is_a_failure(receiver: Receiver, answer: bytes) -> None:
    receiver.answer = lambda stream, _stopping: stream.sendall(answer)
    found = WebhookClient(RULES, whole_s=2).post(receiver.url, "{}", {})
    assert found.status is None
    assert found.error is not None
    assert found.error.startswith("the receiver ")


def test_nobody_listens(receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    found = WebhookClient(RULES).post(f"http://127.0.0.1:{port}/", "{}", {})
    assert found.error is not None
    assert found.error.startswith("no connection to the receiver: ")


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "127.1"], ids=lambda host: host)
def test_a_name_that_leads_inward_is_refused(receiver: Receiver, host: str) -> None:
    """Whatever the resolver makes of a name is what is judged."""
    found = WebhookClient(AddressRules()).post(f"https://{host}:{receiver.port}/", "{}", {})
    assert found.status is None
    assert found.error is not None
    assert "which is not public: webhooks are sent to public addresses by https only" in found.error
    assert receiver.connections == 0


def test_one_private_address_among_public_ones_is_enough_to_refuse(receiver: Receiver) -> None:
    client = WebhookClient(AddressRules(), look_up=lambda host, port: ["93.184.216.34", "127.0.0.1"])
    found = client.post(f"https://mixed.example:{receiver.port}/", "{}", {})
    assert found.error is not None
    assert "127.0.0.1, which is not public" in found.error


def test_a_name_is_looked_up_once_and_the_checked_address_is_used(receiver: Receiver) -> None:
    """DNS rebinding: a second look would be told another address, so there is none."""
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.2"] if len(asked) == 1 else ["127.0.0.1"]

    client = WebhookClient(AddressRules.parse("127.0.0.2/32"), whole_s=1, look_up=rebinding)
    found = client.post(f"http://rebinding.example:{receiver.port}/", "{}", {})
    assert asked == ["rebinding.example"]
    # Nobody listens at 127.0.0.2; a receiver at 127.0.0.1 does.
    assert found.error is not None
    assert found.error.startswith("no connection")
    assert receiver.connections == 0


def test_a_name_that_cannot_be_looked_up_is_a_failure() -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror("no such name")

    found = WebhookClient(AddressRules(), look_up=unknown).post("https://nowhere.example/", "{}", {})
    assert found.error == "no connection to the receiver: the name nowhere.example cannot be looked up"
    assert look_up("127.0.0.1", 1) == ["127.0.0.1"]


def certified(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server that is called ``name`` and of a client that trusts its certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    called = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(called)
        .issuer_name(called)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    paths = folder / "certificate.pem", folder / "key.pem"
    paths[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    paths[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*paths)
    return server, ssl.create_default_context(cafile=str(paths[0]))


def test_the_certificate_is_checked_for_the_name_though_the_address_is_used(tmp_path: Path) -> None:
    server, client = certified(tmp_path, "hooks.example")

    def here(host: str, port: int) -> list[str]:
        return ["127.0.0.1"]

    with receiving(server) as receiver:
        url = f"https://hooks.example:{receiver.port}/hooks"
        trusting = WebhookClient(RULES, look_up=here, tls=client)
        assert trusting.post(url, "{}", {}).status == 200
        assert receiver.arrived[0].headers["host"] == f"hooks.example:{receiver.port}"
        wrong_name = trusting.post(f"https://other.example:{receiver.port}/hooks", "{}", {})
        unknown = WebhookClient(RULES, look_up=here).post(url, "{}", {})
        for found in (wrong_name, unknown):
            assert found.status is None
            assert found.error is not None
            assert "certificate verify failed" in found.error
        assert len(receiver.arrived) == 1


def test_a_slow_webhook_holds_nobody_else(hooks: Hooks) -> None:
    """Twenty deliveries to one that hangs and twenty to one that is well, the slow ones first in the queue."""
    with receiving() as slow, receiving() as well:
        slow.answer = hangs
        slow_id = hooks.register(slow.url).webhook.webhook_id
        well_id = hooks.register(well.url).webhook.webhook_id
        for _ in range(20):
            hooks.test_event(slow_id)
        for _ in range(20):
            hooks.test_event(well_id)
        started_s = elapsed_s()
        while len(well.arrived) < 20:
            hooks.loop.step()
            assert elapsed_s() - started_s < 0.9, "the well one waits for the time-outs of the slow one"
            time.sleep(0.005)
        hooks.work()
        assert slow.most_at_once <= 4
        assert [each.state for each in hooks.deliveries(well_id)] == ["delivered"] * 20
        assert {each.state for each in hooks.deliveries(slow_id)} == {"pending"}
        tried = [each for each in hooks.deliveries(slow_id) if each.attempts]
        assert len(tried) <= 5, "after the first failures the rest is given back, not tried"


def test_a_rotated_secret_signs_beside_the_old_one_for_a_while(hooks: Hooks, receiver: Receiver) -> None:
    issued = hooks.register(receiver.url)
    webhook_id = issued.webhook.webhook_id
    rotated = hooks.do(
        lambda session, **given: webhooks.rotate_secret(session, hooks.box, **given), webhook_id, overlap_hours=2
    )
    assert rotated.secret != issued.secret
    assert rotated.webhook.previous_secret_until_ms == hooks.market.now_ms + 2 * HOUR_MS
    hooks.test_event(webhook_id)
    hooks.work()
    hooks.market.now_ms += 2 * HOUR_MS
    hooks.test_event(webhook_id)
    hooks.work()
    during, after = receiver.arrived
    assert [signed_by(during, each) for each in (issued.secret, rotated.secret)] == [True, True]
    assert [signed_by(after, each) for each in (issued.secret, rotated.secret)] == [False, True]
    at_once = hooks.do(
        lambda session, **given: webhooks.rotate_secret(session, hooks.box, **given), webhook_id, overlap_hours=0
    )
    hooks.test_event(webhook_id)
    hooks.work()
    assert [signed_by(receiver.arrived[-1], each) for each in (rotated.secret, at_once.secret)] == [False, True]


def test_secrets_are_not_readable_in_the_database(hooks: Hooks, receiver: Receiver) -> None:
    issued = hooks.register(receiver.url)
    with hooks.database.read() as session:
        rows = session.execute(webhook.select()).all()
    assert issued.secret not in repr(rows)
    assert issued.secret.removeprefix("whsec_") not in repr(rows)
    assert issued.secret not in repr(issued)


def test_a_crash_after_sending_sends_again_under_the_same_id(
    hooks: Hooks, market: Market, box: SecretBox, receiver: Receiver
) -> None:
    """A worker dies between the receiver's answer and its own note: at least once, never not at all."""
    webhook_id = hooks.register(receiver.url).webhook.webhook_id
    hooks.test_event(webhook_id)
    market.database.run(lambda session: claim(session, ["webhook"], 64, market.now_ms, 1_000))
    hooks.work()
    assert receiver.arrived == [], "the other worker has it"
    hooks.later(1_001)
    assert len(receiver.arrived) == 1
    assert [each.state for each in hooks.deliveries(webhook_id)] == ["delivered"]


def test_a_late_worker_notes_nothing(hooks: Hooks, market: Market, receiver: Receiver) -> None:
    """It sends, freezes, and wakes up after another one has taken the delivery over: the fence holds its note off."""
    webhook_id = hooks.register(receiver.url).webhook.webhook_id
    hooks.test_event(webhook_id)
    frozen, go_on = threading.Event(), threading.Event()

    def freezes(stream: socket.socket, _stopping: threading.Event) -> None:
        receiver.answer = status(200)
        frozen.set()
        go_on.wait(5)
        stream.sendall(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n")

    receiver.answer = freezes
    hooks.client._whole_s = 5.0
    hooks.loop.step()
    assert frozen.wait(5)
    other = Hooks(market, hooks.box)
    market.now_ms += 200_000
    other.work()
    assert [each.state for each in hooks.deliveries(webhook_id)] == ["delivered"]
    go_on.set()
    while not hooks.sender.idle:
        time.sleep(0.005)
    other.close()
    (noted,) = hooks.deliveries(webhook_id)
    assert (noted.state, noted.status, noted.attempts) == ("delivered", 200, 1)


def test_a_deleted_webhook_is_sent_nothing_and_swept(hooks: Hooks, receiver: Receiver) -> None:
    webhook_id = hooks.register(receiver.url).webhook.webhook_id
    receiver.answer = status(500)
    for _ in range(3):
        hooks.test_event(webhook_id)
    hooks.work()
    hooks.do(webhooks.delete_webhook, webhook_id)
    with pytest.raises(webhooks.WebhookNotFound):
        hooks.do(webhooks.delete_webhook, webhook_id)
    arrived = len(receiver.arrived)
    for _ in range(3):
        webhooks.sweep_webhooks(hooks.database, hooks.ids, now_ms=hooks.market.now_ms)
    hooks.later(8 * DAY_MS)
    webhooks.sweep_webhooks(hooks.database, hooks.ids, now_ms=hooks.market.now_ms)
    assert len(receiver.arrived) == arrived
    with hooks.database.read() as session:
        for table in ("webhook", "webhook_event", "webhook_delivery", "work"):
            assert session.exec_driver_sql(f"SELECT COUNT(*) FROM {table}").scalar_one() == 0, table


def test_what_was_delivered_is_swept_after_a_week(hooks: Hooks, receiver: Receiver) -> None:
    webhook_id = hooks.register(receiver.url).webhook.webhook_id
    hooks.test_event(webhook_id)
    hooks.work()
    webhooks.sweep_webhooks(hooks.database, hooks.ids, now_ms=hooks.market.now_ms + 6 * DAY_MS)
    assert len(hooks.deliveries(webhook_id)) == 1
    webhooks.sweep_webhooks(hooks.database, hooks.ids, now_ms=hooks.market.now_ms + 8 * DAY_MS)
    assert hooks.deliveries(webhook_id) == []


def test_an_owner_has_at_most_twenty(hooks: Hooks) -> None:
    for number in range(20):
        hooks.register(f"https://example.com/{number}", EventKind.CLOSED)
    with pytest.raises(webhooks.TooManyWebhooks, match="you have 20 webhooks"):
        hooks.register("https://example.com/one-more")
    hooks.register("https://example.com/", owner="somebody else")
