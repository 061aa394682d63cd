"""Values as people write them: sizes, on and off. Knows no Django."""
