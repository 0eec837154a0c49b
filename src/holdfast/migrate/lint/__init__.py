"""Lint by PostgreSQL's own grammar: what a migration endangers, locks and blocks, before it runs."""
