"""Rules about constraints on tables that hold rows."""

from __future__ import annotations

from holdfast.migrate.lint.changes import Change, key_of, shown
from holdfast.migrate.lint.rule import EXCLUSIVE, WRITES, rule
from holdfast.migrate.lint.scene import Scene


def _on_old_table(change: Change, scene: Scene) -> bool:
    return change.place == "constraint" and not scene.is_new(change.target)


@rule(
    "foreign-key-validated-at-once",
    "CONSTR_FOREIGN",
    danger="Every row is looked up in the other table while both are locked.",
    lock="SHARE ROW EXCLUSIVE on both tables: blocks writes on both until all rows are looked up.",
    safe="ADD CONSTRAINT ... NOT VALID now, VALIDATE CONSTRAINT in a later file.",
    example="ALTER TABLE app.orders ADD CONSTRAINT orders_payer FOREIGN KEY (payer) REFERENCES app.users "
    "(id);",
    instead="ALTER TABLE app.orders ADD CONSTRAINT orders_payer FOREIGN KEY (payer) REFERENCES app.users "
    "(id) "
    "NOT VALID;",
    sized=True,
    squawk=("adding-foreign-key-constraint", "constraint-missing-not-valid"),
)
def foreign_key(change: Change, scene: Scene) -> str | None:
    """Find foreign keys added with their validation."""
    if not _on_old_table(change, scene) or change.node.skip_validation:
        return None
    return f"FOREIGN KEY from {shown(change.target)} to {shown(key_of(change.node.pktable, scene.schema))}"


@rule(
    "check-validated-at-once",
    "CONSTR_CHECK",
    "CONSTR_NOTNULL",
    danger="Every row is read while nobody else may use the table; it fails on the first row that does not "
    "hold.",
    lock=f"{EXCLUSIVE} It is held while all rows are read.",
    safe="ADD CONSTRAINT ... NOT VALID now, VALIDATE CONSTRAINT in a later file.",
    example="ALTER TABLE app.orders ADD CONSTRAINT orders_price CHECK (price > 0);",
    instead="ALTER TABLE app.orders ADD CONSTRAINT orders_price CHECK (price > 0) NOT VALID;",
    sized=True,
    squawk=("constraint-missing-not-valid",),
)
def check(change: Change, scene: Scene) -> str | None:
    """Find CHECK and named NOT NULL constraints added with their validation."""
    if not _on_old_table(change, scene) or change.node.skip_validation:
        return None
    return f"{'CHECK' if change.kind == 'CONSTR_CHECK' else 'NOT NULL'} on {shown(change.target)}"


@rule(
    "validate-in-same-transaction",
    "AT_ValidateConstraint",
    danger="The lock of ADD CONSTRAINT is kept until the transaction ends, so the rows are read under it "
    "after all.",
    lock="The lock of ADD CONSTRAINT: ACCESS EXCLUSIVE for a CHECK, SHARE ROW EXCLUSIVE for a foreign key.",
    safe="Put VALIDATE CONSTRAINT into a file of its own, or into a file with '-- no-transaction'.",
    example="ALTER TABLE app.orders ADD CONSTRAINT price CHECK (price > 0) NOT VALID;\n"
    "ALTER TABLE app.orders VALIDATE CONSTRAINT price;",
    instead="ALTER TABLE app.orders VALIDATE CONSTRAINT price;",
    sized=True,
)
def validate(change: Change, scene: Scene) -> str | None:
    """Find VALIDATE of a constraint that the same transaction added."""
    if not scene.transactional or scene.is_new(change.target):
        return None
    if f"{change.target}.{change.name}" not in scene.new:
        return None
    return f"VALIDATE CONSTRAINT {change.name} in the transaction that adds it"


@rule(
    "add-unique-constraint",
    "CONSTR_UNIQUE",
    "CONSTR_PRIMARY",
    danger="Its index is built while nobody else may use the table; it fails on the first duplicate.",
    lock=f"{EXCLUSIVE} It is held until the index is built.",
    safe="CREATE UNIQUE INDEX CONCURRENTLY in one file, ADD CONSTRAINT ... USING INDEX in the next.",
    example="ALTER TABLE app.orders ADD CONSTRAINT orders_number UNIQUE (number);",
    instead="ALTER TABLE app.orders ADD CONSTRAINT orders_number UNIQUE USING INDEX orders_number;",
    sized=True,
    squawk=("disallowed-unique-constraint", "adding-serial-primary-key-field"),
)
def unique(change: Change, scene: Scene) -> str | None:
    """Find keys that build their index by themselves."""
    if not _on_old_table(change, scene) or change.node.indexname:
        return None
    word = "UNIQUE" if change.kind == "CONSTR_UNIQUE" else "PRIMARY KEY"
    return f"{word} on {shown(change.target)}"


@rule(
    "primary-key-on-nullable-columns",
    "CONSTR_PRIMARY",
    danger="USING INDEX sets its columns NOT NULL, and reads all rows for it where they are not so yet.",
    lock=f"{EXCLUSIVE} It is held while all rows are read.",
    safe="Set the columns NOT NULL first, by way of a validated CHECK.",
    example="ALTER TABLE app.orders ADD CONSTRAINT orders_pkey PRIMARY KEY USING INDEX orders_key;",
    instead="ALTER TABLE app.orders ADD CONSTRAINT orders_number UNIQUE USING INDEX orders_key;",
    level="advice",
    sized=True,
)
def primary_key(change: Change, scene: Scene) -> str | None:
    """Find a primary key made of an index whose columns are not known to be NOT NULL."""
    if not _on_old_table(change, scene) or not change.node.indexname:
        return None
    table = scene.table(change.target)
    if table is not None and change.node.indexname in table.indexes:
        columns = table.indexes[change.node.indexname].columns
        if all(
            each in table.proven or (table.columns.get(each) and table.columns[each].not_null)
            for each in columns
        ):
            return None
    return f"PRIMARY KEY USING INDEX {change.node.indexname}"


