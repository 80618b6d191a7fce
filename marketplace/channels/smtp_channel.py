"""A channel by electronic mail, through the mail server of the operator."""

import contextlib
import re
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final, Literal

from kit.errors import InvalidInput, Unavailable
from marketplace.channels.ports import Message, Outcome
from marketplace.channels.tables import MAX_ADDRESS

ANSWER_TIMEOUT_S: Final = 10.0
SHOWN_CHARACTERS: Final = 200
_ADDRESS: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,188}[A-Za-z0-9])")

Security = Literal["starttls", "tls", "none"]


class MailServerAway(Unavailable):
    """The mail server does not answer or takes nothing from us; messages wait."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed over. ``security`` "none" is for a server on the same machine."""

    host: str
    port: int
    sender: str
    security: Security = "starttls"
    user: str | None = None
    password: str | None = None

    def __post_init__(self) -> None:
        if not _ADDRESS.fullmatch(self.sender):
            rule = "must be a mail address such as no-reply@example.com"
            raise InvalidInput("QUANWANG_SMTP_SENDER", self.sender, rule)

    def __repr__(self) -> str:
        # Logs and error pages print objects; a password must not leave that way.
        return f"MailServer(host={self.host!r}, port={self.port}, password=...)"


class SmtpChannel:
    """Sends each message as a mail of its own; the Message-ID is the message's id, so readers show a repeat once."""

    name = "smtp"

    def __init__(
        self, server: MailServer, *, timeout_s: float = ANSWER_TIMEOUT_S, tls: ssl.SSLContext | None = None
    ) -> None:
        self._server = server
        self._timeout_s = timeout_s
        self._tls = tls or ssl.create_default_context()

    def check_address(self, address: str) -> str:
        """Return a mail address. Raises InvalidInput."""
        if len(address) > MAX_ADDRESS or not _ADDRESS.fullmatch(address) or ".." in address:
            raise InvalidInput("address", address, "must be one mail address such as name@example.com")
        return address

    def send(self, messages: Sequence[Message], now_ms: int) -> Sequence[Outcome]:
        """Hand the mails over on one connection. Raises MailServerAway when it cannot be opened."""
        with self._connection() as connection:
            return [self._send(connection, message, now_ms) for message in messages]

    @contextlib.contextmanager
    def _connection(self) -> Iterator[smtplib.SMTP]:
        server = self._server
        try:
            if server.security == "tls":
                connection: smtplib.SMTP = smtplib.SMTP_SSL(
                    server.host, server.port, timeout=self._timeout_s, context=self._tls
                )
            else:
                connection = smtplib.SMTP(server.host, server.port, timeout=self._timeout_s)
        except (OSError, smtplib.SMTPException) as error:
            raise self._away(error) from error
        try:
            try:
                if server.security == "starttls":
                    connection.starttls(context=self._tls)
                if server.user is not None:
                    connection.login(server.user, server.password or "")
            except (OSError, smtplib.SMTPException) as error:
                raise self._away(error) from error
            yield connection
        finally:
            # A server that went away is not said goodbye to.
            with contextlib.suppress(OSError, smtplib.SMTPException):
                connection.quit()
            connection.close()

    def _send(self, connection: smtplib.SMTP, message: Message, now_ms: int) -> Outcome:
        try:
            connection.send_message(self._mail(message, now_ms), self._server.sender, [message.address])
        except smtplib.SMTPRecipientsRefused as error:
            code, said = next(iter(error.recipients.values()))
            return _refused(code, said)
        except smtplib.SMTPResponseException as error:
            return _refused(error.smtp_code, error.smtp_error)
        except (OSError, smtplib.SMTPException) as error:
            return Outcome(f"the mail server broke the connection off: {_shown(str(error))}")
        return Outcome()

    def _mail(self, message: Message, now_ms: int) -> EmailMessage:
        mail = EmailMessage()
        mail["From"] = self._server.sender
        mail["To"] = message.address
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(datetime.fromtimestamp(now_ms / 1000, UTC))
        mail["Message-ID"] = f"<{message.message_id}@{self._server.sender.partition('@')[2]}>"
        # Absence notes and other robots do not answer to it.
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(message.text)
        return mail

    def _away(self, error: Exception) -> MailServerAway:
        return MailServerAway(
            f"the mail server {self._server.host}:{self._server.port} takes no mail from us ({_shown(str(error))}):"
            " check that it runs and the settings QUANWANG_SMTP_*; messages wait",
            10,
        )


def _refused(code: int, said: bytes | str) -> Outcome:
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else said
    # 4xx asks to come again, 5xx never to.
    return Outcome(f"the mail server answered {code}: {_shown(text)}", final=code >= 500)


def _shown(text: str) -> str:
    plain = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return plain[:SHOWN_CHARACTERS]
