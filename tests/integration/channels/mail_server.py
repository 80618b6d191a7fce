"""A mail server on 127.0.0.1 that keeps what it gets, and refuses what a test wants refused."""

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

from marketplace.channels.smtp_channel import MailServer, SmtpChannel

PASSWORD = "a word"


@dataclass
class MailBox:
    """What arrived. ``refuse`` says what an address, or the data of a mail to it, is answered by."""

    mails: list[EmailMessage] = field(default_factory=list)
    refuse_address: dict[str, str] = field(default_factory=dict)
    refuse_mail: dict[str, str] = field(default_factory=dict)
    close_after: int | None = None
    port: int = 0

    async def handle_RCPT(  # noqa: N802  # the library's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if address in self.refuse_address:
            return self.refuse_address[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  # the library's name
        if self.close_after is not None and len(self.mails) >= self.close_after:
            server.transport.abort()
            return "421 going away"
        (address,) = envelope.rcpt_tos
        if address in self.refuse_mail:
            return self.refuse_mail[address]
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        assert mail["To"] == address
        self.mails.append(mail)
        return "250 OK"

    def channel(self, **changes: Any) -> SmtpChannel:
        given = {"host": "127.0.0.1", "port": self.port, "sender": "no-reply@example.com", "security": "none"}
        return SmtpChannel(MailServer(**{**given, **changes}), timeout_s=2)


def _authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> AuthResult:
    # Not handled: the library answers 535 by itself.
    return AuthResult(success=given.login == b"shop" and given.password == PASSWORD.encode(), handled=False)


@contextlib.contextmanager
def mail_server(*, needs_login: bool = False) -> Iterator[MailBox]:
    """A mail server for the length of a block."""
    box = MailBox()
    with socket.create_server(("127.0.0.1", 0)) as free:
        box.port = free.getsockname()[1]
    options: dict[str, Any] = {}
    if needs_login:
        options = {"authenticator": _authenticate, "auth_required": True, "auth_require_tls": False}
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **options)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()
