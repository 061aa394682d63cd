"""What a model file is, by its own bytes. Knows no Django."""
