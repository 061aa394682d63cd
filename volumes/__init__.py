"""What differs between volumes, and one way to live with each difference. Knows no Django."""
