-- holdfast-lint: allow create-trigger: the table is released together with this file, so it has no rows yet

-- UP

-- Conditions as sets: what an operator and a value let through is a multirange, so that conditions on
-- one field combine by intersection and the database can look at the result (is it finite? is it empty?).
-- Text is compared by code point, whatever the database's collation.

CREATE TYPE triggers.text_range AS RANGE (
    SUBTYPE = text, COLLATION = "C", MULTIRANGE_TYPE_NAME = triggers.text_multirange
);

-- The values of an `in` list: a JSON array of texts or numbers, or values between commas.
CREATE FUNCTION triggers.condition_list(value TEXT) RETURNS TEXT[] LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    parts TEXT[];
    document JSONB;
BEGIN
    IF ltrim(value) LIKE '[%' THEN
        BEGIN
            document := value::JSONB;
        EXCEPTION WHEN data_exception THEN
            RAISE EXCEPTION 'The value of `in` is not a JSON array.' USING ERRCODE = 'check_violation',
                COLUMN = 'value', HINT = 'Write ["a", "b"], or a, b.';
        END;
        IF EXISTS (SELECT FROM jsonb_array_elements(document) AS element
                   WHERE jsonb_typeof(element) NOT IN ('string', 'number')) THEN
            RAISE EXCEPTION 'The value of `in` holds something that is neither text nor a number.'
                USING ERRCODE = 'check_violation', COLUMN = 'value', HINT = 'Write ["a", "b"], or a, b.';
        END IF;
        parts := ARRAY(SELECT jsonb_array_elements_text(document));
    ELSE
        parts := ARRAY(SELECT btrim(part) FROM unnest(string_to_array(value, ',')) AS part);
        IF '' = ANY (parts) THEN
            RAISE EXCEPTION 'The list of `in` has an empty part.' USING ERRCODE = 'check_violation',
                COLUMN = 'value', HINT = 'Write a, b; an empty text is meant by a JSON array: ["", "a"].';
        END IF;
    END IF;
    IF cardinality(parts) NOT BETWEEN 1 AND 1000 THEN
        RAISE EXCEPTION 'A list of `in` has 1 to 1000 parts, this one has %.', cardinality(parts)
            USING ERRCODE = 'check_violation', COLUMN = 'value', HINT = 'Split it over several triggers.';
    END IF;
    RETURN parts;
END;
$$;

-- A number as people write it: digits, perhaps a sign and a point.
CREATE FUNCTION triggers.condition_number(value TEXT) RETURNS NUMERIC LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF btrim(value) !~ '^[+-]?[0-9]{1,100}(\.[0-9]{1,100})?$' THEN
        RAISE EXCEPTION '% is not a number.', quote_literal(left(value, 100)) USING ERRCODE = 'check_violation',
            COLUMN = 'value', HINT = 'Write digits with an optional sign and decimal point, such as 42 or -0.5.';
    END IF;
    RETURN btrim(value)::NUMERIC;
END;
$$;

-- The numbers for which an operator and a value hold.
CREATE FUNCTION triggers.numbers_that_hold(operator TEXT, value TEXT) RETURNS NUMMULTIRANGE
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    wanted NUMERIC;
BEGIN
    IF operator = 'in' THEN
        RETURN (SELECT range_agg(numrange(number, number, '[]'))
                FROM (SELECT triggers.condition_number(part) AS number
                      FROM unnest(triggers.condition_list(value)) AS part) AS numbers);
    END IF;
    IF operator NOT IN ('=', '!=', '<', '<=', '>', '>=') THEN
        RAISE EXCEPTION 'The operator % does not compare numbers.', quote_literal(operator)
            USING ERRCODE = 'check_violation', COLUMN = 'operator', HINT = 'Use one of = != < <= > >= in.';
    END IF;
    wanted := triggers.condition_number(value);
    RETURN CASE operator
        WHEN '=' THEN nummultirange(numrange(wanted, wanted, '[]'))
        WHEN '!=' THEN nummultirange(numrange(NULL, wanted, '()'), numrange(wanted, NULL, '()'))
        WHEN '<' THEN nummultirange(numrange(NULL, wanted, '()'))
        WHEN '<=' THEN nummultirange(numrange(NULL, wanted, '(]'))
        WHEN '>' THEN nummultirange(numrange(wanted, NULL, '()'))
        WHEN '>=' THEN nummultirange(numrange(wanted, NULL, '[)'))
    END;
END;
$$;

