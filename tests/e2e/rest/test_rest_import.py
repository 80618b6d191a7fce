"""Profiles in bulk: streamed both ways, an answer per line, a bad line stops no other."""

import json
import socket
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.e2e.rest.installation import WELDER, Backend, Installation, fresh, sentence_of, wait_until

JSONL = {"content-type": "application/jsonl"}


def line_of(name: str, **changes: Any) -> bytes:
    return json.dumps({"id": name, **WELDER, **changes}, ensure_ascii=False).encode()


def send(backend: Backend, *lines: bytes) -> list[dict[str, Any]]:
    answer = backend.ask("POST", "/v1/profiles:import", content=b"\n".join(lines), headers=JSONL, key=None)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/jsonl"
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_malformed_line_seven_is_named_and_the_others_are_stored(alpha: Backend) -> None:
    names = [fresh("user") for _ in range(9)]
    lines = [line_of(name) for name in names]
    lines[6] = b'{"id": "broken", '
    answers = send(alpha, *lines)
    assert [answer["line"] for answer in answers] == list(range(1, 10))
    assert [answer["status"] for answer in answers] == ["ok"] * 6 + ["error"] + ["ok"] * 2
    assert answers[6]["sentence"].startswith('line 7: \'{"id": "broken",\' is no JSON object')
    assert alpha.get(f"/v1/profiles/{names[8]}").status_code == 200


def test_every_kind_of_bad_line_gets_a_sentence(alpha: Backend) -> None:
    bad = {
        line_of("1", rating=101): "line 1: rating: 101 must be between 0 and 100",
        line_of("1", regions=["999999"]): "line 2: regions[0]: '999999' is not a code of the region tree",
        line_of("1", keywords=["k"] * 300): "line 3: keywords: 300 entries are more than the 64 allowed",
        json.dumps(WELDER).encode(): "line 4: id is missing: give every profile your own id of the user",
        b"[1]": "line 5: profile: [1] must be a JSON object",
        b'{"id": "1", "rating": NaN}': "line 6: '{",
        b'{"id": "\xff"}': "line 7: '{",
        b'{"id": "1", "text": "' + b"x" * 300_000 + b'"}': "line 8: 262145 bytes are more than the 262144 allowed",
        b"[" * 100_000: "line 9: '[[",
        line_of("1", colour="red"): "line 10: colour is no field of the profile",
        line_of("0"): "line 11: id: '0' must be from 1 up when it is a number",
    }
    answers = send(alpha, *bad)
    assert [answer["status"] for answer in answers] == ["error"] * len(bad)
    for answer, sentence in zip(answers, bad.values(), strict=True):
        assert answer["sentence"].startswith(sentence), answer["sentence"]
        assert len(answer["sentence"]) < 400


def test_blank_lines_a_bom_and_crlf_are_taken(alpha: Backend) -> None:
    first, second = fresh("user"), fresh("user")
    answers = send(alpha, b"\xef\xbb\xbf" + line_of(first) + b"\r", b"", line_of(second) + b"\r", b"")
    assert [(answer["line"], answer["external_id"]) for answer in answers] == [(1, first), (3, second)]


def test_the_same_lines_again_change_nothing(alpha: Backend) -> None:
    line = line_of(fresh("user"))
    assert send(alpha, line)[0]["changed"] is True
    again = send(alpha, line)[0]
    assert (again["changed"], again["version"]) == (False, 1)


def test_an_empty_import_and_another_media_type_are_refused(alpha: Backend) -> None:
    empty = alpha.ask("POST", "/v1/profiles:import", content=b"", headers=JSONL, key=None)
    assert empty.status_code == 400
    assert sentence_of(empty) == "The body is empty; send one profile a line as JSON."
    other = alpha.ask("POST", "/v1/profiles:import", content=b"a,b", headers={"content-type": "text/csv"}, key=None)
    assert other.status_code == 415


