"""The .part of a file: its journal, its ranges, its hash, and how it gets its name."""
