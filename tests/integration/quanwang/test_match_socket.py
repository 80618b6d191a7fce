"""The internal socket keeps kinds of errors, bounds messages, and says within 300 ms that nobody answers."""

import itertools
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

import engine.socket
from engine.socket import CallClient, CallHandler, CallServer, SocketMatchService
from engine.wire import MAX_PIECE_BYTES, MAX_REQUEST_BYTES, InPieces, MatchingPaused, MessageTooLarge
from kit.errors import InvalidInput, NotFound, QuanwangError, Unavailable

pytestmark = pytest.mark.integration


def patient(address: str) -> CallClient:
    """A client who does not take a machine that stood still for a moment for a dispatcher that is away."""
    return CallClient(address, connect_timeout_s=5, taken_timeout_s=5)


def _refuse(arguments: Mapping[str, Any]) -> object:
    raise InvalidInput("near.lat", arguments["lat"], "must be from -90 to 90.")


def _miss(_arguments: Mapping[str, Any]) -> object:
    raise NotFound("user 7 is not there")


def _pause(_arguments: Mapping[str, Any]) -> object:
    raise MatchingPaused("shard 1 is being restored")


def _break(_arguments: Mapping[str, Any]) -> object:
    raise ZeroDivisionError


def _sleep(arguments: Mapping[str, Any]) -> object:
    time.sleep(arguments["seconds"])
    return "late"


@pytest.fixture
def address(tmp_path: Path) -> str:
    return f"unix://{tmp_path / 'match.sock'}"


@pytest.fixture
def server(address: str) -> Iterator[CallServer]:
    handlers: dict[str, CallHandler] = {
        "echo": dict,
        "refuse": _refuse,
        "miss": _miss,
        "pause": _pause,
        "break": _break,
        "sleep": _sleep,
    }
    running = CallServer(address, handlers)
    running.start()
    yield running
    running.stop()


