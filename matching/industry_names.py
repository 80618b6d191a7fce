"""Industries named in a text: full names, names without 业, and both followed by 行业."""

from collections.abc import Collection

from matching.dictionary import Span
from matching.extracted import ExtractedKey, Why
from matching.normalisation import normalise
from matching.taxonomy import Tree

MIN_SAFE_CHARACTERS = 3
FULL_CONFIDENCE, SHORT_CONFIDENCE, DOUBTFUL_CONFIDENCE = 90, 70, 40

EVERYDAY_NAMES = {"互联网": "64", "软件和信息技术": "65", "信息技术": "I", "电信": "63", "电商": "F"}
"""Names that people use for nodes of GB/T 4754-2017 whose official names nobody says; used where the code exists."""


class IndustryNames:
    """The names of an industry tree.

    The word 行业 after a name makes it certain (教育行业). Otherwise a Chinese name needs three characters and an
    English one two words, because 教育, 卫生 or "Post" say far more often what a person does than for which industry.
    Where several nodes have one name, the widest is meant if it is above all others; else the name is ambiguous.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._full: dict[str, set[int]] = {}
        self._short: dict[str, set[int]] = {}
        for node in range(len(tree)):
            for name in (tree.names_zh[node], tree.names_en[node]):
                if normal := normalise(name):
                    self._full.setdefault(normal, set()).add(node)
                    if normal.endswith("业") and len(normal) >= 3:
                        self._short.setdefault(normal.removesuffix("业"), set()).add(node)
        for name, code in EVERYDAY_NAMES.items():
            if code in tree:
                self._short.setdefault(name, set()).add(tree.index(code))
        self._certain = {
            f"{name}行业": nodes
            for names in (self._short, self._full)
            for name, nodes in names.items()
            if not name.isascii()
        }

    def __contains__(self, name: str) -> bool:
        return name in self._full or name in self._short or name in self._certain

    def names(self) -> Collection[str]:
        """Return every normalised name."""
        return self._full.keys() | self._short.keys() | self._certain.keys()

    def keys(self, span: Span) -> list[ExtractedKey]:
        """Return one key for ``span``, which is a name of the tree."""
        name = span.text
        nodes = self._certain.get(name) or self._full.get(name) or self._short[name]
        widest = min(nodes)
        shown = self._tree.name(widest)
        if not all(self._tree.related(widest, node) for node in nodes):
            confidence, applied, reason = DOUBTFUL_CONFIDENCE, False, "ambiguous: several industries have this name"
            why = Why.AMBIGUOUS
        elif name in self._certain:
            confidence, applied, reason = FULL_CONFIDENCE, True, f"names the industry {shown}"
            why = Why.NAMED_INDUSTRY
        elif not _is_safe(name):
            confidence, applied, reason = DOUBTFUL_CONFIDENCE, False, f"too short to mean {shown} without 行业"
            why = Why.TOO_SHORT
        else:
            is_full = name in self._full
            confidence, applied = (FULL_CONFIDENCE if is_full else SHORT_CONFIDENCE), True
            reason = f"the name of {shown}" if is_full else f"short for {shown}"
            why = Why.FULL_NAME if is_full else Why.SHORT_NAME
        code = self._tree.codes[widest]
        return [ExtractedKey("industry", code, span.start, span.end, confidence, 0, applied, reason, why)]


def _is_safe(name: str) -> bool:
    return " " in name if name.isascii() else len(name) >= MIN_SAFE_CHARACTERS
