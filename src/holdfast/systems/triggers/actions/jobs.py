"""The queue of deliveries."""

from __future__ import annotations

from holdfast.queue.claims import QueueTable

JOBS = QueueTable("triggers", "action_jobs", running="sending", channel="triggers_action_jobs")
"""Claimed by workers; written by matching and by retraction."""
