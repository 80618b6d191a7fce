"""Secrets that must be read again (unlike passwords) lie sealed in the database, under a key that is not in it."""

import base64
import binascii
import contextlib
import os
import secrets
import threading
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kit.errors import InvalidInput, Unavailable
from kit.folders import not_writable

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
VERSION: Final = b"\x01"


class SealBroken(Unavailable):
    """What was sealed cannot be opened: it lay under another key, or somebody changed it."""


class SecretBox:
    """Seals short texts by AES-256-GCM under the key in a file; safe for threads.

    The file holds 32 bytes in base64. It is read at the first use, and made then if it is not there: processes that
    share a folder share the key. Machines that share a database need the same file.
    """

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._lock = threading.Lock()
        self._cipher: AESGCM | None = None

    def seal(self, text: str, context: str) -> str:
        """Return ``text`` sealed, as base64; it opens again under the same ``context`` only (whose secret it is)."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        sealed = self._opened().encrypt(nonce, text.encode(), context.encode())
        return base64.b64encode(VERSION + nonce + sealed).decode("ascii")

    def open(self, sealed: str, context: str) -> str:
        """Return the text that was sealed under ``context``. Raises SealBroken."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            if raw[:1] != VERSION:
                raise ValueError("another version")
            nonce, rest = raw[1 : 1 + NONCE_BYTES], raw[1 + NONCE_BYTES :]
            return self._opened().decrypt(nonce, rest, context.encode()).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken(
                f"a secret of {context} cannot be opened with the key in {self._key_file}: put the file back that the"
                " installation had, or give the secret anew",
                60,
            ) from error

    def _opened(self) -> AESGCM:
        with self._lock:
            if self._cipher is None:
                self._cipher = AESGCM(_read_or_make(self._key_file))
            return self._cipher


def _read_or_make(path: Path) -> bytes:
    try:
        if not path.is_file():
            _make(path)
        return _key_in(path)
    except OSError as error:
        raise not_writable(path.parent, error) from error


def _make(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    staging = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    file = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(file, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        os.fsync(file)
    finally:
        os.close(file)
    # A link is made whole or not at all; whoever comes second takes the key of the first.
    with contextlib.suppress(FileExistsError):
        os.link(staging, path)
    staging.unlink()


def _key_in(path: Path) -> bytes:
    try:
        key = base64.b64decode(path.read_bytes().strip(), validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise InvalidInput(
            "QUANWANG_ENCRYPTION_KEY_FILE",
            str(path),
            f"must hold {KEY_BYTES} bytes in base64, as `openssl rand -base64 {KEY_BYTES}` makes them",
        )
    return key
