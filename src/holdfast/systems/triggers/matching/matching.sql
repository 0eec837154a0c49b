-- name: match
-- purpose: Match the events that this transaction stored or restored, and queue the actions that follow.
-- Each class of compiled triggers has a branch and an index of its own. Every branch refers to the event,
-- so each is a look-up by event whatever the statistics say: the plan cannot jump.
WITH batch AS MATERIALIZED (
    SELECT chain_id, block_number, block_hash, block_time, log_index, generation, registry, event_type,
           agent_id, score, response::NUMERIC AS response, tag1, tag2, tag
        FROM triggers.events
        WHERE chain_id = %(chain_id)s
          AND block_number BETWEEN %(first_block)s AND %(last_block)s
          AND block_time BETWEEN %(first_time)s AND %(last_time)s
          AND (created_at = now() OR block_hash = ANY (%(restored)s::TEXT[]))
          AND canonical
), fired AS MATERIALIZED (
    SELECT compiled.trigger_id, batch.chain_id, batch.block_hash, batch.log_index, batch.generation,
           batch.block_number, batch.block_time
        FROM batch CROSS JOIN LATERAL (
            SELECT * FROM triggers.compiled_triggers AS c
                WHERE c.class = 'agent' AND c.chain_id = batch.chain_id AND c.registry = batch.registry
                  AND c.number_key = batch.agent_id
            UNION ALL
            SELECT * FROM triggers.compiled_triggers AS c
                WHERE c.class = 'tag1' AND c.chain_id = batch.chain_id AND c.registry = batch.registry
                  AND c.text_key = batch.tag1
            UNION ALL
            SELECT * FROM triggers.compiled_triggers AS c
                WHERE c.class = 'tag2' AND c.chain_id = batch.chain_id AND c.registry = batch.registry
                  AND c.text_key = batch.tag2
            UNION ALL
            SELECT * FROM triggers.compiled_triggers AS c
                WHERE c.class = 'tag' AND c.chain_id = batch.chain_id AND c.registry = batch.registry
                  AND c.text_key = batch.tag
            UNION ALL
            SELECT * FROM triggers.compiled_triggers AS c
                WHERE c.class = 'below' AND c.chain_id = batch.chain_id AND c.registry = batch.registry
                  AND c.number_key >= batch.score
            UNION ALL
            SELECT * FROM triggers.compiled_triggers AS c
                WHERE c.class = 'above' AND c.chain_id = batch.chain_id AND c.registry = batch.registry
                  AND c.number_key <= batch.score
            UNION ALL
            SELECT * FROM triggers.compiled_triggers AS c
                WHERE c.class = 'type' AND c.chain_id = batch.chain_id AND c.registry = batch.registry
                  AND c.text_key = batch.event_type
            UNION ALL
            SELECT * FROM triggers.compiled_triggers AS c
                WHERE c.class = 'any' AND c.chain_id = batch.chain_id AND c.registry = batch.registry
        ) AS compiled
        WHERE (compiled.agent_ids IS NULL OR batch.agent_id <@ compiled.agent_ids)
          AND (compiled.scores IS NULL OR batch.score <@ compiled.scores)
          AND (compiled.responses IS NULL OR batch.response <@ compiled.responses)
          AND (compiled.event_types IS NULL OR batch.event_type <@ compiled.event_types)
          AND (compiled.tag1s IS NULL OR batch.tag1 <@ compiled.tag1s)
          AND (compiled.tag2s IS NULL OR batch.tag2 <@ compiled.tag2s)
          AND (compiled.tags IS NULL OR batch.tag <@ compiled.tags)
          AND (compiled.event_type_patterns IS NULL
               OR batch.event_type LIKE ALL (compiled.event_type_patterns))
          AND (compiled.tag1_patterns IS NULL OR batch.tag1 LIKE ALL (compiled.tag1_patterns))
          AND (compiled.tag2_patterns IS NULL OR batch.tag2 LIKE ALL (compiled.tag2_patterns))
          AND (compiled.tag_patterns IS NULL OR batch.tag LIKE ALL (compiled.tag_patterns))
), decided AS MATERIALIZED (
    -- a trigger that is deleted meanwhile either waits for this transaction or is gone from it
    SELECT fired.*, owned.user_id
        FROM fired JOIN triggers.triggers AS owned ON owned.id = fired.trigger_id
        ORDER BY owned.id
        FOR KEY SHARE OF owned
), matched AS (
    INSERT INTO triggers.matches
        (trigger_id, chain_id, block_hash, log_index, generation, block_number, block_time)
        SELECT trigger_id, chain_id, block_hash, log_index, generation, block_number, block_time FROM decided
)
INSERT INTO triggers.action_jobs
    (id, kind, trigger_id, action_id, action_type, user_id, chain_id, block_number, block_hash, block_time,
     log_index, generation, priority)
    SELECT 'msg_' || left(encode(sha256(convert_to(concat_ws('/', 'match', actions.id, decided.chain_id,
               decided.block_hash, decided.log_index, decided.generation), 'UTF8')), 'hex'), 32),
           'match', decided.trigger_id, actions.id, actions.action_type, decided.user_id, decided.chain_id,
           decided.block_number, decided.block_hash, decided.block_time, decided.log_index,
           decided.generation, actions.priority
        FROM decided
        JOIN triggers.trigger_actions AS actions
          ON actions.trigger_id = decided.trigger_id AND actions.action_type = 'rest'
