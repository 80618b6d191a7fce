"""Regions named in a text: full names, short names, and which of them are safe to take."""

import re
from collections.abc import Collection, Iterable, Sequence

from matching.dictionary import Span
from matching.extracted import ExtractedKey, Why
from matching.normalisation import normalise
from matching.taxonomy import Tree

MIN_SAFE_CHARACTERS = 3
FULL_CONFIDENCE, SUPPORTED_CONFIDENCE, SHORT_CONFIDENCE, DOUBTFUL_CONFIDENCE = 95, 90, 80, 40

_GENERIC_SUFFIX = re.compile("(?:特别行政区|自治区|自治州|自治县|自治旗|地区|新区|林区|矿区|省|市|区|县|旗|盟)$")
# The peoples that autonomous regions are named after, and the forms without 族 that occur.
_PEOPLES = (
    "蒙古族|蒙古|回族|藏族|维吾尔族|维吾尔|苗族|彝族|壮族|布依族|朝鲜族|满族|侗族|瑶族|白族|土家族|哈尼族|哈萨克族|哈萨克|傣族|黎族|"
    "傈僳族|佤族|畲族|拉祜族|水族|东乡族|纳西族|景颇族|柯尔克孜族|柯尔克孜|土族|达斡尔族|达斡尔|仫佬族|羌族|布朗族|撒拉族|毛南族|"
    "仡佬族|锡伯族|锡伯|阿昌族|普米族|塔吉克族|塔吉克|怒族|鄂温克族|保安族|裕固族|独龙族|鄂伦春族|各族"
)
_PEOPLES_AT_END = re.compile(f"(?:{_PEOPLES})+$")

_NO_PLACE = re.compile(
    "[东南西北中一二三四五]?(?:路|街|大道|大街|巷)|菜|话|方言|口音|口味|籍|人(?![才事力员])|"
    "拉面|小面|火锅|烤鸭|小吃|料理|米粉|米线"
)
"""What follows a short name that is part of another: streets, dishes, dialects, people."""

EVERYDAY_WORDS = frozenset(
    [
        "兴安", "朝阳", "大同", "长治", "通化", "白山", "大庆", "四平", "金华", "黄山", "三明", "宁德",
        "日照", "德州", "开封", "黄石", "孝感", "中山", "北海", "来宾", "安顺", "保山", "普洱", "山南",
        "安康", "白银", "天水", "平凉", "定西", "海东", "固原", "中卫", "哈密", "红河", "文山", "大理",
        "海北", "黄南", "海西", "玉树", "和田", "阿里", "凉山",
    ]
)  # fmt: skip
"""Short names of cities that are also words, persons, goods or directions: not taken without their province."""