-- The texts for which an operator (not `contains`) and a value hold.
CREATE FUNCTION triggers.texts_that_hold(operator TEXT, value TEXT) RETURNS triggers.text_multirange
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE operator
        WHEN 'in' THEN (SELECT range_agg(triggers.text_range(part, part, '[]'))
                        FROM unnest(triggers.condition_list(value)) AS part)
        WHEN '=' THEN triggers.text_multirange(triggers.text_range(value, value, '[]'))
        WHEN '!=' THEN triggers.text_multirange(
            triggers.text_range(NULL, value, '()'), triggers.text_range(value, NULL, '()'))
        WHEN '<' THEN triggers.text_multirange(triggers.text_range(NULL, value, '()'))
        WHEN '<=' THEN triggers.text_multirange(triggers.text_range(NULL, value, '(]'))
        WHEN '>' THEN triggers.text_multirange(triggers.text_range(value, NULL, '()'))
        WHEN '>=' THEN triggers.text_multirange(triggers.text_range(value, NULL, '[)'))
    END;
END;
$$;

-- The LIKE pattern of `contains`.
CREATE FUNCTION triggers.pattern_that_holds(value TEXT) RETURNS TEXT LANGUAGE sql IMMUTABLE AS $$
    SELECT '%' || replace(replace(replace(value, '\', '\\'), '%', '\%'), '_', '\_') || '%'
$$;

CREATE FUNCTION triggers.check_condition() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    fields TEXT[] := CASE NEW.condition_type
        WHEN 'event_type_equals' THEN ARRAY['event_type']
        WHEN 'agent_id_equals' THEN ARRAY['agent_id']
        WHEN 'score_threshold' THEN ARRAY['score', 'value', 'response']
        WHEN 'tag_equals' THEN ARRAY['tag1', 'tag2', 'tag']
    END;
BEGIN
    IF fields IS NULL THEN
        RAISE EXCEPTION 'The condition type % is not known.', quote_literal(NEW.condition_type)
            USING ERRCODE = 'check_violation', COLUMN = 'condition_type',
                  HINT = 'Use one of event_type_equals, agent_id_equals, score_threshold, tag_equals.';
    END IF;
    IF NEW.field <> ALL (fields) THEN
        RAISE EXCEPTION 'A condition of type % does not look at the field %.',
            NEW.condition_type, quote_literal(NEW.field)
            USING ERRCODE = 'check_violation', COLUMN = 'field',
                  HINT = 'It looks at ' || array_to_string(fields, ', ') || '.';
    END IF;
    IF length(NEW.value) > 65536 THEN
        RAISE EXCEPTION 'A condition''s value has at most 65536 characters.'
            USING ERRCODE = 'check_violation', COLUMN = 'value', HINT = 'Split it over several triggers.';
    END IF;
    IF NEW.config IS NOT NULL AND NEW.config NOT IN ('{}', 'null') THEN
        RAISE EXCEPTION 'A condition of type % takes no config.', NEW.condition_type
            USING ERRCODE = 'check_violation', COLUMN = 'config', HINT = 'Leave config out.';
    END IF;
    IF NEW.condition_type IN ('agent_id_equals', 'score_threshold') THEN
        PERFORM triggers.numbers_that_hold(NEW.operator, NEW.value);
        IF NEW.condition_type = 'agent_id_equals' AND EXISTS (
            SELECT FROM unnest(CASE NEW.operator WHEN 'in' THEN triggers.condition_list(NEW.value)
                                                 ELSE ARRAY[NEW.value] END) AS part
            WHERE btrim(part) !~ '^\+?[0-9]{1,78}$') THEN
            RAISE EXCEPTION 'An agent id is a whole number from 0.'
                USING ERRCODE = 'check_violation', COLUMN = 'value', HINT = 'Write it in decimal digits.';
        END IF;
    ELSIF NEW.operator <> 'contains' AND triggers.texts_that_hold(NEW.operator, NEW.value) IS NULL THEN
        RAISE EXCEPTION 'The operator % is not known.', quote_literal(NEW.operator)
            USING ERRCODE = 'check_violation', COLUMN = 'operator',
                  HINT = 'Use one of = != < <= > >= in contains.';
    END IF;
    RETURN NEW;
END;
$$;

CREATE TRIGGER trigger_conditions_check
    BEFORE INSERT OR UPDATE ON triggers.trigger_conditions
    FOR EACH ROW EXECUTE FUNCTION triggers.check_condition();

-- DOWN

DROP TRIGGER trigger_conditions_check ON triggers.trigger_conditions;
DROP FUNCTION triggers.check_condition();
DROP FUNCTION triggers.pattern_that_holds(TEXT);
DROP FUNCTION triggers.texts_that_hold(TEXT, TEXT);
DROP FUNCTION triggers.numbers_that_hold(TEXT, TEXT);
DROP FUNCTION triggers.condition_number(TEXT);
DROP FUNCTION triggers.condition_list(TEXT);
DROP TYPE triggers.text_range;
