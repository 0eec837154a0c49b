"""Actions: how a match is delivered, retried, recorded, and taken back when its event is retracted."""
