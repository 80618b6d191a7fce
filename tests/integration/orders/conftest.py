"""The invariants of dispatch are checked after every test of submitting, too."""

from marketplace.dispatch.invariants import INVARIANTS
from tests.harness.invariants import invariant

for _name, _check in INVARIANTS.items():
    invariant(_name, tables=["dispatch", "wave", "work"])(_check)
