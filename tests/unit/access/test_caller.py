"""Scopes: what a key does not carry it may not do."""

import pytest

from marketplace.access import SCOPES, Caller, MissingScope, require


def test_a_missing_scope_is_named() -> None:
    caller = Caller(1, "acme", frozenset({"profiles:read"}))
    require(caller, "profiles:read")
    with pytest.raises(MissingScope, match="lacks the scope profiles:write"):
        require(caller, "profiles:write")


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_admin_may_everything(scope: str) -> None:
    admin = Caller(1, "acme", frozenset({"admin"}))
    assert admin.may(scope)
    require(admin, scope)


@pytest.mark.parametrize("scope", sorted(SCOPES))
def test_a_key_without_scopes_may_nothing(scope: str) -> None:
    with pytest.raises(MissingScope):
        require(Caller(1, "acme", frozenset()), scope)


def test_a_misspelt_scope_is_a_bug_of_ours() -> None:
    with pytest.raises(ValueError, match="no scope 'profile:read'"):
        require(Caller(1, "acme", frozenset({"admin"})), "profile:read")
