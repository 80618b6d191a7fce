import json
import logging

from kit.logging import HIDDEN, MAX_VALUE_LENGTH, JsonLines, shown


def line_of(record: logging.LogRecord) -> dict[str, object]:
    text = JsonLines("worker").format(record)
    assert "\n" not in text
    answer: dict[str, object] = json.loads(text)
    return answer


def record(event: str, **values: object) -> logging.LogRecord:
    made = logging.LogRecord("kit.test", logging.INFO, __file__, 1, event, None, None)
    made.values = values
    return made


def test_a_record_is_one_json_line() -> None:
    line = line_of(record("wave committed\nevil", dispatch_id=7, title="词"))
    assert line["event"] == "wave committed\nevil"
    assert (line["process"], line["level"], line["dispatch_id"], line["title"]) == ("worker", "INFO", 7, "词")


def test_secrets_are_hidden_at_any_depth() -> None:
    values: dict[str, object] = {
        "api_key": "qw_1_x",
        "request": {"Authorization": "Bearer y", "path": "/v1"},
        "PASSWORD": 1,
    }
    assert shown(values) == {"api_key": HIDDEN, "request": {"Authorization": HIDDEN, "path": "/v1"}, "PASSWORD": HIDDEN}


def test_long_values_are_cut() -> None:
    assert len(str(shown({"text": "x" * 1_000_000})["text"])) == MAX_VALUE_LENGTH + 3


def test_what_json_does_not_know_is_written_as_text() -> None:
    assert line_of(record("e", thing=frozenset({1})))["thing"] == "frozenset({1})"


def test_an_exception_adds_its_trace() -> None:
    try:
        raise ZeroDivisionError("here")
    except ZeroDivisionError as error:
        made = record("failed")
        made.exc_info = (type(error), error, error.__traceback__)
    assert "ZeroDivisionError: here" in str(line_of(made)["trace"])
