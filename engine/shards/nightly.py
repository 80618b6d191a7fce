"""When something that is done once a day is due."""

MS_AN_HOUR = 3_600_000
MS_A_DAY = 24 * MS_AN_HOUR


class Nightly:
    """Due once a day, from an hour on; the first time at the next such hour after it was made."""

    def __init__(self, hour_utc: int, now_ms: int) -> None:
        """Raises ValueError for an hour that no day has."""
        if not 0 <= hour_utc < 24:
            raise ValueError(f"hour_utc must be in 0..23, not {hour_utc}")
        self._hour_utc = hour_utc
        self._day = self._day_of(now_ms)

    def is_due(self, now_ms: int) -> bool:
        """Whether the hour has come since this was last true; asking takes note of it."""
        day = self._day_of(now_ms)
        due = day > self._day
        self._day = max(day, self._day)
        return due

    def _day_of(self, now_ms: int) -> int:
        return (now_ms - self._hour_utc * MS_AN_HOUR) // MS_A_DAY
