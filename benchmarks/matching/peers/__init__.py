"""The programs that the engine is measured beside, each written as somebody who knows it would write it."""
