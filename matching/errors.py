"""The expected errors of matching; every text is one sentence that names the field, the value and the rule."""

from kit.errors import InvalidInput, QuanwangError


class UnknownCode(InvalidInput):
    """A code that is in no tree; ``field`` says where it was given."""


class NoDimension(InvalidInput):
    """An order that names no keyword, industry, region or crowd, and in whose text none was recognised."""


class BadTable(InvalidInput):
    """A row of a region, industry or synonym file that breaks a rule; ``field`` is ``FILE:LINE``."""


class UnreadableFile(QuanwangError):
    """A file that cannot be opened, decoded or decompressed; the sentence names it and the reason."""
