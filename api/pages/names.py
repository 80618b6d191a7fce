"""Names for codes and users, in the reader's language."""

from collections.abc import Iterable, Mapping

from api.pages.dispatch_views import NamedCode
from kit.db import Session
from marketplace.users import find_user_id, identities_of
from matching.taxonomy import Taxonomy, Tree


def code_name(tree: Tree, code: str, language: str) -> str:
    """Return a node's name, a district's with its city's: 上海市 浦东新区. A nameless node takes an ancestor's name."""
    if code not in tree:
        return code
    node = tree.index(code)
    names = tree.names_en if language == "en" else tree.names_zh
    path = [node, *tree.ancestors(node)]
    named = [name for name in (names[step] or tree.names_zh[step] or tree.names_en[step] for step in path) if name]
    if not named:
        return code
    # A district without its city or province says little; an industry's own name says enough.
    if tree.kind == "region" and len(path) > 2 and len(named) > 1:
        return f"{named[0]}, {named[1]}" if named[0].isascii() else f"{named[1]} {named[0]}"
    return named[0]


def named_codes(tree: Tree, codes: Iterable[str], language: str) -> list[NamedCode]:
    """Return codes with their names."""
    return [NamedCode(code, code_name(tree, code, language)) for code in codes]


def key_name(taxonomy: Taxonomy, kind: str, value: str, language: str) -> str:
    """Return how a key of the given kind is shown: codes by name, words as they are."""
    if kind == "region":
        return code_name(taxonomy.regions, value, language)
    if kind == "industry":
        return code_name(taxonomy.industries, value, language)
    return value


def user_names(session: Session, user_ids: Iterable[int], owner: str) -> Mapping[int, str]:
    """Return how each user is shown to an owner: by the owner's own id for him, else by the internal number."""
    wanted = list(dict.fromkeys(user_ids))
    known = identities_of(session, wanted) if wanted else {}
    return {
        user_id: known[user_id].external_id if user_id in known and known[user_id].source == owner else str(user_id)
        for user_id in wanted
    }


def find_user(session: Session, text: str, owner: str) -> int | None:
    """Return the user that a reader means: the owner's own id first, else the internal number."""
    found = find_user_id(session, owner, text)
    if found is None and text.isdecimal() and len(text) <= 16:
        found = int(text) if int(text) in identities_of(session, [int(text)]) else None
    return found
