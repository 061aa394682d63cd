"""The one client that opens connections, and what it may be asked. Knows no Django."""
