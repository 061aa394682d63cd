"""Several workers on one PostgreSQL, each behind a proxy that cuts and hangs; ledgers of what each of them did."""