class RegionNames:
    """The names of a region tree.

    A name of fewer than three characters counts alone only if it is that of a province, or of a city and no everyday
    word (unless it stands between two marks); otherwise a region above it must be in the text too.
    Of several regions with one name the one below most regions of the text is meant, else the widest if the others
    lie within it, else the one province or city among them; what is still ambiguous is reported and not applied.
    """

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._by_name: dict[str, set[int]] = {}
        for node in range(len(tree)):
            for name in _names(tree.names_zh[node]):
                self._by_name.setdefault(name, set()).add(node)
            if tree.names_en[node]:
                self._by_name.setdefault(normalise(tree.names_en[node]), set()).add(node)

    def __contains__(self, name: str) -> bool:
        return name in self._by_name

    def names(self) -> Collection[str]:
        """Return every normalised name, full and short."""
        return self._by_name.keys()

    def keys(self, spans: Sequence[Span], text: str) -> list[ExtractedKey]:
        """Return a key for each of ``spans`` of ``text``, all names of the tree; the inmost of nested ones applies."""
        named = {span.text: self._by_name[span.text] for span in spans}
        keys = [self._key(span, text, named) for span in spans]
        applied = {self._tree.index(key.value) for key in keys if key.applied}
        narrowed: list[ExtractedKey] = []
        for key in keys:
            node = self._tree.index(key.value)
            inner = sorted(other for other in applied if node < other < self._tree.end[node])
            if key.applied and inner:
                reason = f"narrowed to {self._tree.name(inner[0])}"
                key = key._replace(applied=False, reason=reason, why=Why.NARROWED)
            narrowed.append(key)
        return narrowed

    def _key(self, span: Span, text: str, named: dict[str, set[int]]) -> ExtractedKey:
        candidates = named[span.text]
        others = {node for name, nodes in named.items() if name != span.text for node in nodes if node != 0}
        support = {node: len(others.intersection(self._tree.ancestors(node))) for node in candidates}
        # 江苏省南京市鼓楼区: 徐州 has a 鼓楼区 too, but only one of them has both province and city in the text.
        below = {node for node in candidates if support[node] and support[node] == max(support.values())}
        above = {node for node in candidates if any(node in self._tree.ancestors(other) for other in others)}
        node, is_clear = self._choice(below or above or candidates)
        shown = self._tree.name(node)
        confidence, applied = DOUBTFUL_CONFIDENCE, False
        if node == 0:
            why, reason, confidence = Why.WHOLE_COUNTRY, "the whole country restricts nothing", FULL_CONFIDENCE
        elif not is_clear:
            why, reason = Why.AMBIGUOUS, "ambiguous: several regions have this name"
        elif span.text != normalise(shown) and _NO_PLACE.match(text, span.end):
            why, reason = Why.OTHER_THING, f"names something after {shown}, not the place"
        elif node in below:
            why, reason = Why.SUPPORTED, f"{shown}, with a region above it in the text"
            confidence, applied = SUPPORTED_CONFIDENCE, True
        elif not self._is_safe(span, text, node):
            why, reason = Why.TOO_SHORT, f"too short to mean {shown} without a region above it"
        elif span.text == normalise(shown):
            why, reason, confidence, applied = Why.FULL_NAME, f"the name of {shown}", FULL_CONFIDENCE, True
        else:
            why, reason, confidence, applied = Why.SHORT_NAME, f"short for {shown}", SHORT_CONFIDENCE, True
        code = self._tree.codes[node]
        return ExtractedKey("region", code, span.start, span.end, confidence, 0, applied, reason, why)

    def _choice(self, candidates: Iterable[int]) -> tuple[int, bool]:
        """Return the node that is meant and whether that is clear."""
        tree = self._tree
        ordered = sorted(candidates, key=lambda node: (tree.depths[node], node))
        widest = ordered[0]
        if all(tree.related(widest, node) for node in ordered):
            return widest, True
        is_only_one = tree.depths[ordered[1]] > tree.depths[widest]
        return widest, is_only_one and tree.levels[widest] in ("province", "city")

    def _is_safe(self, span: Span, text: str, node: int) -> bool:
        """Say whether the name means the region by itself."""
        level = self._tree.levels[node]
        if len(span.text) >= MIN_SAFE_CHARACTERS or level == "province":
            return True
        return level == "city" and (span.text not in EVERYDAY_WORDS or _stands_alone(span, text))


def _stands_alone(span: Span, text: str) -> bool:
    """Say whether the name is all that stands between two marks, as in (中山) or -日照-."""
    before, after = text[span.start - 1 : span.start], text[span.end : span.end + 1]
    return not before.isalnum() and not after.isalnum() and len(text) > len(span.text)


def _names(name: str) -> set[str]:
    """Return the full name and the short forms of two characters or more, normalised."""
    if not name:
        return set()
    names = {normalise(name)}
    short = _GENERIC_SUFFIX.sub("", name)
    if short != name:
        people = _PEOPLES_AT_END.search(short)
        if people and people.start() >= 2:
            short = short[: people.start()]
        if len(short) >= 2:
            names.add(normalise(short))
    return names
