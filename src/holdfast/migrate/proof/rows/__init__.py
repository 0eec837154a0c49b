"""Rows in every table of a database, and what became of them."""
