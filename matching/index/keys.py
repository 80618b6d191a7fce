"""Keys of posting lists: one 64-bit code for a keyword, a crowd, or a tree node seen from one of its two sides.

A tree node has two lists: ``own`` (users who name exactly this node) and ``below`` (users who name this node or any
node under it). An order's node is hit by ``below[node]`` united with ``own[ancestor]`` for each proper ancestor.
"""

KEYWORD = 0
CROWD = 1
REGION_OWN = 2
REGION_BELOW = 3
INDUSTRY_OWN = 4
INDUSTRY_BELOW = 5
SPACES = 6
SPACE_SHIFT = 32


def key_of(space: int, number: int) -> int:
    """The code of list ``number`` in ``space``."""
    return (space << SPACE_SHIFT) | number
