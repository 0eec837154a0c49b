"""Benchmarks: each runs Holdfast and its rival or its limit in the same run, and prints the ratio."""
