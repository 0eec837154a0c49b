-- name: tidy
-- Removes dead rows of the catalogue and counts the living ones.
-- cannot-prepare: VACUUM
VACUUM (ANALYZE) pg_class, pg_attribute, pg_attrdef, pg_constraint, pg_depend, pg_shdepend, pg_description,
    pg_index, pg_type, pg_trigger, pg_sequence, pg_proc, pg_inherits, pg_statistic;
