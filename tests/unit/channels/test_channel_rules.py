"""Addresses, settings and words of channels."""

import json
from pathlib import Path

import pytest

from kit.config import Settings
from kit.errors import InvalidInput
from marketplace.channels import Language, NotificationKind, log_file_channel
from marketplace.channels.log_file_channel import LogFileChannel
from marketplace.channels.ports import Message
from marketplace.channels.preferences import checked_kinds, checked_language
from marketplace.channels.smtp_channel import MailServer, SmtpChannel
from marketplace.channels.texts import MAX_TITLE, written
from quanwang.processes.channels import channels_of


@pytest.mark.parametrize(
    "address",
    [
        "",
        "nobody",
        "a@",
        "@b.example",
        "a b@example.com",
        "a@b@example.com",
        "a@example.com, b@example.com",
        "a@example.com\r\nBcc: c@example.com",
        "名@example.com",
        "a@exa..mple.com",
        "a@-example.com",
        "a" * 65 + "@example.com",
        "a@" + "b" * 260 + ".com",
    ],
)
def test_what_is_no_single_mail_address_is_refused(address: str) -> None:
    channel = SmtpChannel(MailServer("127.0.0.1", 25, "no-reply@example.com"))
    with pytest.raises(InvalidInput, match="must be one mail address"):
        channel.check_address(address)


def test_a_mail_address_stays_as_it_is() -> None:
    channel = SmtpChannel(MailServer("127.0.0.1", 25, "no-reply@example.com"))
    assert channel.check_address("First.Last+tag@mail.example.com") == "First.Last+tag@mail.example.com"


@pytest.mark.parametrize("address", ["", " desk", "a\nb", "x" * 255])
def test_what_is_no_short_text_is_refused_by_the_log(address: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="printable characters"):
        LogFileChannel(tmp_path / "n.log").check_address(address)


def test_kinds_and_language_are_checked() -> None:
    with pytest.raises(InvalidInput, match="kinds: 'spam' is no kind of notification; there are offer, assigned"):
        checked_kinds(["offer", "spam"])
    with pytest.raises(InvalidInput, match="must name at least one"):
        checked_kinds([])
    with pytest.raises(InvalidInput, match="language: 'fr' must be one of zh-CN, en"):
        checked_language("fr")


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("kind", list(NotificationKind))
def test_every_kind_has_words_in_every_language(kind: NotificationKind, language: Language) -> None:
    subject, text = written(kind, language, title="a\nb\t" + "c" * 200, dispatch_id=7)
    assert "\n" not in subject
    assert "a b ccc" in subject
    assert len(subject) < MAX_TITLE + 60
    assert "7" in text


def test_the_log_file_is_moved_aside_when_it_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_file_channel, "MAX_FILE_BYTES", 100)
    channel, path = LogFileChannel(tmp_path / "logs" / "n.log"), tmp_path / "logs" / "n.log"
    for number in range(3):
        message = Message(f"ntf_{number}", NotificationKind.OFFER, 1, 7, "desk", "s", "t")
        assert [outcome.error for outcome in channel.send([message], number)] == [None]
    assert [json.loads(line)["message_id"] for line in path.read_text().splitlines()] == ["ntf_2"]
    assert path.with_name("n.log.1").exists()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"channels": "pigeon"}, "QUANWANG_CHANNELS: 'pigeon' is no channel; there are log, smtp"),
        ({"channels": "smtp"}, "QUANWANG_SMTP_HOST is missing; the channel smtp needs it"),
        ({"channels": "smtp", "smtp_host": "mail"}, "QUANWANG_SMTP_SENDER is missing; the channel smtp needs it"),
        (
            {"channels": "smtp", "smtp_host": "mail", "smtp_sender": "me"},
            "QUANWANG_SMTP_SENDER: 'me' must be a mail address such as no-reply@example.com",
        ),
        (
            {
                "channels": "log,smtp",
                "smtp_host": "mail",
                "smtp_sender": "me@example.com",
                "smtp_password_file": "/nowhere/word",
            },
            "QUANWANG_SMTP_PASSWORD_FILE: '/nowhere/word' must be a file that can be read",
        ),
    ],
)
def test_a_wrong_setting_is_named(settings: dict[str, str], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput) as refused:
        channels_of(Settings(data_dir=tmp_path, **settings))  # type: ignore[arg-type]  # pydantic checks them
    assert refused.value.sentence == sentence


def test_no_channel_is_there_unless_it_is_named(tmp_path: Path) -> None:
    assert channels_of(Settings(data_dir=tmp_path)) == {}
    assert list(channels_of(Settings(data_dir=tmp_path, channels=" log "))) == ["log"]
