"""What a run must reach: ``full_set_vs_best_peer>=3``."""

import operator
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from kit.errors import InvalidInput

COMPARISONS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    ">=": (operator.ge, "at least"),
    "<=": (operator.le, "at most"),
    ">": (operator.gt, "more than"),
    "<": (operator.lt, "less than"),
    "==": (operator.eq, "exactly"),
}
_FORM = re.compile(r"\s*([a-z][a-z0-9_]*)\s*(>=|<=|==|>|<)\s*(\d+(?:\.\d+)?)\s*")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A bound of one figure."""

    figure: str
    comparison: str
    bound: float

    def miss(self, figures: Mapping[str, object]) -> str | None:
        """A sentence when the figure misses the bound or was not measured, else None."""
        value = figures.get(self.figure)
        if not isinstance(value, int | float) or isinstance(value, bool):
            return (
                f"{self.figure} was not measured in this run, but {self.figure}{self.comparison}{self.bound:g} is asked"
            )
        holds, words = COMPARISONS[self.comparison]
        return None if holds(value, self.bound) else f"{self.figure} is {value:,.4g}, not {words} {self.bound:g}"


def parse_threshold(text: str, figures: Collection[str]) -> Threshold:
    """Read one threshold on one of ``figures``; raises InvalidInput."""
    found = _FORM.fullmatch(text)
    if found is None:
        raise InvalidInput("threshold", text, "must be a figure, one of >= <= > < ==, and a number: partial_us<=400")
    figure, comparison, bound = found.groups()
    if figure not in figures:
        raise InvalidInput("threshold", figure, f"is no figure of this benchmark; there are {', '.join(figures)}")
    return Threshold(figure, comparison, float(bound))
