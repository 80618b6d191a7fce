"""Foundations that know no business noun: errors, clock, database, work, Redis."""
