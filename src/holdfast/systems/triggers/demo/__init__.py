"""The demo: a user, three triggers, a receiver of webhooks, and a recorded chain."""
