"""The bytes of one file over several connections: who fetches which part, and how many at once."""
