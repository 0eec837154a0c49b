"""Proves migrations on throwaway servers: what they undo, what they keep, what they lock, what a kill costs."""
