"""Who uses Holdfast: users, passwords, access tokens, and the permissions that they carry."""

from holdfast.system import Command, System

ROOM = System(
    name="identity",
    summary="Users, passwords and access tokens.",
    package="holdfast.identity",
    migrations="holdfast.identity.migrations",
    settings=("holdfast.identity.settings",),
    status="holdfast.identity.standing:status",
    routes=("holdfast.identity.routes:router",),
    commands=(Command("users", "holdfast.identity.commands:users", "Make and list users."),),
)
