-- holdfast-lint: allow create-trigger: the table is released together with this file, so it has no rows yet

-- UP

-- Enabled triggers, ready to be matched: a row a trigger and key. `class` says what the key is and so
-- by which index an event finds the row: an agent, a tag, the bound that its score must stay below or
-- above, an event type, or (any) only chain and registry. The other columns are what must hold besides;
-- NULL is no condition.
-- holdfast-lint: allow table-without-primary-key: rows are derived; they are found by trigger and never named
CREATE TABLE triggers.compiled_triggers (
    trigger_id TEXT NOT NULL REFERENCES triggers.triggers (id) ON DELETE CASCADE,
    chain_id BIGINT NOT NULL,
    registry TEXT NOT NULL,
    class TEXT NOT NULL CHECK (class IN ('agent', 'tag1', 'tag2', 'tag', 'below', 'above', 'type', 'any')),
    number_key NUMERIC,
    text_key TEXT,
    agent_ids NUMMULTIRANGE,
    scores NUMMULTIRANGE,
    responses NUMMULTIRANGE,
    event_types triggers.text_multirange,
    tag1s triggers.text_multirange,
    tag2s triggers.text_multirange,
    tags triggers.text_multirange,
    event_type_patterns TEXT[],
    tag1_patterns TEXT[],
    tag2_patterns TEXT[],
    tag_patterns TEXT[],
    CHECK ((number_key IS NOT NULL) = (class IN ('agent', 'below', 'above'))),
    CHECK ((text_key IS NOT NULL) = (class IN ('tag1', 'tag2', 'tag', 'type')))
);
CREATE INDEX compiled_triggers_trigger ON triggers.compiled_triggers (trigger_id);
CREATE INDEX compiled_triggers_agent ON triggers.compiled_triggers (chain_id, registry, number_key)
    WHERE class = 'agent';
CREATE INDEX compiled_triggers_tag1 ON triggers.compiled_triggers (chain_id, registry, text_key)
    WHERE class = 'tag1';
CREATE INDEX compiled_triggers_tag2 ON triggers.compiled_triggers (chain_id, registry, text_key)
    WHERE class = 'tag2';
CREATE INDEX compiled_triggers_tag ON triggers.compiled_triggers (chain_id, registry, text_key)
    WHERE class = 'tag';
CREATE INDEX compiled_triggers_below ON triggers.compiled_triggers (chain_id, registry, number_key)
    WHERE class = 'below';
CREATE INDEX compiled_triggers_above ON triggers.compiled_triggers (chain_id, registry, number_key)
    WHERE class = 'above';
CREATE INDEX compiled_triggers_type ON triggers.compiled_triggers (chain_id, registry, text_key)
    WHERE class = 'type';
CREATE INDEX compiled_triggers_any ON triggers.compiled_triggers (chain_id, registry)
    WHERE class = 'any';
COMMENT ON TABLE triggers.compiled_triggers IS 'Made from triggers and conditions by the database itself; never written by hand.';

