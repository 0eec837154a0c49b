"""Events: what a log of a registry becomes, and how events are stored, retracted and restored."""
