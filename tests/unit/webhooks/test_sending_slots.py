"""Few at once for each webhook; after a failure its line is closed for a while and what waits is given back."""

from marketplace.webhooks.sending_slots import AT_ONCE, LONGEST_PAUSE_MS, WAITING_AT_MOST, SendingSlots


def filled(count: int) -> SendingSlots[int]:
    slots: SendingSlots[int] = SendingSlots()
    for work in range(count):
        assert slots.join(1, work, 0) is None
    return slots


def test_one_webhook_has_four_slots_whatever_waits() -> None:
    slots = filled(6)
    assert [slots.take(1) for _ in range(6)] == [0, 1, 2, 3, None, None]
    assert slots.leave(1, 0, failed=False) == []
    assert slots.take(1) == 4
    assert slots.join(2, 99, 0) is None
    assert slots.take(2) == 99


def test_a_line_is_bounded() -> None:
    slots = filled(WAITING_AT_MOST)
    assert slots.join(1, 0, 0) == 1_000
    assert slots.waiting == WAITING_AT_MOST


def test_a_failure_closes_the_line_for_a_growing_pause() -> None:
    slots = filled(AT_ONCE + 2)
    for _ in range(AT_ONCE):
        slots.take(1)
    assert slots.leave(1, 10_000, failed=True) == [AT_ONCE, AT_ONCE + 1]
    assert slots.join(1, 7, 10_000) == 1_000
    for _ in range(3):
        slots.leave(1, 10_000, failed=True)
    assert slots.pause_ms(1, 10_000) == 8_000
    assert slots.join(1, 7, 18_000) is None
    assert slots.join(1, 8, 18_000) == 1_000, "one at a time until it takes something"
    assert slots.take(1) == 7
    slots.leave(1, 18_000, failed=False)
    assert [slots.join(1, work, 18_000) for work in range(3)] == [None] * 3


def test_the_pause_has_an_end() -> None:
    slots: SendingSlots[int] = SendingSlots()
    now_ms = 0
    for _ in range(40):
        assert slots.join(1, 0, now_ms) is None
        slots.take(1)
        slots.leave(1, now_ms, failed=True)
        assert slots.pause_ms(1, now_ms) <= LONGEST_PAUSE_MS
        now_ms += LONGEST_PAUSE_MS
