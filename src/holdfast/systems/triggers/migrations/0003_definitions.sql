-- UP

CREATE TABLE triggers.triggers (
    id TEXT PRIMARY KEY DEFAULT gen_random_uuid()::TEXT,
    user_id TEXT NOT NULL,
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    description TEXT CHECK (length(description) <= 2000),
    chain_id BIGINT NOT NULL CHECK (chain_id > 0),
    registry TEXT NOT NULL CHECK (registry IN ('identity', 'reputation', 'validation')),
    enabled BOOLEAN NOT NULL DEFAULT true,
    is_stateful BOOLEAN NOT NULL DEFAULT false CHECK (NOT is_stateful),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    updated_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT fk_user FOREIGN KEY (user_id) REFERENCES holdfast.users (id) ON DELETE CASCADE
);
CREATE INDEX idx_triggers_user_id ON triggers.triggers (user_id);
CREATE INDEX idx_triggers_chain_registry_enabled
    ON triggers.triggers (chain_id, registry, enabled)
    WHERE enabled = true;
COMMENT ON TABLE triggers.triggers IS
    'What users want to be told of: a chain, a registry, conditions that must all hold, actions.';
COMMENT ON COLUMN triggers.triggers.is_stateful IS 'No condition keeps state yet.';

CREATE TRIGGER update_triggers_updated_at
    BEFORE UPDATE ON triggers.triggers
    FOR EACH ROW EXECUTE FUNCTION triggers.update_updated_at_column();

-- holdfast-lint: allow prefer-bigint-key, prefer-identity: the seed's type; people write these rows
CREATE TABLE triggers.trigger_conditions (
    id SERIAL PRIMARY KEY,
    trigger_id TEXT NOT NULL,
    condition_type TEXT NOT NULL,
    field TEXT NOT NULL,
    operator TEXT NOT NULL,
    value TEXT NOT NULL,
    config JSONB,
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT fk_trigger FOREIGN KEY (trigger_id) REFERENCES triggers.triggers (id) ON DELETE CASCADE
);
CREATE INDEX idx_trigger_conditions_trigger_id ON triggers.trigger_conditions (trigger_id);
COMMENT ON TABLE triggers.trigger_conditions IS
    'All conditions of a trigger must hold; one that does not apply to an event does not hold.';

-- holdfast-lint: allow prefer-bigint-key, prefer-identity: the seed's type; people write these rows
CREATE TABLE triggers.trigger_actions (
    id SERIAL PRIMARY KEY,
    trigger_id TEXT NOT NULL,
    action_type TEXT NOT NULL CHECK (action_type IN ('telegram', 'rest', 'mcp')),
    priority INTEGER NOT NULL DEFAULT 1,
    config JSONB NOT NULL CHECK (jsonb_typeof(config) = 'object'),
    signing_secret TEXT NOT NULL DEFAULT 'whsec_' || encode(
        decode(replace(gen_random_uuid()::TEXT || gen_random_uuid()::TEXT, '-', ''), 'hex'), 'base64'),
    created_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    CONSTRAINT fk_trigger FOREIGN KEY (trigger_id) REFERENCES triggers.triggers (id) ON DELETE CASCADE,
    CONSTRAINT rest_has_a_url CHECK (action_type <> 'rest' OR coalesce(config ->> 'url', '') ~* '^https?://')
);
CREATE INDEX idx_trigger_actions_trigger_id ON triggers.trigger_actions (trigger_id);
COMMENT ON COLUMN triggers.trigger_actions.priority IS 'Lower number, higher priority.';
COMMENT ON COLUMN triggers.trigger_actions.signing_secret IS
    'Signs what is sent (Standard Webhooks); told once, when the action is made.';

-- DOWN

DROP TABLE triggers.trigger_actions;
DROP TABLE triggers.trigger_conditions;
DROP TABLE triggers.triggers;
