"""Says what a replay has to say in the reader's words: one message of the catalogues for each code."""

from collections.abc import Callable, Mapping
from typing import Final

from api.pages.formats import Formats
from api.pages.words import STAGES, TIMELINE, mark, word
from marketplace.dispatch.remarks import Remark, RemarkCode

REMARKS: Final[Mapping[RemarkCode, str]] = {
    RemarkCode.NOT_ASKED: mark("Wave %(wave)s would not have been sent at that time."),
    RemarkCode.OTHER_SIZE: mark(
        "Wave %(wave)s told %(told_full)s full and %(told_partial)s partial matches; the replay tells %(full)s and"
        " %(partial)s."
    ),
    RemarkCode.OTHER_BYTES: mark(
        "Wave %(wave)s has the right sizes, but another expiry or other users in other order."
    ),
    RemarkCode.NOT_REACHED: mark("Wave %(wave)s comes after the first difference, so it was not replayed."),
    RemarkCode.EVENT_NOT_MADE: mark("The timeline has “%(kind)s”; the replay does not come to it at that time."),
    RemarkCode.EVENT_NOT_RECORDED: mark("The replay comes to “%(kind)s”; the timeline has no such line."),
    RemarkCode.OTHER_END: mark("The replay ends as “%(replayed)s”, the dispatch as “%(recorded)s”."),
    RemarkCode.UNTOLD_NOT_NAMED: mark(
        "%(full)s full and %(partial)s partial matches were counted and never told: a limit or the end came first. How"
        " many they were is recorded, not who they are."
    ),
    RemarkCode.PARTIAL_NEVER_ASKED: mark("The partial tier was never opened, so it is not known who is in it."),
    RemarkCode.EARLIER_EXPIRY_UNKNOWN: mark(
        "The order was edited; when its earlier versions were to expire is not recorded."
    ),
    RemarkCode.UNSEEN_ANSWER: mark("An acceptance came while wave %(wave)s was being written, too late to stop it."),
    RemarkCode.FIRST_YES_NOT_KEPT: mark(
        "Somebody withdrew and accepted again; only his last acceptance is recorded. Since when the publisher was"
        " waited for is taken from the reminder."
    ),
    RemarkCode.CUT_SHORT: mark("Planning stopped after %(steps)s steps; what comes later is not counted."),
    RemarkCode.UNTOLD_UNPLANNED: mark(
        "Up to %(partial)s more partial matches may reach the policy's floor; their scores were never recorded, so they"
        " are left out."
    ),
}


def remark_sentence(remark: Remark, form: Formats, translate: Callable[[str], str]) -> str:
    """Return one remark in the reader's words."""

    def shown(name: str, value: int | str) -> str:
        if isinstance(value, int):
            return str(value) if name == "wave" else form.number(value)
        words = STAGES if name in ("replayed", "recorded") else TIMELINE
        return translate(word(words, value).label)

    return translate(REMARKS[remark.code]) % {name: shown(name, value) for name, value in remark.parameters.items()}
