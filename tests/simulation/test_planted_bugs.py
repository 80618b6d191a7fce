"""A simulation that can find nothing proves nothing: every planted bug that can show turns some seed red."""

import pytest

from quanwang.planted_bugs import PLANTED_BUGS
from quanwang.simulation.seed_run import Bench

STEPS = 400
MOST_SEEDS = 60
"""A planted bug that so many seeds do not find is not found."""

FREEZES_AT = {"fencing_off": "label.read"}
"""Where processes are killed and frozen for bugs that show seldom elsewhere."""

SIMULATED = sorted(name for name, bug in PLANTED_BUGS.items() if bug.simulated)


@pytest.mark.parametrize("name", SIMULATED)
def test_a_planted_bug_is_found(bench: Bench, name: str) -> None:
    for seed in range(1, MOST_SEEDS + 1):
        report = bench.run(seed, STEPS, plant=name, crash_at=FREEZES_AT.get(name))
        if report.broken is not None:
            assert bench.run(seed, STEPS, crash_at=FREEZES_AT.get(name)).broken is None
            return
    pytest.fail(f"{MOST_SEEDS} seeds did not find {name}")
