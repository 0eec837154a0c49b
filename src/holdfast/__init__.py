"""Holdfast runs the PostgreSQL behind a business that lives on chains and agents."""

__version__ = "0.1.0"
