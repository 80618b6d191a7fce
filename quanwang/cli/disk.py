"""A write that fails because of the disk is nobody's bug: it is told in one sentence, wherever it happened."""

import os
from pathlib import Path

from kit.folders import FULL_CODES, REFUSED_CODES, not_writable


def sentence_of_disk(error: BaseException, folder: Path | None) -> str | None:
    """Return what to tell a person, or None when it is no failed write in the data folder ``folder``.

    A full disk counts wherever it was met, for an error of a flush names no file; missing rights below ``folder`` only.
    """
    if not isinstance(error, OSError):
        return None
    place = _place(error)
    if folder is not None and (place is None or place.is_relative_to(folder)):
        if error.errno in FULL_CODES or (error.errno in REFUSED_CODES and place is not None):
            return not_writable(folder if place is None else place.parent, error).sentence
    elif error.errno in FULL_CODES:
        return f"{place or 'the output'} cannot be written ({error.strerror}): free some space there and try again"
    return None


def _place(error: OSError) -> Path | None:
    name = error.filename
    return Path(os.fsdecode(name)).absolute() if isinstance(name, str | bytes) else None
