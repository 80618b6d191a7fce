"""What counting of reach costs beside one match of the same orders."""

from benchmarks.matching.engine import BATCH_ORDERS, Engine
from benchmarks.matching.orders import Workload
from benchmarks.matching.population import World
from benchmarks.timing import cpu_s, median, undisturbed
from matching.reach import widened

ROUNDS = 3


def measure_reach(engine: Engine, world: World, workload: Workload) -> dict[str, float]:
    """``reach_us`` and ``match_us``, microseconds of processor time an order, compile included, and their ratio
    ``reach_vs_match``.

    A match is both tiers, ranked, with all counts; reach is both tiers, the dimensions, and every key dropped or
    widened. Both in batches, in turn; medians over rounds after a first one that is not counted.
    """
    taxonomy = world.words.taxonomy
    batches = [
        workload.queries[first : first + BATCH_ORDERS] for first in range(0, len(workload.queries), BATCH_ORDERS)
    ]
    reach_us: list[float] = []
    match_us: list[float] = []
    for _ in range(ROUNDS + 1):
        with undisturbed():
            started = cpu_s()
            for batch in batches:
                wider = engine.compile([widened(query, taxonomy) for query in batch])
                engine.state.count_reach(engine.compile(batch), wider)
            reach_us.append((cpu_s() - started) * 1e6 / len(workload.queries))
            started = cpu_s()
            for batch in batches:
                engine.state.match(engine.compile(batch))
            match_us.append((cpu_s() - started) * 1e6 / len(workload.queries))
    found = {"reach_us": median(reach_us[1:]), "match_us": median(match_us[1:])}
    return {**found, "reach_vs_match": found["reach_us"] / found["match_us"]}
