"""Where models come from: what a host's addresses and answers mean. Knows no Django."""
