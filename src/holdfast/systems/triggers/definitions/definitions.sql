-- name: insert
-- purpose: Make a trigger.
INSERT INTO triggers.triggers (user_id, name, description, chain_id, registry, enabled)
    VALUES (%(user_id)s, %(name)s, %(description)s, %(chain_id)s, %(registry)s, %(enabled)s)
    RETURNING id

-- name: insert_condition
-- purpose: Add a condition to a trigger; the database refuses one that cannot be compiled.
INSERT INTO triggers.trigger_conditions (trigger_id, condition_type, field, operator, value, config)
    VALUES (%(trigger_id)s, %(condition_type)s, %(field)s, %(operator)s, %(value)s, %(config)s)

-- name: delete_conditions
-- purpose: Take all conditions from a trigger.
DELETE FROM triggers.trigger_conditions WHERE trigger_id = %(trigger_id)s

-- name: insert_action
-- purpose: Add an action to a trigger; its signing secret is told this once.
INSERT INTO triggers.trigger_actions (trigger_id, action_type, priority, config)
    VALUES (%(trigger_id)s, %(action_type)s, %(priority)s, %(config)s)
    RETURNING id, signing_secret

-- name: update_action
-- purpose: Change an action that a trigger has; its signing secret stays.
UPDATE triggers.trigger_actions
    SET action_type = %(action_type)s, priority = %(priority)s, config = %(config)s
    WHERE id = %(id)s AND trigger_id = %(trigger_id)s
    RETURNING id

-- name: delete_actions
-- purpose: Take from a trigger the actions that are not kept.
DELETE FROM triggers.trigger_actions WHERE trigger_id = %(trigger_id)s AND id <> ALL (%(kept)s::INTEGER[])

-- name: update
-- purpose: Change a user's trigger.
UPDATE triggers.triggers
    SET name = %(name)s, description = %(description)s, chain_id = %(chain_id)s, registry = %(registry)s,
        enabled = %(enabled)s
    WHERE id = %(id)s AND user_id = %(user_id)s

-- name: delete
-- purpose: Delete a user's trigger with its conditions, actions and matches; what waits is cancelled.
DELETE FROM triggers.triggers WHERE id = %(id)s AND user_id = %(user_id)s RETURNING id

-- name: lock
-- purpose: Lock a user's trigger until the transaction ends, for who compares it before changing it.
SELECT id FROM triggers.triggers WHERE id = %(id)s AND user_id = %(user_id)s FOR NO KEY UPDATE

-- name: find
-- purpose: Read a user's trigger with its conditions and actions.
SELECT owned.*,
       (SELECT coalesce(json_agg(conditions ORDER BY conditions.id), '[]')
            FROM (SELECT id, condition_type, field, operator, value, config, created_at
                      FROM triggers.trigger_conditions WHERE trigger_id = owned.id) AS conditions
       ) AS conditions,
       (SELECT coalesce(json_agg(actions ORDER BY actions.priority, actions.id), '[]')
            FROM (SELECT id, action_type, priority, config, created_at
                      FROM triggers.trigger_actions WHERE trigger_id = owned.id) AS actions
       ) AS actions
    FROM triggers.triggers AS owned
    WHERE owned.id = %(id)s AND owned.user_id = %(user_id)s

-- name: list
-- purpose: Read a page of a user's triggers, the newest first.
SELECT owned.*,
       (SELECT coalesce(json_agg(conditions ORDER BY conditions.id), '[]')
            FROM (SELECT id, condition_type, field, operator, value, config, created_at
                      FROM triggers.trigger_conditions WHERE trigger_id = owned.id) AS conditions
       ) AS conditions,
       (SELECT coalesce(json_agg(actions ORDER BY actions.priority, actions.id), '[]')
            FROM (SELECT id, action_type, priority, config, created_at
                      FROM triggers.trigger_actions WHERE trigger_id = owned.id) AS actions
       ) AS actions
    FROM triggers.triggers AS owned
    WHERE owned.user_id = %(user_id)s
      AND (%(chain_id)s::BIGINT IS NULL OR owned.chain_id = %(chain_id)s)
      AND (%(registry)s::TEXT IS NULL OR owned.registry = %(registry)s)
      AND (%(enabled)s::BOOLEAN IS NULL OR owned.enabled = %(enabled)s)
      AND (%(after_time)s::TIMESTAMPTZ IS NULL
           OR (owned.created_at, owned.id) < (%(after_time)s, %(after_id)s::TEXT))
    ORDER BY owned.created_at DESC, owned.id DESC
    LIMIT %(limit)s
