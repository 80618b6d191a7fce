"""How numbers and times are written for a reader."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.numbers import format_decimal, format_percent
from markupsafe import Markup


class Formats:
    """One reader's way of writing: his locale and time zone."""

    def __init__(self, locale: Locale, time_zone: ZoneInfo, now_ms: int) -> None:
        self._locale = locale
        self._zone = time_zone
        self._today = datetime.fromtimestamp(now_ms / 1000, time_zone).date()

    @property
    def time_zone(self) -> str:
        """Name of the reader's zone, such as Asia/Shanghai."""
        return self._zone.key

    def number(self, value: int | float | None) -> str:
        """Write a count with its thousands separated; None is a dash."""
        return "–" if value is None else format_decimal(value, locale=self._locale)

    def kilometres(self, value: float) -> str:
        """Write a distance: one decimal below 100 km, none above."""
        return format_decimal(value, format="#,##0.#" if value < 100 else "#,##0", locale=self._locale)

    def percent(self, part: int | None, whole: int | None) -> str:
        """Write a share; shares that would read 0 % or 100 % but are not keep decimals."""
        if not part or not whole:
            return "0%" if whole and part is not None else "–"
        share = part / whole
        digits = "#,##0%" if share >= 0.1 else "#,##0.0%" if share >= 0.001 else "#,##0.000%"
        return format_percent(share, format=digits, locale=self._locale)

    def moment(self, at_ms: int | None, *, seconds: bool = True) -> Markup:
        """Write a time as ``<time>``: the clock alone for today, the date too for other days."""
        if at_ms is None:
            return Markup("–")
        moment = datetime.fromtimestamp(at_ms / 1000, self._zone)
        clock = moment.strftime("%H:%M:%S" if seconds else "%H:%M")
        if moment.date() == self._today:
            shown = clock
        else:
            skeleton = "MMMd" if moment.year == self._today.year else "yMMMd"
            shown = f"{self._day(moment, skeleton)} {clock}"
        exact = format_datetime(moment, "long", locale=self._locale)
        stamp = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, exact, shown)

    def _day(self, moment: datetime, skeleton: str) -> str:
        pattern = (
            {"MMMd": "M月d日", "yMMMd": "y年M月d日"}
            if self._locale.language == "zh"
            else {"MMMd": "d MMM", "yMMMd": "d MMM y"}
        )
        return format_date(moment, pattern[skeleton], locale=self._locale)

    def duration(self, length_ms: int) -> str:
        """Write a length of time in its largest fitting units, such as 30 min or 1 h 30 min."""
        zh = self._locale.language == "zh"
        if 1_000 < length_ms < 60_000 and length_ms % 1_000:
            return f"{format_decimal(length_ms / 1_000, format='0.0', locale=self._locale)} {'秒' if zh else 's'}"
        units = (
            (86_400_000, "天" if zh else "d"),
            (3_600_000, "小时" if zh else "h"),
            (60_000, "分" if zh else "min"),
            (1_000, "秒" if zh else "s"),
            (1, "毫秒" if zh else "ms"),
        )
        rest, parts = length_ms, []
        for size, name in units:
            count, rest = divmod(rest, size)
            if count:
                parts.append(f"{count} {name}")
            if len(parts) == 2:
                break
        return " ".join(parts) or f"0 {units[3][1]}"

    def microseconds(self, length_us: int) -> str:
        """Write a length of time that may be far below a millisecond, such as 850 µs or 12.3 ms."""
        zh = self._locale.language == "zh"
        if 0 < length_us < 1_000:
            return f"{length_us} {'微秒' if zh else 'µs'}"
        if length_us < 100_000 and length_us % 1_000:
            shown = format_decimal(length_us / 1_000, format="0.0", locale=self._locale)
            return f"{shown} {'毫秒' if zh else 'ms'}"
        return self.duration(length_us // 1_000)