@rule(
    "add-exclusion-constraint",
    "CONSTR_EXCLUSION",
    danger="Its index is built while nobody else may use the table, and there is no way to build it "
    "concurrently.",
    lock=f"{EXCLUSIVE} It is held until the index is built.",
    safe="Make a new table with the constraint and move the rows in batches, or add it while nobody works.",
    example="ALTER TABLE app.stays ADD CONSTRAINT no_overlap EXCLUDE USING gist (during WITH &&);",
    instead="CREATE TABLE app.stays_apart (id bigint PRIMARY KEY, during tstzrange, "
    "EXCLUDE USING gist (during WITH &&));",
    sized=True,
)
def exclusion(change: Change, scene: Scene) -> str | None:
    """Find exclusion constraints on tables that stood before."""
    if change.place == "create" or scene.is_new(change.target):
        return None
    return f"EXCLUDE on {shown(change.target)}"


@rule(
    "drop-constraint",
    "AT_DropConstraint",
    danger="What it kept out may come in from now on, and its index goes with it.",
    lock=f"{EXCLUSIVE} A foreign key locks the table that it refers to as well.",
    safe="Add what takes its place first (NOT VALID, then VALIDATE), then allow this line with that as its "
    "reason.",
    example="ALTER TABLE app.orders DROP CONSTRAINT orders_price;",
    instead="ALTER TABLE app.orders ADD CONSTRAINT orders_price_2 CHECK (price >= 0) NOT VALID;",
    squawk=("ban-drop-constraint",),
)
def drop_constraint(change: Change, scene: Scene) -> str | None:
    """Find dropped constraints, but those that only proved NOT NULL or that UP added."""
    key = f"{change.target}.{change.name}"
    if scene.is_new(change.target) or key in scene.new or scene.undoes(key) or scene.undoes(change.target):
        return None
    table = scene.table(change.target)
    if table is not None and change.name in table.proven.values():
        return None
    if scene.direction == "down" and any(_may_be(each, change.name) for each in scene.made):
        return None
    return f"DROP CONSTRAINT {change.name} on {shown(change.target)}"


def _may_be(made: str, constraint: str) -> bool:
    """Whether a constraint's generated name is that of a column that UP added."""
    return made.count(".") == 2 and made.rpartition(".")[2] in constraint


@rule(
    "constraint-not-enforced",
    "AT_AlterConstraint",
    "CONSTR_ATTR_NOT_ENFORCED",
    "CONSTR_FOREIGN",
    "CONSTR_CHECK",
    danger="A constraint that is not enforced promises what nobody keeps.",
    lock=f"{EXCLUSIVE} Only for a moment.",
    safe="Enforce it, by way of NOT VALID and VALIDATE where rows are many.",
    example="CREATE TABLE app.lines (id bigint PRIMARY KEY, item bigint REFERENCES app.items (id) NOT "
    "ENFORCED);",
    instead="CREATE TABLE app.lines (id bigint PRIMARY KEY, item bigint REFERENCES app.items (id));\n"
    "CREATE INDEX ON app.lines (item);",
    level="advice",
    squawk=("ban-new-write-restriction",),
)
def not_enforced(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find NOT ENFORCED."""
    if change.kind == "CONSTR_ATTR_NOT_ENFORCED":
        return f"NOT ENFORCED on {shown(change.target)}"
    if change.kind == "AT_AlterConstraint":
        altered = getattr(change.node, "def").atalter_constraint
        weaker = altered.alter_enforceability and not altered.is_enforced
        return f"{altered.conname} becomes NOT ENFORCED" if weaker else None
    if change.place == "constraint" and not change.node.is_enforced:
        return f"NOT ENFORCED on {shown(change.target)}"
    return None


@rule(
    "alter-domain-constraint",
    "alter_domain_stmt",
    danger="Every row of every table that uses the domain is read while those tables are locked.",
    lock="SHARE on each table that uses the domain: blocks writes on all of them.",
    safe="ADD CONSTRAINT ... NOT VALID, then VALIDATE CONSTRAINT in a later file.",
    example="ALTER DOMAIN app.price ADD CONSTRAINT positive CHECK (VALUE > 0);",
    instead="ALTER DOMAIN app.price ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID;",
    squawk=("ban-alter-domain-with-add-constraint",),
)
def alter_domain(change: Change, scene: Scene) -> str | None:
    """Find constraints added to a domain with their validation."""
    node = change.node
    name = ".".join(each.string.sval for each in node.type_name)
    if f"{name if '.' in name else f'{scene.schema}.{name}'}" in scene.new:
        return None
    if node.subtype == "O":
        return f"ALTER DOMAIN {name} SET NOT NULL"
    if node.subtype == "C" and not getattr(node, "def").constraint.skip_validation:
        return f"ALTER DOMAIN {name} ADD CONSTRAINT"
    return None


@rule(
    "domain-with-constraint",
    "create_domain_stmt",
    danger="A domain's constraint can hardly be changed later: each change reads every table that uses it.",
    lock=f"None now; later {WRITES}",
    safe="Use the plain type, and a CHECK on each table.",
    example="CREATE DOMAIN app.price AS numeric CHECK (VALUE > 0);",
    instead="CREATE DOMAIN app.price AS numeric;",
    level="advice",
    squawk=("ban-create-domain-with-constraint",),
)
def domain(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find domains made with a constraint."""
    if not change.node.constraints:
        return None
    return f"CREATE DOMAIN {change.node.domainname[-1].string.sval} with a constraint"
