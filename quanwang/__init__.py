"""Puts the processes together."""
