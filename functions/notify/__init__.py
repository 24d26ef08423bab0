"""The function behind the table's stream."""