@pytest.mark.usefixtures("server")
def test_calls_and_answers_in_any_number_of_threads(address: str) -> None:
    client = patient(address)
    answers: dict[int, object] = {}

    def call(number: int) -> None:
        for turn in range(20):
            answers[number * 100 + turn] = client.call("echo", {"text": "上海", "number": number * 100 + turn})

    threads = [threading.Thread(target=call, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    client.close()
    assert len(answers) == 120
    assert all(answer == {"text": "上海", "number": number} for number, answer in answers.items())


@pytest.mark.usefixtures("server")
def test_an_error_arrives_as_what_it_was(address: str) -> None:
    client = patient(address)
    with pytest.raises(InvalidInput) as refused:
        client.call("refuse", {"lat": 91})
    assert (refused.value.field, refused.value.value) == ("near.lat", 91)
    assert str(refused.value) == "near.lat: 91 must be from -90 to 90."
    with pytest.raises(NotFound, match="user 7 is not there"):
        client.call("miss", {})
    with pytest.raises(MatchingPaused, match="shard 1 is being restored") as paused:
        client.call("pause", {})
    assert paused.value.retry_after_s > 0
    with pytest.raises(Unavailable, match="break failed inside the dispatcher"):
        client.call("break", {})
    with pytest.raises(InvalidInput, match="must be one of break, echo"):
        client.call("unknown", {})
    assert client.call("echo", {"still": "there"}) == {"still": "there"}
    client.close()


def test_nobody_there_is_said_within_300_ms(address: str) -> None:
    started = time.monotonic()
    with pytest.raises(MatchingPaused):
        SocketMatchService(address).preview({"keywords": ["焊接"]})
    assert time.monotonic() - started < 0.3


def test_an_address_that_swallows_connections_is_no_trap(tmp_path: Path) -> None:
    """A frozen dispatcher: its listener is full and never accepts."""
    path = tmp_path / "frozen.sock"
    with socket.socket(socket.AF_UNIX) as frozen:
        frozen.bind(str(path))
        frozen.listen(0)
        kept = []
        for _ in range(4):
            filler = socket.socket(socket.AF_UNIX)
            filler.setblocking(False)
            kept.append(filler)
            filler.connect_ex(str(path))
        started = time.monotonic()
        with pytest.raises(MatchingPaused):
            CallClient(f"unix://{path}").call("echo", {})
        assert time.monotonic() - started < 0.4
        for filler in kept:
            filler.close()


def test_a_frozen_process_that_still_lets_callers_connect_is_noticed_at_once(tmp_path: Path) -> None:
    """A stopped dispatcher: its kernel accepts connections and requests, and nobody ever reads them."""
    path = tmp_path / "stopped.sock"
    with socket.socket(socket.AF_UNIX) as stopped:
        stopped.bind(str(path))
        stopped.listen(8)
        client = CallClient(f"unix://{path}")
        started = time.monotonic()
        with pytest.raises(MatchingPaused, match="does not answer"):
            client.call("echo", {})
        assert time.monotonic() - started < 1.0, "far below the ten seconds that an answer may take"
        client.close()


@pytest.mark.usefixtures("server")
def test_work_that_was_taken_up_may_take_longer(address: str) -> None:
    client = CallClient(address, taken_timeout_s=0.2)
    assert client.call("sleep", {"seconds": 0.5}) == "late"
    client.close()


@pytest.mark.usefixtures("server")
def test_a_late_answer_is_not_waited_for_and_never_taken_for_another_one(address: str) -> None:
    client = CallClient(address, answer_timeout_s=0.2)
    with pytest.raises(MatchingPaused, match="too long"):
        client.call("sleep", {"seconds": 0.6})
    assert client.call("echo", {"next": 1}) == {"next": 1}
    client.close()


@pytest.mark.usefixtures("server")
def test_a_message_above_the_bound_is_refused_on_both_sides(address: str) -> None:
    client = patient(address)
    with pytest.raises(MessageTooLarge, match="above the bound"):
        client.call("echo", {"text": "x" * MAX_REQUEST_BYTES})
    with socket.socket(socket.AF_UNIX) as rude:
        rude.settimeout(2)
        rude.connect(address.removeprefix("unix://"))
        rude.sendall((MAX_REQUEST_BYTES + 1).to_bytes(4, "big"))
        assert rude.recv(1) == b""
    client.close()


def test_a_client_survives_the_dispatchers_restart(address: str) -> None:
    client = patient(address)
    for turn in range(3):
        running = CallServer(address, {"echo": dict})
        running.start()
        assert client.call("echo", {"turn": turn}) == {"turn": turn}
        running.stop()
        with pytest.raises(QuanwangError):
            client.call("echo", {"turn": "nobody"})
    client.close()


def test_the_socket_is_its_owners_alone(address: str, server: CallServer) -> None:
    assert server is not None
    assert Path(address.removeprefix("unix://")).stat().st_mode & 0o077 == 0


class Handed:
    """A call that answers in so many pieces, and whether it let its answer go."""

    def __init__(self, address: str, pieces: Iterable[bytes]) -> None:
        self.let_go = threading.Event()
        answer = InPieces(pieces, {"done": True}, self.let_go.set)
        self.server = CallServer(address, {"hand": lambda _: answer, "echo": dict})
        self.server.start()


def test_an_answer_in_pieces_arrives_whole_and_the_last_word_after_it(address: str) -> None:
    pieces = [bytes([number]) * size for number, size in enumerate((1, 7, MAX_PIECE_BYTES, 300_000))]
    handed = Handed(address, pieces)
    client = patient(address)
    taken: list[bytes] = []
    assert client.call_for_pieces("hand", {}, taken.append) == {"done": True}
    assert taken == pieces
    assert handed.let_go.wait(5)
    assert client.call_for_pieces("echo", {"no": "pieces"}, taken.append) == {"no": "pieces"}
    with pytest.raises(InvalidInput, match="must be one of echo, hand"):
        client.call_for_pieces("unknown", {}, taken.append)
    handed.server.stop()
    client.close()


@pytest.mark.parametrize(
    ("error", "told"),
    [(Unavailable("shard 1 does not answer"), "shard 1 does not answer"), (ZeroDivisionError(), "its log says why")],
)
def test_an_answer_that_fails_in_the_middle_is_an_error(address: str, error: Exception, told: str) -> None:
    def failing() -> Iterator[bytes]:
        yield b"some"
        raise error

    handed = Handed(address, failing())
    taken: list[bytes] = []
    with pytest.raises(Unavailable, match=told):
        patient(address).call_for_pieces("hand", {}, taken.append)
    assert taken == [b"some"]
    assert handed.let_go.wait(5)
    handed.server.stop()


def test_a_dispatcher_that_ends_in_the_middle_of_an_answer_is_an_error(address: str) -> None:
    handed = Handed(address, (b"piece" for _ in itertools.count()))
    with pytest.raises(MatchingPaused, match="in the middle of an answer"):
        patient(address).call_for_pieces("hand", {}, lambda _: handed.server.stop())
    assert handed.let_go.wait(5)


@pytest.mark.parametrize("goes_away", [True, False])
def test_a_reader_who_goes_away_or_does_not_read_keeps_nothing(
    address: str, monkeypatch: pytest.MonkeyPatch, goes_away: bool
) -> None:
    """Pieces are made only as they are taken, and the answer is let go."""
    monkeypatch.setattr(engine.socket, "PIECE_TIMEOUT_S", 0.3)
    made: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(10_000):
            made.append(number)
            yield bytes(100_000)

    handed = Handed(address, pieces())
    with socket.socket(socket.AF_UNIX) as reader:
        reader.settimeout(5)
        reader.connect(address.removeprefix("unix://"))
        request = b'{"call":"hand"}'
        reader.sendall(len(request).to_bytes(4, "big") + request)
        assert reader.recv(4)
        if goes_away:
            reader.close()
        assert handed.let_go.wait(5)
    assert len(made) < 100
    handed.server.stop()
