"""Who chose a channel is notified there of offers, of being selected, of acceptances that wait; nobody else is."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from kit.db import DatabaseUnavailable
from kit.work import Wake, WorkLoop, list_dead, work_table
from marketplace import channels, dispatch
from marketplace.channels import Channel, ChannelNotFound, Message, NotificationKind, Outcome
from marketplace.channels.log_file_channel import LogFileChannel
from marketplace.channels.smtp_channel import MailServerAway
from tests.integration.channels.mail_server import PASSWORD, MailBox, mail_server
from tests.integration.dispatch.market import WELDER, Market

PUBLISHER = "p-1"


class Notifying:
    """Works on notifications as the worker does, on the clock of a market."""

    def __init__(self, market: Market, *found: Channel) -> None:
        self.market = market
        self.channels = {channel.name: channel for channel in found}
        handlers: dict[str, Any] = {
            dispatch.WAVE_NOTICE_WORK: partial(self._write, dispatch.notify_waves),
            dispatch.USER_NOTICE_WORK: partial(self._write, dispatch.notify_users),
        }
        for channel in found:
            handlers[channels.work_kind_of(channel.name)] = partial(self._send, channel)
        self.loop = WorkLoop(market.database, handlers, Wake(), lambda: market.now_ms)

    def _write(self, work: Any, claims: Any) -> None:
        market = self.market
        work(market.database, market.ids, claims, channels=frozenset(self.channels), now_ms=market.now_ms)

    def _send(self, channel: Channel, claims: Any) -> None:
        channels.send_notifications(self.market.database, channel, claims, now_ms=self.market.now_ms)

    def work(self) -> None:
        while self.loop.step():
            pass

    def choose(self, user_id: int, channel: str, address: str, **given: Any) -> None:
        self.market.database.run(
            lambda session: channels.choose_channel(
                session,
                self.channels,
                user_id=user_id,
                channel=channel,
                address=address,
                now_ms=self.market.now_ms,
                **given,
            )
        )


def works(market: Market) -> int:
    with market.database.read() as session:
        count: int = session.execute(
            select(func.count()).select_from(work_table).where(work_table.c.kind.like("notify%"))
        ).scalar_one()
        return count


def published(market: Market, **changes: Any) -> tuple[int, int]:
    """A dispatch and the number of the user who published it."""
    dispatch_id = market.open({**WELDER, "publisher": PUBLISHER, "title": "招电焊工", **changes})
    publisher = market.get(dispatch_id).publisher_user_id
    assert publisher is not None
    return dispatch_id, publisher


def test_nobody_chose_so_nothing_is_written(market: Market, mail_box: MailBox) -> None:
    notifying = Notifying(market, mail_box.channel())
    dispatch_id, _ = published(market)
    market.settle()
    market.accept(dispatch_id, 1)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=1)
    assert works(market) == 0
    notifying.work()
    assert mail_box.mails == []


def test_each_kind_reaches_who_chose_it(market: Market, mail_box: MailBox) -> None:
    notifying = Notifying(market, mail_box.channel())
    notifying.choose(1, "smtp", "one@example.com")
    notifying.choose(2, "smtp", "two@example.com", kinds=["assigned"], language="en")
    _, publisher = published(market)
    notifying.choose(publisher, "smtp", "boss@example.com", kinds=["publisher_reminded"])
    dispatch_id, _ = published(market)
    market.settle()
    notifying.work()
    # Both dispatches offered; the second user wants no offers.
    assert [mail["To"] for mail in mail_box.mails] == ["one@example.com"] * 2
    assert {mail["Subject"] for mail in mail_box.mails} == {"新订单：招电焊工"}
    assert len({mail["Message-ID"] for mail in mail_box.mails}) == 2
    mail_box.mails.clear()
    market.accept(dispatch_id, 2)
    market.accept(dispatch_id, 1)
    market.do(dispatch.select_acceptor, dispatch_id, user_id=2)
    notifying.work()
    (mail,) = mail_box.mails
    assert (mail["To"], mail["Subject"]) == ("two@example.com", "You were selected: 招电焊工")
    assert f"Dispatch: {dispatch_id}" in mail.get_content()
    assert mail["Auto-Submitted"] == "auto-generated"
    mail_box.mails.clear()
    for _ in range(4):
        market.now_ms += 20_000
        market.settle()
    notifying.work()
    assert [mail["To"] for mail in mail_box.mails] == ["boss@example.com"]
    assert mail_box.mails[0]["Subject"] == "有人接单，请选择：招电焊工"
    assert works(market) == 0


def test_who_left_gets_nothing_not_even_what_is_under_way(market: Market, mail_box: MailBox) -> None:
    notifying = Notifying(market, mail_box.channel())
    notifying.choose(1, "smtp", "one@example.com")
    published(market)
    market.settle()
    market.database.run(lambda session: channels.leave_channel(session, user_id=1, channel="smtp"))
    notifying.work()
    assert mail_box.mails == []
    assert works(market) == 0


class DiesOnce:
    """A channel whose worker is gone right after the first messages were handed over, before that is noted."""

    name = "smtp"

    def __init__(self, inner: Channel) -> None:
        self.inner, self.died = inner, False

    def check_address(self, address: str) -> str:
        return self.inner.check_address(address)

    def send(self, messages: Sequence[Message], now_ms: int) -> Sequence[Outcome]:
        outcomes = self.inner.send(messages, now_ms)
        if not self.died:
            self.died = True
            raise DatabaseUnavailable("the worker is gone")
        return outcomes


def test_a_repeat_has_the_same_message_id(market: Market, mail_box: MailBox) -> None:
    """At least once: the receiver's program shows the two as one."""
    notifying = Notifying(market, DiesOnce(mail_box.channel()))
    notifying.choose(1, "smtp", "one@example.com")
    published(market)
    market.settle()
    notifying.work()
    market.now_ms += 1_000
    notifying.work()
    first, second = mail_box.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Message-ID"].startswith("<ntf_")
    assert works(market) == 0


