"""The channels of an installation, as its settings name them."""

from typing import Final

from kit.config import Settings
from kit.errors import InvalidInput
from marketplace.channels import Channel
from marketplace.channels.log_file_channel import LogFileChannel
from marketplace.channels.smtp_channel import MailServer, SmtpChannel

KNOWN: Final = ("log", "smtp")
MAX_PASSWORD_BYTES: Final = 1_000


def channels_of(settings: Settings) -> dict[str, Channel]:
    """Return the channels by name; none unless some are named. Raises InvalidInput for a setting that cannot be."""
    found: dict[str, Channel] = {}
    for name in filter(None, (part.strip() for part in settings.channels.split(","))):
        if name == "log":
            found[name] = LogFileChannel(settings.log_dir / "notifications.log")
        elif name == "smtp":
            found[name] = SmtpChannel(_mail_server(settings))
        else:
            raise InvalidInput("QUANWANG_CHANNELS", name, f"is no channel; there are {', '.join(KNOWN)}")
    return found


def _mail_server(settings: Settings) -> MailServer:
    for name, value in (("SMTP_HOST", settings.smtp_host), ("SMTP_SENDER", settings.smtp_sender)):
        if value is None:
            raise InvalidInput(f"QUANWANG_{name}", None, "is missing; the channel smtp needs it", show_value=False)
    return MailServer(
        host=settings.smtp_host or "",
        port=settings.smtp_port,
        sender=settings.smtp_sender or "",
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=_password(settings),
    )


def _password(settings: Settings) -> str | None:
    path = settings.smtp_password_file
    if path is None:
        return None
    try:
        return path.read_bytes()[:MAX_PASSWORD_BYTES].decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput("QUANWANG_SMTP_PASSWORD_FILE", str(path), "must be a file that can be read") from error
