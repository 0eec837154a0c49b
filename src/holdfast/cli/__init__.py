"""The command line: composes what rooms and systems declare."""
