"""Paths below a root that nothing leads out of, and the room there."""