def test_answers_come_while_the_client_still_sends(installation: Installation, alpha: Backend) -> None:
    """A thousand lines are committed and answered before the request ends."""
    where = urlsplit(installation.url)
    name = fresh("live")
    lines = b"".join(line_of(f"{name}-{i}") + b"\n" for i in range(1_000))
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=20) as connection:
        head = "POST /v1/profiles:import HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
        head += f"authorization: Bearer {alpha.secret}\r\ncontent-type: application/jsonl\r\n\r\n"
        connection.sendall(head.encode() + b"%x\r\n%b\r\n" % (len(lines), lines))
        received = b""
        while b'"line":1000,' not in received:
            piece = connection.recv(65_536)
            assert piece, received[-500:]
            received += piece
        assert received.startswith(b"HTTP/1.1 200")
        last = line_of(f"{name}-last") + b"\n"
        connection.sendall(b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last))
        while b'"line":1001,' not in received:
            received += connection.recv(65_536)


def test_a_client_that_sends_everything_before_it_reads_does_not_hang(alpha: Backend) -> None:
    """15,000 answers are more than the sockets hold: they wait in the spool."""
    name = fresh("bulk")

    def pieces() -> Iterator[bytes]:
        for start in range(0, 15_000, 500):
            yield b"".join(b'{"id":"%b-%d","regions":["310115"]}\n' % (name.encode(), start + i) for i in range(500))

    answer = alpha.http.post("/v1/profiles:import", content=pieces(), headers=JSONL, timeout=60)
    statuses = [json.loads(line)["status"] for line in answer.text.splitlines()]
    assert statuses == ["ok"] * 15_000


def test_a_client_that_goes_away_leaves_whole_chunks(installation: Installation, alpha: Backend) -> None:
    name = fresh("gone")
    where = urlsplit(installation.url)
    lines = b"".join(line_of(f"{name}-{i}") + b"\n" for i in range(1_000))
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=20) as connection:
        head = "POST /v1/profiles:import HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n"
        head += f"authorization: Bearer {alpha.secret}\r\ncontent-type: application/jsonl\r\n\r\n"
        connection.sendall(head.encode() + b"%x\r\n%b\r\n" % (len(lines), lines))
        assert connection.recv(1)
    assert alpha.get(f"/v1/profiles/{name}-999").status_code == 200
    # Its place is free again: as many imports as may be at once still find one.
    answers = [
        alpha.ask("POST", "/v1/profiles:import", content=line_of(fresh("user")), headers=JSONL, key=None)
        for _ in range(installation.services.limits.imports_at_once + 1)
    ]
    assert {answer.status_code for answer in answers} == {200}


def test_a_fifth_import_at_once_waits_its_turn(installation: Installation, alpha: Backend) -> None:
    release = threading.Event()

    def slow() -> Iterator[bytes]:
        yield line_of(fresh("user")) + b"\n"
        release.wait(20)

    def send_slowly() -> None:
        headers = JSONL | {"authorization": f"Bearer {alpha.secret}"}
        with httpx.Client(base_url=installation.url, timeout=30) as client:
            client.post("/v1/profiles:import", content=slow(), headers=headers)

    threads = [threading.Thread(target=send_slowly) for _ in range(installation.services.limits.imports_at_once)]
    for thread in threads:
        thread.start()
    try:
        slots = installation.app.state.import_slots
        wait_until(lambda: slots.under_way == installation.services.limits.imports_at_once, "they did not begin")
        answer = alpha.ask("POST", "/v1/profiles:import", content=line_of("1"), headers=JSONL, key=None)
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert sentence_of(answer) == "4 imports are under way; send this one when one of them is done."
    finally:
        release.set()
        for thread in threads:
            thread.join()


def test_a_text_adds_known_keywords(installation: Installation, alpha: Backend) -> None:
    word = "氩弧焊接工艺"
    alpha.put_profile(fresh("user"), keywords=[word])
    installation.feed()
    name = fresh("user")
    answer = alpha.ask("PUT", f"/v1/profiles/{name}", json={"text": f"十年{word}经验"})
    assert answer.status_code == 201, answer.text
    assert word in answer.json()["extracted"]
    assert word in alpha.get(f"/v1/profiles/{name}").json()["keywords"]
