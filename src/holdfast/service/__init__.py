"""Runs the service: migrates, follows, matches, delivers and serves, in one process or many."""

from holdfast.system import System

ROOM = System(
    name="service",
    summary="What one process of Holdfast runs, and how it begins and ends.",
    package="holdfast.service",
    settings=("holdfast.service.settings",),
)
