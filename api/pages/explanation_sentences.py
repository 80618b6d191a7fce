"""Says the statements of ``matching.explain`` in the reader's words: one message of the catalogues for each code."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from api.pages.names import code_name
from api.pages.words import mark
from matching.statements import NODES, Code
from matching.taxonomy import Taxonomy

Translate = Callable[[str], str]

MESSAGES: Final[Mapping[Code, str]] = {
    Code.GROUPS_HIT: mark("%(hit)s of %(all)s keyword groups are hit, %(needed)s needed"),
    Code.KEYWORDS_HELD: mark("the user holds %(words)s and %(more)s more"),
    Code.NO_KEYWORD_HELD: mark("the user holds no keyword"),
    Code.SAME_NODE: mark("both name %(node)s"),
    Code.USER_NODE_INSIDE: mark("the user's %(inner)s lies in %(outer)s"),
    Code.ORDER_NODE_INSIDE: mark("the order's %(inner)s lies in %(outer)s"),
    Code.NODES_APART: mark("asked for %(asked_nodes)s; the user has %(held_nodes)s"),
    Code.NO_NODE_HELD: mark("asked for %(asked_nodes)s; the user has none"),
    Code.PLACE_UNKNOWN: mark("asked for within %(radius_km)s km; the user's place is not known"),
    Code.DISTANCE: mark("asked for within %(radius_km)s km; the user is %(away_km)s km away"),
    Code.CROWD_SHARED: mark("the user is one of %(tags)s"),
    Code.CROWDS_APART: mark("asked for %(asked)s; the user has %(held)s"),
    Code.NO_CROWD_HELD: mark("asked for %(asked)s; the user has none"),
    Code.UNAVAILABLE: mark("the user is not available"),
    Code.EXCLUDED: mark("the order excludes the user"),
    Code.HOLD_KEYWORDS: mark("hold %(count)s of %(words)s"),
    Code.NAME_INDUSTRY: mark("name %(node)s"),
    Code.SERVE_REGION: mark("serve %(node)s"),
    Code.BE_WITHIN: mark("say a place within %(radius_km)s km"),
    Code.COME_NEARER: mark("be %(nearer_km)s km nearer"),
    Code.JOIN_CROWD: mark("be one of %(tags)s"),
    Code.NEED_FEWER_GROUPS: mark("ask for at least %(count)s"),
    Code.NAME_HELD_KEYWORDS: mark("name %(count)s of the user's keywords, such as %(words)s"),
    Code.ADD_NODE: mark("ask for %(node)s too"),
    Code.WIDEN_NODE: mark("ask for %(node)s"),
    Code.WIDEN_RADIUS: mark("ask within %(radius_km)s km"),
    Code.ADD_CROWD: mark("ask for %(tag)s too"),
    Code.NAME_NOTHING: mark("leave this dimension out"),
    Code.NOTHING_ELSE: mark("nothing, for it asks for nothing else"),
}

TO_THE_USER: Final[Mapping[Code, str]] = {
    Code.KEYWORDS_HELD: mark("you hold %(words)s and %(more)s more"),
    Code.NO_KEYWORD_HELD: mark("you hold no keyword"),
    Code.USER_NODE_INSIDE: mark("your %(inner)s lies in %(outer)s"),
    Code.NODES_APART: mark("asked for %(asked_nodes)s; you have %(held_nodes)s"),
    Code.NO_NODE_HELD: mark("asked for %(asked_nodes)s; you have none"),
    Code.PLACE_UNKNOWN: mark("asked for within %(radius_km)s km; your place is not known"),
    Code.DISTANCE: mark("asked for within %(radius_km)s km; you are %(away_km)s km away"),
    Code.CROWD_SHARED: mark("you are one of %(tags)s"),
    Code.CROWDS_APART: mark("asked for %(asked)s; you have %(held)s"),
    Code.NO_CROWD_HELD: mark("asked for %(asked)s; you have none"),
    Code.UNAVAILABLE: mark("you are set to unavailable"),
    Code.EXCLUDED: mark("the order excludes you"),
}
"""What is said about the user, as it is said to him."""

ALL_WORDS: Final = mark("hold %(words)s")
NO_MORE_WORDS: Final = mark("the user holds %(words)s")
NO_MORE_WORDS_TO_THE_USER: Final = mark("you hold %(words)s")


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells statements, as a document of matching holds them, to one reader, who may be the user himself."""

    taxonomy: Taxonomy
    translate: Translate
    language: str
    to_the_user: bool = False

    def told(self, statements: Sequence[Mapping[str, Any]], dimension: str) -> str:
        """Return one sentence of statements about a dimension; "" when there are none."""
        joined = self.translate(mark("; ")) if dimension == "keywords" else self.translate(mark("; or "))
        text = joined.join(self._said(statement, dimension) for statement in statements)
        return text[:1].upper() + text[1:]

    def choices(self, statements: Sequence[Mapping[str, Any]], dimension: str) -> list[str]:
        """Return statements of which each stands by itself."""
        return [self.told([statement], dimension) for statement in statements]

    def _said(self, statement: Mapping[str, Any], dimension: str) -> str:
        code, parameters = Code(statement["code"]), statement["parameters"]
        shown = {name: self._shown(name, value, dimension) for name, value in parameters.items()}
        return self.translate(self._message(code, parameters)) % shown

    def _message(self, code: Code, parameters: Mapping[str, Any]) -> str:
        if code is Code.HOLD_KEYWORDS and parameters["count"] == len(parameters["words"]):
            return ALL_WORDS
        if code is Code.KEYWORDS_HELD and not parameters["more"]:
            return NO_MORE_WORDS_TO_THE_USER if self.to_the_user else NO_MORE_WORDS
        return TO_THE_USER.get(code, MESSAGES[code]) if self.to_the_user else MESSAGES[code]

    def _shown(self, name: str, value: Any, dimension: str) -> str:
        if name in NODES:
            value = [self._named(code, dimension) for code in ([value] if isinstance(value, str) else value)]
        if isinstance(value, list | tuple):
            return self.translate(mark(", ")).join(value)
        if name == "away_km":
            # Asked radii and needed changes are exact to the metre; how far away somebody is need not be.
            return f"{value:,.1f}"
        return f"{value:g}" if isinstance(value, float) and value.is_integer() else str(value)

    def _named(self, code: str, dimension: str) -> str:
        tree = self.taxonomy.industries if dimension == "industry" else self.taxonomy.regions
        return f"{code_name(tree, code, self.language)} ({code})"
