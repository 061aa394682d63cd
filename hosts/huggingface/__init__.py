"""The Hub of Hugging Face, or a mirror of it."""
