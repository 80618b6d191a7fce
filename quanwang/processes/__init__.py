"""Composition roots: one file a process. Each reads settings once, builds its parts, runs, and stops them in order."""