-- The single values of a set, or NULL where it is not made of at most 1000 single values.
CREATE FUNCTION triggers.single_numbers(numbers NUMMULTIRANGE) RETURNS NUMERIC[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN bool_and(lower(part) = upper(part)) AND count(*) <= 1000 THEN array_agg(lower(part)) END
        FROM unnest(numbers) AS part
$$;

CREATE FUNCTION triggers.single_texts(texts triggers.text_multirange) RETURNS TEXT[] LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN bool_and(lower(part) = upper(part)) AND count(*) <= 1000 THEN array_agg(lower(part)) END
        FROM unnest(texts) AS part
$$;

-- Makes one trigger's rows anew. The trigger's row is locked first, so that of two transactions that
-- change its conditions the later one sees both.
CREATE FUNCTION triggers.compile_trigger(wanted TEXT) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    source triggers.triggers;
    compiled triggers.compiled_triggers;
    numbers NUMERIC[];
    texts TEXT[];
BEGIN
    SELECT * INTO source FROM triggers.triggers WHERE id = wanted FOR NO KEY UPDATE;
    DELETE FROM triggers.compiled_triggers WHERE trigger_id = wanted;
    IF source.id IS NULL OR NOT source.enabled THEN
        RETURN;
    END IF;
    SELECT wanted, source.chain_id, source.registry, 'any', NULL, NULL,
           range_intersect_agg(triggers.numbers_that_hold(operator, value)) FILTER (WHERE field = 'agent_id'),
           range_intersect_agg(triggers.numbers_that_hold(operator, value))
               FILTER (WHERE field IN ('score', 'value')),
           range_intersect_agg(triggers.numbers_that_hold(operator, value)) FILTER (WHERE field = 'response'),
           range_intersect_agg(triggers.texts_that_hold(operator, value))
               FILTER (WHERE field = 'event_type' AND operator <> 'contains'),
           range_intersect_agg(triggers.texts_that_hold(operator, value))
               FILTER (WHERE field = 'tag1' AND operator <> 'contains'),
           range_intersect_agg(triggers.texts_that_hold(operator, value))
               FILTER (WHERE field = 'tag2' AND operator <> 'contains'),
           range_intersect_agg(triggers.texts_that_hold(operator, value))
               FILTER (WHERE field = 'tag' AND operator <> 'contains'),
           array_agg(triggers.pattern_that_holds(value))
               FILTER (WHERE field = 'event_type' AND operator = 'contains'),
           array_agg(triggers.pattern_that_holds(value)) FILTER (WHERE field = 'tag1' AND operator = 'contains'),
           array_agg(triggers.pattern_that_holds(value)) FILTER (WHERE field = 'tag2' AND operator = 'contains'),
           array_agg(triggers.pattern_that_holds(value)) FILTER (WHERE field = 'tag' AND operator = 'contains')
        INTO compiled
        FROM triggers.trigger_conditions
        WHERE trigger_id = wanted;
    IF isempty(compiled.agent_ids) OR isempty(compiled.scores) OR isempty(compiled.responses)
       OR isempty(compiled.event_types) OR isempty(compiled.tag1s) OR isempty(compiled.tag2s)
       OR isempty(compiled.tags) THEN
        RETURN;  -- the conditions contradict each other: nothing can match
    END IF;
    numbers := triggers.single_numbers(compiled.agent_ids);
    IF numbers IS NOT NULL THEN
        compiled.class := 'agent';
        compiled.agent_ids := NULL;
    ELSIF triggers.single_texts(compiled.tag1s) IS NOT NULL THEN
        compiled.class := 'tag1';
        texts := triggers.single_texts(compiled.tag1s);
        compiled.tag1s := NULL;
    ELSIF triggers.single_texts(compiled.tag2s) IS NOT NULL THEN
        compiled.class := 'tag2';
        texts := triggers.single_texts(compiled.tag2s);
        compiled.tag2s := NULL;
    ELSIF triggers.single_texts(compiled.tags) IS NOT NULL THEN
        compiled.class := 'tag';
        texts := triggers.single_texts(compiled.tags);
        compiled.tags := NULL;
    ELSIF NOT upper_inf(compiled.scores) THEN
        compiled.class := 'below';
        numbers := ARRAY[upper(compiled.scores)];
    ELSIF NOT lower_inf(compiled.scores) THEN
        compiled.class := 'above';
        numbers := ARRAY[lower(compiled.scores)];
    ELSIF triggers.single_texts(compiled.event_types) IS NOT NULL THEN
        compiled.class := 'type';
        texts := triggers.single_texts(compiled.event_types);
        compiled.event_types := NULL;
    END IF;
    FOR place IN 1 .. greatest(coalesce(cardinality(numbers), cardinality(texts), 1), 1) LOOP
        compiled.number_key := numbers[place];
        compiled.text_key := texts[place];
        INSERT INTO triggers.compiled_triggers VALUES (compiled.*);
    END LOOP;
END;
$$;

CREATE FUNCTION triggers.compile_after_conditions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        PERFORM triggers.compile_trigger(trigger_id)
            FROM (SELECT DISTINCT trigger_id FROM changed_to ORDER BY trigger_id) AS changed;
    END IF;
    IF TG_OP IN ('DELETE', 'UPDATE') THEN
        PERFORM triggers.compile_trigger(trigger_id)
            FROM (SELECT DISTINCT trigger_id FROM changed_from ORDER BY trigger_id) AS changed;
    END IF;
    RETURN NULL;
END;
$$;
CREATE TRIGGER trigger_conditions_compile_insert
    AFTER INSERT ON triggers.trigger_conditions REFERENCING NEW TABLE AS changed_to
    FOR EACH STATEMENT EXECUTE FUNCTION triggers.compile_after_conditions();
CREATE TRIGGER trigger_conditions_compile_update
    AFTER UPDATE ON triggers.trigger_conditions REFERENCING OLD TABLE AS changed_from NEW TABLE AS changed_to
    FOR EACH STATEMENT EXECUTE FUNCTION triggers.compile_after_conditions();
CREATE TRIGGER trigger_conditions_compile_delete
    AFTER DELETE ON triggers.trigger_conditions REFERENCING OLD TABLE AS changed_from
    FOR EACH STATEMENT EXECUTE FUNCTION triggers.compile_after_conditions();

CREATE FUNCTION triggers.compile_after_trigger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM triggers.compile_trigger(NEW.id);
    RETURN NULL;
END;
$$;
CREATE TRIGGER triggers_compile_insert
    AFTER INSERT ON triggers.triggers
    FOR EACH ROW WHEN (NEW.enabled) EXECUTE FUNCTION triggers.compile_after_trigger();
CREATE TRIGGER triggers_compile_update
    AFTER UPDATE ON triggers.triggers
    FOR EACH ROW
    WHEN (NEW.enabled <> OLD.enabled OR NEW.chain_id <> OLD.chain_id OR NEW.registry <> OLD.registry)
    EXECUTE FUNCTION triggers.compile_after_trigger();

-- DOWN

DROP TRIGGER triggers_compile_update ON triggers.triggers;
DROP TRIGGER triggers_compile_insert ON triggers.triggers;
DROP FUNCTION triggers.compile_after_trigger();
DROP TRIGGER trigger_conditions_compile_delete ON triggers.trigger_conditions;
DROP TRIGGER trigger_conditions_compile_update ON triggers.trigger_conditions;
DROP TRIGGER trigger_conditions_compile_insert ON triggers.trigger_conditions;
DROP FUNCTION triggers.compile_after_conditions();
DROP FUNCTION triggers.compile_trigger(TEXT);
DROP FUNCTION triggers.single_texts(triggers.text_multirange);
DROP FUNCTION triggers.single_numbers(NUMMULTIRANGE);
DROP TABLE triggers.compiled_triggers;
