"""A database that cannot be used, one of the older dashboard, and copies of ours."""
