"""Definitions: the triggers that users make, with their conditions and actions."""
