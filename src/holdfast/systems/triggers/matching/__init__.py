"""Matching: which triggers an event fires, and the jobs that follow, in the event's transaction."""
