"""The worker's side of the queue: who works it off, one install from claim to end, what a dead one left."""
