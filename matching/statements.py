"""What an explanation states, as codes with parameters: programs read these, people read sentences made of them."""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from matching.taxonomy import Tree

Parameter = int | float | str | tuple[str, ...]


class Code(enum.StrEnum):
    """What is stated. Parameters stand in double backquotes; those in NODES are codes of the dimension's tree."""

    GROUPS_HIT = "groups_hit"
    """``hit`` of ``all`` keyword groups are hit, and ``needed`` are needed."""
    KEYWORDS_HELD = "keywords_held"
    """The user holds ``words``, those most like the missed ones first, and ``more`` others that hit nothing."""
    NO_KEYWORD_HELD = "no_keyword_held"
    """The user holds no keyword at all."""
    SAME_NODE = "same_node"
    """User and order both name ``node``."""
    USER_NODE_INSIDE = "user_node_inside"
    """The user's node ``inner`` lies in the order's node ``outer``."""
    ORDER_NODE_INSIDE = "order_node_inside"
    """The order's node ``inner`` lies in the user's node ``outer``."""
    NODES_APART = "nodes_apart"
    """The order asks for ``asked_nodes``, the user has ``held_nodes``, and none lies on a path with another."""
    NO_NODE_HELD = "no_node_held"
    """The order asks for ``asked_nodes`` and the user has none."""
    PLACE_UNKNOWN = "place_unknown"
    """The order asks for somebody within ``radius_km``, and where the user is is not known."""
    DISTANCE = "distance"
    """The order asks for somebody within ``radius_km``, and the user is ``away_km`` away."""
    CROWD_SHARED = "crowd_shared"
    """The user carries ``tags``, which the order asks for."""
    CROWDS_APART = "crowds_apart"
    """The order asks for ``asked``, the user carries ``held``."""
    NO_CROWD_HELD = "no_crowd_held"
    """The order asks for ``asked`` and the user carries no tag."""

    UNAVAILABLE = "unavailable"
    """The user is set to unavailable."""
    EXCLUDED = "excluded"
    """The order excludes the user."""

    HOLD_KEYWORDS = "hold_keywords"
    """User: hold ``count`` of ``words``."""
    NAME_INDUSTRY = "name_industry"
    """User: name the industry ``node``."""
    SERVE_REGION = "serve_region"
    """User: serve the region ``node``."""
    BE_WITHIN = "be_within"
    """User: say a place within ``radius_km``."""
    COME_NEARER = "come_nearer"
    """User: be ``nearer_km`` nearer."""
    JOIN_CROWD = "join_crowd"
    """User: carry one of ``tags``."""

    NEED_FEWER_GROUPS = "need_fewer_groups"
    """Order: ask for at least ``count`` groups."""
    NAME_HELD_KEYWORDS = "name_held_keywords"
    """Order: name ``count`` of the user's keywords, such as ``words``, each in a group of its own."""
    ADD_NODE = "add_node"
    """Order: ask for the user's own ``node`` too."""
    WIDEN_NODE = "widen_node"
    """Order: ask for ``node``, which holds a node of the order and one of the user."""
    WIDEN_RADIUS = "widen_radius"
    """Order: ask within ``radius_km``."""
    ADD_CROWD = "add_crowd"
    """Order: ask for ``tag`` too."""
    NAME_NOTHING = "name_nothing"
    """Order: leave the ``dimension`` out."""
    NOTHING_ELSE = "nothing_else"
    """Order: nothing can change, for it asks for nothing but this."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One code with its parameters."""

    code: Code
    parameters: Mapping[str, Parameter]


NODES: Final = frozenset({"node", "inner", "outer", "asked_nodes", "held_nodes"})

_SENTENCES: Final[Mapping[Code, str]] = {
    Code.GROUPS_HIT: "{hit} of {all} groups are hit, {needed} needed",
    Code.KEYWORDS_HELD: "the user holds {words} and {more} more",
    Code.NO_KEYWORD_HELD: "the user holds no keyword",
    Code.SAME_NODE: "both name {node}",
    Code.USER_NODE_INSIDE: "the user's {inner} lies in {outer}",
    Code.ORDER_NODE_INSIDE: "the order's {inner} lies in {outer}",
    Code.NODES_APART: "asked for {asked_nodes}; the user has {held_nodes}",
    Code.NO_NODE_HELD: "asked for {asked_nodes}; the user has none",
    Code.PLACE_UNKNOWN: "asked for within {radius_km:g} km; the user's place is not known",
    Code.DISTANCE: "asked for within {radius_km:g} km; the user is {away_km:.3f} km away",
    Code.CROWD_SHARED: "the user is one of {tags}",
    Code.CROWDS_APART: "asked for {asked}; the user has {held}",
    Code.NO_CROWD_HELD: "asked for {asked}; the user has none",
    Code.UNAVAILABLE: "the user is not available",
    Code.EXCLUDED: "the order excludes the user",
    Code.HOLD_KEYWORDS: "hold {count} of {words}",
    Code.NAME_INDUSTRY: "name {node}",
    Code.SERVE_REGION: "serve {node}",
    Code.BE_WITHIN: "say a place within {radius_km:g} km",
    Code.COME_NEARER: "be {nearer_km} km nearer",
    Code.JOIN_CROWD: "be one of {tags}",
    Code.NEED_FEWER_GROUPS: "ask for at least {count}",
    Code.NAME_HELD_KEYWORDS: "name {count} of the user's keywords, such as {words}",
    Code.ADD_NODE: "ask for {node} too",
    Code.WIDEN_NODE: "ask for {node}",
    Code.WIDEN_RADIUS: "ask within {radius_km} km",
    Code.ADD_CROWD: "ask for {tag} too",
    Code.NAME_NOTHING: "name no {dimension}",
    Code.NOTHING_ELSE: "nothing, for it asks for nothing else",
}


def sentence(statements: Sequence[Statement], tree: Tree | None, *, joined: str = "; or ") -> str:
    """Say statements about one dimension in English, nodes by the names of its ``tree``; "" when there are none."""
    return joined.join(_said(statement, tree) for statement in statements)


def _said(statement: Statement, tree: Tree | None) -> str:
    shown = {name: _shown(name, value, tree) for name, value in statement.parameters.items()}
    if statement.code is Code.HOLD_KEYWORDS:
        words = statement.parameters["words"]
        if isinstance(words, tuple) and len(words) == statement.parameters["count"]:
            return f"hold {' and '.join(words)}"
    if statement.code is Code.KEYWORDS_HELD and not statement.parameters["more"]:
        return f"the user holds {shown['words']}"
    return _SENTENCES[statement.code].format_map(shown)


def _shown(name: str, value: Parameter, tree: Tree | None) -> Parameter:
    if name in NODES and tree is not None:
        codes = (value,) if isinstance(value, str) else value
        if isinstance(codes, tuple):
            return ", ".join(f"{tree.name(tree.index(code))} ({code})" for code in codes)
    return ", ".join(value) if isinstance(value, tuple) else value
