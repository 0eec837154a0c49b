"""The locks that a migration really takes, and how long they keep others out."""
