"""Queries while users change: how soon a change is seen, and what it costs those who ask."""