def _message(number: int, address: str = "one@example.com") -> Message:
    return Message(f"ntf_{number}", NotificationKind.OFFER, 1, 7, address, "新订单", "文本\n")


def test_a_refused_address_is_a_dead_letter_and_the_rest_goes_on(market: Market, mail_box: MailBox) -> None:
    notifying = Notifying(market, mail_box.channel())
    for user_id, name in ((1, "one"), (2, "gone"), (3, "full"), (4, "four")):
        notifying.choose(user_id, "smtp", f"{name}@example.com")
    mail_box.refuse_address["gone@example.com"] = "550 no such user"
    mail_box.refuse_mail["full@example.com"] = "452 mailbox full"
    published(market)
    market.settle()
    notifying.work()
    assert sorted(mail["To"] for mail in mail_box.mails) == ["four@example.com", "one@example.com"]
    with market.database.read() as session:
        dead = list_dead(session)
    assert [(each.kind, each.last_error) for each in dead] == [
        ("notify_smtp", "the mail server answered 550: no such user")
    ]
    mail_box.refuse_mail.clear()
    market.now_ms += 2_000
    notifying.work()
    assert sorted(mail["To"] for mail in mail_box.mails)[1] == "full@example.com"


def test_a_mail_server_that_is_away_pauses_its_channel_only(market: Market, mail_box: MailBox, tmp_path: Path) -> None:
    away = mail_box.channel(port=1)
    notifying = Notifying(market, away, LogFileChannel(tmp_path / "notifications.log"))
    notifying.choose(1, "smtp", "one@example.com")
    notifying.choose(1, "log", "desk 4")
    published(market)
    market.settle()
    notifying.work()
    line = json.loads((tmp_path / "notifications.log").read_text())
    assert line["address"] == "desk 4"
    assert line["subject"] == "新订单：招电焊工"
    assert works(market) == 1, "the mail waits"
    with pytest.raises(MailServerAway, match=r"the mail server 127\.0\.0\.1:1 takes no mail from us"):
        away.send([_message(1)], 0)


def test_a_server_that_breaks_off_in_the_middle_gets_the_rest_later(mail_box: MailBox) -> None:
    mail_box.close_after = 1
    first, second, third = mail_box.channel().send([_message(1), _message(2), _message(3)], 0)
    assert first.error is None
    for outcome in (second, third):
        assert outcome.error is not None
        assert not outcome.final


# The mail server of the test says that a password without encryption is unwise, which it is.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
# It uses an attribute of its own that it deprecates.
@pytest.mark.filterwarnings("ignore:Session.login_data is deprecated:DeprecationWarning")
def test_a_server_that_wants_a_password_gets_it() -> None:
    with mail_server(needs_login=True) as box:
        assert [outcome.error for outcome in box.channel(user="shop", password=PASSWORD).send([_message(1)], 0)] == [
            None
        ]
        with pytest.raises(MailServerAway, match="535"):
            box.channel(user="shop", password="wrong").send([_message(2)], 0)
        assert PASSWORD not in repr(box.channel(user="shop", password=PASSWORD)._server)


def test_a_server_without_the_encryption_that_is_asked_for_gets_nothing(mail_box: MailBox) -> None:
    with pytest.raises(MailServerAway, match="STARTTLS"):
        mail_box.channel(security="starttls").send([_message(1)], 0)
    assert mail_box.mails == []


def test_a_title_cannot_write_headers(market: Market, mail_box: MailBox) -> None:
    notifying = Notifying(market, mail_box.channel())
    notifying.choose(1, "smtp", "one@example.com")
    market.open({**WELDER, "title": "{dispatch_id} {0} Bcc: all@example.com 长" + "长" * 150})
    market.settle()
    notifying.work()
    (mail,) = mail_box.mails
    assert mail["Bcc"] is None
    assert mail["Subject"].startswith("新订单：{dispatch_id} {0} Bcc: all@example.com")
    assert mail["Subject"].endswith("...")


def test_a_channel_that_is_not_there_is_named(market: Market, mail_box: MailBox) -> None:
    notifying = Notifying(market, mail_box.channel())
    with pytest.raises(ChannelNotFound, match="there is no channel 'pigeon' here; there are: smtp"):
        notifying.choose(1, "pigeon", "left roof")


def test_a_message_for_a_channel_that_was_taken_away_is_not_written(
    market: Market, mail_box: MailBox, tmp_path: Path
) -> None:
    Notifying(market, mail_box.channel(), LogFileChannel(tmp_path / "n.log")).choose(1, "log", "desk 4")
    published(market)
    market.settle()
    Notifying(market, mail_box.channel()).work()
    assert works(market) == 0
