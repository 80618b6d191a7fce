"""What users offer: put, imported, deleted by their source; read as a numbered log by whoever matches."""

from marketplace.profiles.check_profile import ImportLineTooLong
from marketplace.profiles.documents import StoredProfile
from marketplace.profiles.find_profiles import ProfileNotFound, delete_profile, get_profile, list_profiles
from marketplace.profiles.import_profiles import (
    ImportChunkTooLarge,
    LineAnswer,
    import_profiles,
    load_profiles,
)
from marketplace.profiles.put_profile import put_profile
from marketplace.profiles.read_log import (
    Changes,
    DatabaseProfileLog,
    count_profiles,
    last_seq,
    read_all,
    read_changes,
    read_profiles,
)
from marketplace.profiles.read_texts import read_texts
from marketplace.profiles.store_profiles import PROFILE_TEXT_WORK, ProfileReceipt

__all__ = [
    "PROFILE_TEXT_WORK",
    "Changes",
    "DatabaseProfileLog",
    "ImportChunkTooLarge",
    "ImportLineTooLong",
    "LineAnswer",
    "ProfileNotFound",
    "ProfileReceipt",
    "StoredProfile",
    "count_profiles",
    "delete_profile",
    "get_profile",
    "import_profiles",
    "last_seq",
    "list_profiles",
    "load_profiles",
    "put_profile",
    "read_all",
    "read_changes",
    "read_profiles",
    "read_texts",
]
