"""Registries: which contracts of a chain are the ERC-8004 registries."""
