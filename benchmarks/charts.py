"""Plots as HTML and inline SVG: nothing is loaded, light and dark follow the reader, narrow screens are heard."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from benchmarks.reports import number

WIDTH, HEIGHT = 420, 260
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 30, 34
LEAST_BAR_PERCENT = 1.5


@dataclass(frozen=True, slots=True)
class Series:
    """A named line of (x, y) points, both above 0."""

    name: str
    points: Sequence[tuple[float, float]]


def legend(names: Sequence[str]) -> str:
    """Which colour is whose; the order of names gives the colours everywhere on a page."""
    keys = "".join(f'<li><i class="c{i}"></i>{escape(name)}</li>' for i, name in enumerate(names))
    return f'<ul class="legend">{keys}</ul>'


def bars(groups: Mapping[str, Mapping[str, float]], names: Sequence[str], unit: str) -> str:
    """Horizontal bars by group, on one logarithmic scale: each tick is ten times the one before."""
    values = [value for group in groups.values() for value in group.values() if value > 0]
    if not values:
        return ""
    low, high = decades(values)
    rows = []
    for title, group in groups.items():
        rows.append(f"<h4>{escape(title)}</h4>")
        for i, name in enumerate(names):
            value = group.get(name)
            if not value:
                continue
            share = max(LEAST_BAR_PERCENT, 100 * (math.log10(value) - low) / (high - low))
            shown = f"{number(value)} {unit}"
            rows.append(
                f'<div class="bar" title="{escape(name)}: {shown}"><span class="track">'
                f'<i class="c{i}" style="width:{share:.1f}%"></i></span><b>{shown}</b></div>'
            )
    ticks = " · ".join(number(10.0**power) for power in range(low, high + 1))
    return f'<div class="bars">{"".join(rows)}<p class="note">Logarithmic scale: {ticks} {unit}</p></div>'


def lines(series: Sequence[Series], x_title: str, y_title: str) -> str:
    """Lines over two logarithmic axes, every point marked and named on hover."""
    drawn = [one for one in series if one.points]
    if not drawn:
        return ""
    x_low, x_high = decades([x for one in drawn for x, _ in one.points])
    y_low, y_high = decades([y for one in drawn for _, y in one.points])

    def at(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - x_low) / (x_high - x_low)
        up = (math.log10(y) - y_low) / (y_high - y_low)
        return LEFT + across * (WIDTH - LEFT - RIGHT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    parts = [_axes(x_low, x_high, y_low, y_high, at), _titles(x_title, y_title)]
    for i, one in enumerate(drawn):
        places = [at(x, y) for x, y in one.points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="line s{i}" points="{path}"/>')
        for (x, y), (across, up) in zip(one.points, places, strict=True):
            label = f"{escape(one.name)}: {number(y)} at {x:,.0f}"
            parts.append(f'<circle class="s{i}" cx="{across:.1f}" cy="{up:.1f}" r="4"><title>{label}</title></circle>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(y_title)}">{"".join(parts)}</svg>'


def decades(values: Sequence[float]) -> tuple[int, int]:
    """Powers of ten below and above all values, at least one apart."""
    low = math.floor(math.log10(min(values)))
    return low, max(low + 1, math.ceil(math.log10(max(values))))


def _axes(x_low: int, x_high: int, y_low: int, y_high: int, at) -> str:  # type: ignore[no-untyped-def]
    parts = []
    for power in range(y_low, y_high + 1):
        _, up = at(10.0**x_low, 10.0**power)
        parts.append(f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up:.1f}" y2="{up:.1f}"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{up + 4:.1f}" text-anchor="end">{number(10.0**power)}</text>')
    for power in range(x_low, x_high + 1):
        across, _ = at(10.0**power, 10.0**y_low)
        parts.append(
            f'<text x="{across:.1f}" y="{HEIGHT - BOTTOM + 15}" text-anchor="middle">{_short(10**power)}</text>'
        )
    return "".join(parts)


def _titles(x_title: str, y_title: str) -> str:
    return (
        f'<text class="axis" x="{WIDTH - RIGHT}" y="{HEIGHT - 4}" text-anchor="end">{escape(x_title)}</text>'
        f'<text class="axis" x="4" y="12">{escape(y_title)}</text>'
    )


def _short(value: int) -> str:
    for size, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= size:
            return f"{value // size}{letter}"
    return str(value)
