"""How well texts find the right people, and how fast: titles of advertisements against the official occupations."""
