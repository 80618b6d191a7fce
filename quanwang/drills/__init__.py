"""Drills on real installations of one's own: what is broken on purpose, and what must hold all the same."""
