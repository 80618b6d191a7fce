"""Who a user is: (source, external id) of a backend on one side, the internal id on the other."""

from marketplace.users.find_users import (
    UserIdentity,
    UserNotFound,
    find_user_id,
    find_user_ids,
    identities_of,
    require_user_id,
)
from marketplace.users.introduce_users import FIRST_GIVEN_ID, external_id_of, user_ids_for

__all__ = [
    "FIRST_GIVEN_ID",
    "UserIdentity",
    "UserNotFound",
    "external_id_of",
    "find_user_id",
    "find_user_ids",
    "identities_of",
    "require_user_id",
    "user_ids_for",
]
