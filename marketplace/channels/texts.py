"""The words of notifications. Titles are people's own words: they are shown on one line and cut."""

from collections.abc import Mapping
from typing import Final

from marketplace.channels.preferences import Language, NotificationKind

MAX_TITLE: Final = 120

_SUBJECTS: Final[Mapping[tuple[NotificationKind, Language], str]] = {
    (NotificationKind.OFFER, Language.CHINESE): "新订单：{title}",
    (NotificationKind.OFFER, Language.ENGLISH): "A new offer: {title}",
    (NotificationKind.ASSIGNED, Language.CHINESE): "您已被选中：{title}",
    (NotificationKind.ASSIGNED, Language.ENGLISH): "You were selected: {title}",
    (NotificationKind.PUBLISHER_REMINDED, Language.CHINESE): "有人接单，请选择：{title}",
    (NotificationKind.PUBLISHER_REMINDED, Language.ENGLISH): "Somebody accepted, please choose: {title}",
}
_TEXTS: Final[Mapping[tuple[NotificationKind, Language], str]] = {
    (
        NotificationKind.OFFER,
        Language.CHINESE,
    ): "有一个订单适合您：{title}\n请在收件箱中查看并接单。\n订单分发编号：{dispatch_id}\n",
    (NotificationKind.OFFER, Language.ENGLISH): (
        "An order suits you: {title}\nSee it in your inbox, and accept it there.\nDispatch: {dispatch_id}\n"
    ),
    (NotificationKind.ASSIGNED, Language.CHINESE): (
        "发布人选择了您：{title}\n请尽快在收件箱中确认，逾期将由下一位接单人接替。\n订单分发编号：{dispatch_id}\n"
    ),
    (NotificationKind.ASSIGNED, Language.ENGLISH): (
        "The publisher selected you: {title}\nConfirm it soon in your inbox, else the next one comes forward.\n"
        "Dispatch: {dispatch_id}\n"
    ),
    (NotificationKind.PUBLISHER_REMINDED, Language.CHINESE): (
        "您的订单已有人接单，正在等待您选择：{title}\n如不选择，分发将关闭。\n订单分发编号：{dispatch_id}\n"
    ),
    (NotificationKind.PUBLISHER_REMINDED, Language.ENGLISH): (
        "Somebody accepted your order and waits for your choice: {title}\nWithout a choice the dispatch closes.\n"
        "Dispatch: {dispatch_id}\n"
    ),
}


def written(kind: NotificationKind, language: Language, *, title: str, dispatch_id: int) -> tuple[str, str]:
    """Return (subject, text) of a notification; the subject is one line, whatever the title holds."""
    one_line = " ".join("".join(letter if letter.isprintable() else " " for letter in title).split())
    shown = one_line if len(one_line) <= MAX_TITLE else f"{one_line[: MAX_TITLE - 3]}..."
    words = {"title": shown, "dispatch_id": dispatch_id}
    return _SUBJECTS[kind, language].format(**words), _TEXTS[kind, language].format(**words)
