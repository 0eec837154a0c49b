"""Rules about who may see and do what."""

from __future__ import annotations

from holdfast.migrate.lint.changes import Change, shown
from holdfast.migrate.lint.grammar import Node, names_of, object_type
from holdfast.migrate.lint.rule import EXCLUSIVE, rule
from holdfast.migrate.lint.scene import Scene

_PUBLIC = 5  # ROLESPEC_PUBLIC


def _options(node: Node) -> dict[str, Node]:
    return {each.def_elem.defname: each.def_elem for each in node.options}


def _to_public(node: Node) -> bool:
    return any(each.role_spec.roletype == _PUBLIC for each in node.grantees)


@rule(
    "grant-to-public",
    "grant_stmt",
    "alter_default_privileges_stmt",
    danger="Every role of the server has it, those of tomorrow too.",
    safe="Grant it to the roles that need it.",
    example="GRANT SELECT ON app.orders TO PUBLIC;",
    instead="GRANT SELECT ON app.orders TO readers;",
)
def grant_public(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find grants to PUBLIC, default privileges too."""
    node = change.node.action if change.kind == "alter_default_privileges_stmt" else change.node
    if not node.is_grant or not _to_public(node):
        return None
    kind = object_type(node.objtype).removeprefix("OBJECT_").lower()
    default = " by default" if change.kind != "grant_stmt" else ""
    return f"GRANT on a {kind} TO PUBLIC{default}"


@rule(
    "revoke",
    "grant_stmt",
    danger="Who still works with it is refused from one moment to the next.",
    safe="Move the role's work over first, then allow it with that as the reason.",
    example="REVOKE SELECT ON app.orders FROM readers;",
    instead="REVOKE ALL ON app.orders FROM PUBLIC;",
    level="advice",
    up_only=True,
    squawk=("ban-revoke",),
)
def revoke(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find rights taken from named roles; from PUBLIC is how rights are narrowed from the start."""
    if change.node.is_grant or _to_public(change.node):
        return None
    return f"REVOKE from {', '.join(each.role_spec.rolename for each in change.node.grantees)}"


@rule(
    "security-definer-search-path",
    "create_function_stmt",
    "alter_function_stmt",
    danger="Whoever calls it chooses by search_path which tables and operators run with its owner's rights.",
    safe="SET search_path = '' (or the schemas that only the owner may create in, pg_temp last).",
    example="CREATE FUNCTION app.see() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT 1';",
    instead="CREATE FUNCTION app.see() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = ''\n"
    "AS 'SELECT 1';\nREVOKE EXECUTE ON FUNCTION app.see() FROM PUBLIC;",
)
def definer_path(change: Change, scene: Scene) -> str | None:
    """Find SECURITY DEFINER without a search_path, which a later ALTER FUNCTION of the file may set."""
    if change.kind == "create_function_stmt":
        name = names_of(change.node.funcname)
        options = _options(change.node)
        paths = [each.def_elem.arg for each in change.node.options if each.def_elem.defname == "set"]
    else:
        name = names_of(change.node.func.objname)
        options = {each.def_elem.defname: each.def_elem for each in change.node.actions}
        paths = [each.def_elem.arg for each in change.node.actions if each.def_elem.defname == "set"]
    if "security" not in options or not options["security"].arg.boolean.boolval:
        return None
    if any(each.variable_set_stmt.name == "search_path" for each in paths) or _set_later(name, scene):
        return None
    return f"{'.'.join(name)}() is SECURITY DEFINER without a search_path"


def _set_later(name: list[str], scene: Scene) -> bool:
    for each in scene.statements:
        if each.kind == "alter_function_stmt" and names_of(each.node.func.objname) == name:
            actions = [action.def_elem for action in each.node.actions]
            if any(a.defname == "set" and a.arg.variable_set_stmt.name == "search_path" for a in actions):
                return True
    return False


@rule(
    "security-definer-for-all",
    "create_function_stmt",
    danger="Every role may run it with its owner's rights: EXECUTE is granted to PUBLIC unless it is "
    "revoked.",
    safe="REVOKE EXECUTE ... FROM PUBLIC in the same file, and grant it to those who need it.",
    example="CREATE FUNCTION app.see() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = '' AS "
    "'SELECT 1';",
    instead="CREATE FUNCTION app.see() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = ''\n"
    "AS 'SELECT 1';\nREVOKE EXECUTE ON FUNCTION app.see() FROM PUBLIC;",
    level="advice",
)
def definer_for_all(change: Change, scene: Scene) -> str | None:
    """Find SECURITY DEFINER without a REVOKE in the file; triggers' functions cannot be called."""
    options = _options(change.node)
    if "security" not in options or not options["security"].arg.boolean.boolval:
        return None
    if (
        names_of(change.node.return_type.names)[-1:] in (["trigger"], ["event_trigger"])
        or change.node.replace
    ):
        return None
    name = names_of(change.node.funcname)
    for each in scene.statements:
        if each.kind == "grant_stmt" and not each.node.is_grant and _to_public(each.node):
            objects = [names_of(item.object_with_args.objname) for item in each.node.objects]
            if name in objects or each.node.targtype == 2:  # ALL FUNCTIONS IN SCHEMA
                return None
    return f"{'.'.join(name)}() may be run by PUBLIC"


@rule(
    "disable-row-security",
    "AT_DisableRowSecurity",
    "AT_NoForceRowSecurity",
    danger="Everybody who may read the table sees every tenant's rows.",
    lock=f"{EXCLUSIVE} Only for a moment.",
    safe="Change the policies instead; a role that must see all gets a policy, or BYPASSRLS.",
    example="ALTER TABLE app.orders DISABLE ROW LEVEL SECURITY;",
    instead="ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;",
    squawk=("ban-alter-row-level-security",),
)
def disable_row_security(change: Change, scene: Scene) -> str | None:
    """Find row level security switched off; a DOWN may switch off what its UP switched on."""
    opposite = "AT_EnableRowSecurity" if change.kind == "AT_DisableRowSecurity" else "AT_ForceRowSecurity"
    if scene.direction == "down" and f"{opposite} {change.target}" in scene.made:
        return None
    word = "DISABLE" if change.kind == "AT_DisableRowSecurity" else "NO FORCE"
    return f"{word} ROW LEVEL SECURITY on {shown(change.target)}"


@rule(
    "row-security-without-policy",
    "AT_EnableRowSecurity",
    danger="Without a policy nobody but the owner sees or writes a row: the table is empty to them at once.",
    lock=f"{EXCLUSIVE} Only for a moment.",
    safe="CREATE POLICY in the same file, before it is enabled.",
    example="ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;",
    instead="CREATE POLICY own ON app.orders TO clerks USING (payer = current_setting('app.user')::bigint);\n"
    "ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY;",
    up_only=True,
    squawk=("ban-alter-row-level-security",),
)
def no_policy(change: Change, scene: Scene) -> str | None:
    """Find ENABLE ROW LEVEL SECURITY where neither this file nor an earlier one makes a policy."""
    table = scene.table(change.target)
    if table is not None and table.policies:
        return None
    for each in scene.statements:
        if each.kind == "create_policy_stmt" and _names(each.node.table, change.target, scene.schema):
            return None
    return f"ENABLE ROW LEVEL SECURITY on {shown(change.target)} without a policy"


def _names(relation: Node, key: str, schema: str) -> bool:
    return f"{relation.schemaname or schema}.{relation.relname}" == key


@rule(
    "policy-for-everybody",
    "create_policy_stmt",
    "alter_policy_stmt",
    danger="A policy that always holds, for PUBLIC, lets every role have every row.",
    lock=f"{EXCLUSIVE} Only for a moment.",
    safe="Name the roles (TO ...), or write the condition.",
    example="CREATE POLICY open ON app.orders USING (true);",
    instead="CREATE POLICY own ON app.orders TO clerks USING (payer = current_setting('app.user')::bigint);",
    squawk=("ban-alter-policy-condition", "ban-create-policy"),
)
def open_policy(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find permissive policies of PUBLIC that always hold."""
    node = change.node
    if change.kind == "create_policy_stmt":
        to_public = any(each.role_spec.roletype == _PUBLIC for each in node.roles)
        if not node.permissive or not to_public:
            return None
    for each in (node.qual, node.with_check):
        if each.WhichOneof("node") == "a_const" and each.a_const.boolval.boolval:
            return f"the policy {node.policy_name} on {shown(change.target)} holds always"
    return None


@rule(
    "change-policy",
    "alter_policy_stmt",
    "drop OBJECT_POLICY",
    danger="From one moment to the next others see the rows, or those who should see them do not.",
    lock=f"{EXCLUSIVE} Only for a moment.",
    safe="Make the new policy before the old one is dropped, in one file, and allow it with the reason.",
    example="DROP POLICY own ON app.orders;",
    instead="CREATE POLICY own_too ON app.orders TO clerks USING (payer = 7);",
    level="advice",
    up_only=True,
    squawk=("ban-drop-policy", "ban-alter-policy-condition", "ban-alter-policy-roles"),
)
def change_policy(change: Change, scene: Scene) -> str | None:
    """Find policies changed or dropped on tables that stood before."""
    if scene.is_new(change.target):
        return None
    return (
        f"a policy of {shown(change.target)} is {'dropped' if change.kind.startswith('drop') else 'changed'}"
    )


@rule(
    "password-in-file",
    "create_role_stmt",
    "alter_role_stmt",
    "create_user_mapping_stmt",
    "alter_user_mapping_stmt",
    "create_subscription_stmt",
    danger="The secret stands in the repository, in the server's log and in whatever reads either.",
    safe="Set it by hand or from a secret store (\\password, SCRAM verifier), never in a migration.",
    example="CREATE ROLE teller LOGIN PASSWORD 'guess';",
    instead="GRANT SELECT ON app.orders TO teller;",
)
def password(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find secrets."""
    if change.kind == "create_subscription_stmt":
        return "a connection string with a password" if "password=" in change.node.conninfo else None
    for name, option in _options(change.node).items():
        if name == "password" and option.HasField("arg"):
            return "a password"
    return None


@rule(
    "powerful-role",
    "create_role_stmt",
    "alter_role_stmt",
    danger="The role is above every right and policy of every database of the server.",
    safe="Grant what is needed by name; pg_monitor, pg_maintain and their like for jobs.",
    example="ALTER ROLE teller SUPERUSER;",
    instead="GRANT SELECT ON app.orders TO teller;",
    squawk=("ban-alter-role-options",),
)
def powerful(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find roles that bypass what protects rows."""
    for name, option in _options(change.node).items():
        if name in ("superuser", "bypassrls", "createrole", "isreplication") and option.arg.boolean.boolval:
            return (
                f"{name.upper()} for {change.node.role or change.node.role.rolename}"
                if change.kind == ("create_role_stmt")
                else f"{name.upper()} for {change.node.role.rolename}"
            )
    return None


@rule(
    "untrusted-code",
    "create_function_stmt",
    "create_plang_stmt",
    "load_stmt",
    danger="It runs as the server's operating-system account, with all that this may read and write.",
    safe="PL/pgSQL or SQL; what must reach out runs outside of the database.",
    example="CREATE FUNCTION app.run() RETURNS void LANGUAGE plpython3u AS 'import os';",
    instead="CREATE FUNCTION app.run() RETURNS int LANGUAGE sql AS 'SELECT 1';",
)
def untrusted(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find functions in languages that are not trusted."""
    if change.kind == "load_stmt":
        return f"LOAD '{change.node.filename}'"
    if change.kind == "create_plang_stmt":
        return None if change.node.pltrusted else f"CREATE LANGUAGE {change.node.plname}"
    language = _options(change.node).get("language")
    if language is None:
        return None
    name = language.arg.string.sval.lower()
    if name in ("c", "internal") or (name.startswith("pl") and name.endswith("u")):
        return f"a function in {name}"
    return None


@rule(
    "view-around-row-security",
    "view_stmt",
    danger="A view reads with its owner's rights: row level security of the tables below does not hold for "
    "its readers.",
    safe="WITH (security_invoker = true), or conditions of its own with security_barrier.",
    example="CREATE TABLE app.books (id bigint PRIMARY KEY, owner bigint);\n"
    "CREATE POLICY own ON app.books TO clerks USING (owner = 7);\n"
    "ALTER TABLE app.books ENABLE ROW LEVEL SECURITY;\n"
    "CREATE VIEW app.all_books AS SELECT id FROM app.books;",
    instead="CREATE TABLE app.books (id bigint PRIMARY KEY, owner bigint);\n"
    "CREATE POLICY own ON app.books TO clerks USING (owner = 7);\n"
    "ALTER TABLE app.books ENABLE ROW LEVEL SECURITY;\n"
    "CREATE VIEW app.all_books WITH (security_invoker = true) AS SELECT id FROM app.books;",
    level="advice",
    up_only=True,
    squawk=("ban-alter-view-options",),
)
def view_around(change: Change, scene: Scene) -> str | None:
    """Find views over tables with row level security that do not ask with the reader's rights."""
    invoker = _options(change.node).get("security_invoker")
    if invoker is not None and invoker.arg.string.sval.lower() not in ("false", "off", "0"):
        return None
    for each in change.node.query.select_stmt.from_clause:
        if each.WhichOneof("node") != "range_var":
            continue
        key = f"{each.range_var.schemaname or scene.schema}.{each.range_var.relname}"
        table = scene.table(key)
        if table is not None and table.row_security:
            return f"{shown(change.target)} reads {shown(key)} past its policies"
    return None


@rule(
    "publish-everything",
    "create_publication_stmt",
    "alter_publication_stmt",
    danger="Every table is sent to subscribers, those of tomorrow too; tables without a key refuse UPDATE "
    "and DELETE.",
    lock="SHARE UPDATE EXCLUSIVE on each table.",
    safe="Name the tables.",
    example="CREATE PUBLICATION all_of_it FOR ALL TABLES;",
    instead="CREATE PUBLICATION some_of_it FOR TABLE app.orders;",
    level="advice",
)
def publish(change: Change, scene: Scene) -> str | None:  # noqa: ARG001  # every check has the same form
    """Find publications of all tables."""
    if not change.node.for_all_tables:
        return None
    return f"the publication {change.node.pubname} FOR ALL TABLES"
