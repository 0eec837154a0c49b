"""Servers and databases that are made for a proof or a comparison, and dropped afterwards."""
