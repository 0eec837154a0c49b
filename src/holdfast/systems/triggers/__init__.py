"""Follow ERC-8004 agent registries, match users' triggers, deliver actions."""

from holdfast.system import Command, Partitioned, Permission, System, Worker

SYSTEM = System(
    name="triggers",
    summary="Tells users what happens in ERC-8004 agent registries: events, triggers, actions.",
    package="holdfast.systems.triggers",
    schema="triggers",
    migrations="holdfast.systems.triggers.migrations",
    depends=("timeseries", "queue", "identity", "delivery", "chain"),
    settings=("holdfast.systems.triggers.settings",),
    routes=("holdfast.systems.triggers.routes:router",),
    commands=(
        Command(
            "registries",
            "holdfast.systems.triggers.commands:registries",
            "Add, list and remove the registry contracts of a chain.",
        ),
    ),
    permissions=(
        Permission(
            "triggers.read", "Read events, and one's own triggers and results.", ("viewer", "operator")
        ),
        Permission("triggers.write", "Make, change and delete one's own triggers.", ("operator",)),
    ),
    workers=(
        Worker(
            "deliver", "holdfast.systems.triggers.actions.worker:deliver", "Delivers the actions of matches."
        ),
    ),
    subscriptions=("holdfast.systems.triggers.events.subscription:SUBSCRIPTION",),
    partitions=(Partitioned("triggers.events", "block_time", "7 days"),),
    status="holdfast.systems.triggers.standing:status",
    totals="holdfast.systems.triggers.standing:totals",
    pending="holdfast.systems.triggers.standing:pending",
    recording="holdfast.systems.triggers.registries.registries:register_recording",
    demo="holdfast.systems.triggers.demo.demo:demo",
)
