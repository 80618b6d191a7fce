"""`quanwang simulate`: the real machine, use cases and stores under a seeded scheduler, a simulated clock and faults.

A seed decides everything: who orders what, whose step comes next, who dies where. So a seed that fails fails again.
"""
