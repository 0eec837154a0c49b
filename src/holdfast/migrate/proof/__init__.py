"""Proves migrations on throwaway servers: what they undo, keep and lock, and what a kill leaves."""
