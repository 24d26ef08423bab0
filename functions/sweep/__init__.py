"""What comes due: the scheduled function that heals, expires and deletes."""
