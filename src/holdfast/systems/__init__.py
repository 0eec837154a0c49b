"""The systems that ship with Holdfast, each declared by a ``System`` value of its own."""
