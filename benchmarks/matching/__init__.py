"""``quanwang bench matching``: the matching engine against the fastest programs that anyone can install."""
