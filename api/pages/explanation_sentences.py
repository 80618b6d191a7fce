"""Puts the sentences of ``matching.explain`` into the reader's words.

Matching speaks plain English with names and codes in it. Each shape of sentence is known here by a pattern and is said
again by a message of the catalogues; a sentence of an unknown shape is shown as it came.
"""

import re
from collections.abc import Callable

from api.pages.names import code_name
from api.pages.words import mark
from matching.taxonomy import Taxonomy

Translate = Callable[[str], str]

NUMBER = r"[\d.,-]+"

SHAPES: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern, re.DOTALL), message)
    for pattern, message in (
        (
            rf"(?P<hit>{NUMBER}) of (?P<all>{NUMBER}) groups are hit, (?P<needed>{NUMBER}) needed",
            mark("%(hit)s of %(all)s keyword groups are hit, %(needed)s needed"),
        ),
        (r"both name (?P<codes>.+)", mark("both name %(codes)s")),
        (r"the user's (?P<inner>.+) lies in (?P<outer>.+)", mark("the user's %(inner)s lies in %(outer)s")),
        (r"the order's (?P<inner>.+) lies in (?P<outer>.+)", mark("the order's %(inner)s lies in %(outer)s")),
        (
            rf"asked for within (?P<radius>{NUMBER}) km; the user's place is not known",
            mark("asked for within %(radius)s km; the user's place is not known"),
        ),
        (
            rf"asked for within (?P<radius>{NUMBER}) km; the user is (?P<away>{NUMBER}) km away",
            mark("asked for within %(radius)s km; the user is %(away)s km away"),
        ),
        (r"asked for (?P<asked>.+); the user has none", mark("asked for %(asked)s; the user has none")),
        (r"asked for (?P<asked>.+); the user has (?P<held>.+)", mark("asked for %(asked)s; the user has %(held)s")),
        (r"the user is one of (?P<tags>.+)", mark("the user is one of %(tags)s")),
        (r"the user is not available", mark("the user is not available")),
        (r"the order excludes the user", mark("the order excludes the user")),
        (rf"hold (?P<count>{NUMBER}) of (?P<words>.+)", mark("hold %(count)s of %(words)s")),
        (r"hold (?P<words>.+)", mark("hold %(words)s")),
        (r"serve (?P<codes>.+)", mark("serve %(codes)s")),
        (r"be one of (?P<tags>.+)", mark("be one of %(tags)s")),
        (rf"be (?P<distance>{NUMBER}) km nearer", mark("be %(distance)s km nearer")),
        (r"say where they are", mark("say where they are")),
        (rf"ask for at least (?P<count>{NUMBER})", mark("ask for at least %(count)s")),
        (
            r"name one of the user's keywords, or no keywords",
            mark("name one of the user's keywords, or no keywords"),
        ),
        (r"name no industry", mark("name no industry")),
        (r"name no region", mark("name no region")),
        (r"name no crowd", mark("name no crowd")),
        (r"name (?P<codes>.+)", mark("name %(codes)s")),
        (rf"ask within (?P<radius>{NUMBER}) km", mark("ask within %(radius)s km")),
        (r"ask for (?P<tag>.+) too", mark("ask for %(tag)s too")),
        (r"ask for (?P<codes>.+)", mark("ask for %(codes)s")),
    )
)

TO_THE_USER = {
    "the user's %(inner)s lies in %(outer)s": mark("your %(inner)s lies in %(outer)s"),
    "asked for within %(radius)s km; the user's place is not known": mark(
        "asked for within %(radius)s km; your place is not known"
    ),
    "asked for within %(radius)s km; the user is %(away)s km away": mark(
        "asked for within %(radius)s km; you are %(away)s km away"
    ),
    "asked for %(asked)s; the user has none": mark("asked for %(asked)s; you have none"),
    "asked for %(asked)s; the user has %(held)s": mark("asked for %(asked)s; you have %(held)s"),
    "the user is one of %(tags)s": mark("you are one of %(tags)s"),
    "the user is not available": mark("you are set to unavailable"),
    "the order excludes the user": mark("the order excludes you"),
}
"""Messages about the user, as they are said to him."""

NAMED_CODE = re.compile(r"[^,()]+ \(([0-9A-Za-z_.-]{1,16})\)")
"""A node as matching writes it: name and code."""

ALTERNATIVE = "; or "


def shape_of(sentence: str) -> tuple[str, dict[str, str]] | None:
    """Return the message and the values of one sentence without alternatives, or None for an unknown shape."""
    for pattern, message in SHAPES:
        found = pattern.fullmatch(sentence)
        if found:
            return message, found.groupdict()
    return None


def in_words(
    sentence: str,
    dimension: str,
    taxonomy: Taxonomy,
    translate: Translate,
    language: str,
    *,
    to_the_user: bool = False,
) -> str:
    """Say a sentence of matching about one dimension in the reader's language; ``to_the_user`` says "you" to him."""
    said: list[str] = []
    for part in sentence.split(ALTERNATIVE):
        known = shape_of(part)
        if known is None:
            said.append(part)
            continue
        message, values = known
        if dimension in ("industry", "region"):
            values = {name: _named(value, dimension, taxonomy, language) for name, value in values.items()}
        if "away" in values:
            # Asked radii and needed changes are exact to the metre; how far away somebody is need not be.
            values["away"] = f"{float(values['away']):,.1f}"
        said.append(translate(TO_THE_USER.get(message, message) if to_the_user else message) % values)
    text = translate(mark("; or ")).join(said)
    return text[:1].upper() + text[1:]


def _named(value: str, dimension: str, taxonomy: Taxonomy, language: str) -> str:
    """Return the nodes in a value by their names in the reader's language."""
    tree = taxonomy.industries if dimension == "industry" else taxonomy.regions

    def name(found: re.Match[str]) -> str:
        code = found.group(1)
        lead = " " if found.group(0).startswith(" ") else ""
        return f"{lead}{code_name(tree, code, language)} ({code})" if code in tree else found.group(0)

    return NAMED_CODE.sub(name, value)
