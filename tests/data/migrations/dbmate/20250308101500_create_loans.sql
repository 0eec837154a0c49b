-- migrate:up
CREATE TABLE loans (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    copy_id BIGINT NOT NULL REFERENCES copies,
    member_id BIGINT NOT NULL REFERENCES members,
    lent_at TIMESTAMPTZ NOT NULL DEFAULT now(),
    due_on DATE NOT NULL,
    returned_at TIMESTAMPTZ,
    CHECK (returned_at >= lent_at)
);
-- A copy is lent once at a time.
CREATE UNIQUE INDEX loans_open_copy ON loans (copy_id) WHERE returned_at IS NULL;

CREATE FUNCTION loans_due_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.due_on IS NULL THEN
        NEW.due_on := NEW.lent_at::date + 28;
    END IF;
    RETURN NEW;
END;
$$;
CREATE TRIGGER loans_due_on BEFORE INSERT ON loans FOR EACH ROW EXECUTE FUNCTION loans_due_on();

-- migrate:down
DROP TABLE loans;
DROP FUNCTION loans_due_on();
