"""The demonstration: real advertisement titles as orders, drawn people as profiles, and somebody who accepts.

Everything drawn is drawn from one seed, so the same seed gives the same people and the same orders everywhere.
"""
