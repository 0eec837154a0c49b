-- The desk looks loans up by member all day: no table is locked for this.

-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY loans_member ON loans (member_id, lent_at DESC);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY loans_member;
