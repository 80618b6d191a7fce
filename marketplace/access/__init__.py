"""Who may call: API keys with an owner and scopes, and the sessions of the pages that stand on them."""

from marketplace.access.authenticate import (
    KeyExpired,
    KeyRevoked,
    WrongApiKey,
    authenticate,
)
from marketplace.access.caller import SCOPES, Caller, MissingScope, require
from marketplace.access.key_ring import KeyRing
from marketplace.access.keys import (
    ApiKeyNotFound,
    create_api_key,
    list_api_keys,
    revoke_api_key,
)
from marketplace.access.records import ApiKey, IssuedKey
from marketplace.access.sessions import (
    IssuedSession,
    WebSession,
    create_session,
    end_session,
    find_session,
    sweep_sessions,
)

__all__ = [
    "SCOPES",
    "ApiKey",
    "ApiKeyNotFound",
    "Caller",
    "IssuedKey",
    "IssuedSession",
    "KeyExpired",
    "KeyRevoked",
    "KeyRing",
    "MissingScope",
    "WebSession",
    "WrongApiKey",
    "authenticate",
    "create_api_key",
    "create_session",
    "end_session",
    "find_session",
    "list_api_keys",
    "require",
    "revoke_api_key",
    "sweep_sessions",
]
