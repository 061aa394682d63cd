"""How fast files arrive, verified, against every other client at hand: `python -m bench.transfer`."""
