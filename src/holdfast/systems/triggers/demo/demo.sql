-- name: find_user
-- purpose: Find the demo's user.
SELECT id FROM holdfast.users WHERE username = 'demo'

-- name: find_action
-- purpose: Find the action of a trigger of the demo.
SELECT actions.id, actions.signing_secret
    FROM triggers.triggers AS owned
    JOIN triggers.trigger_actions AS actions ON actions.trigger_id = owned.id
    WHERE owned.user_id = %(user_id)s AND owned.name = %(name)s
    ORDER BY actions.id
    LIMIT 1

-- name: point
-- purpose: Point an action of the demo at the port on which the receiver listens this time.
UPDATE triggers.trigger_actions
    SET config = jsonb_set(config, '{url}', to_jsonb(%(url)s::TEXT))
    WHERE id = %(id)s
