-- name: events
-- purpose: Count canonical and retracted events.
SELECT count(*) FILTER (WHERE canonical) AS canonical, count(*) FILTER (WHERE NOT canonical) AS retracted
    FROM triggers.events

-- name: matches
-- purpose: Count matches.
SELECT count(*) AS matches FROM triggers.matches

-- name: deliveries
-- purpose: Count deliveries by status, and those that were sent and stand.
SELECT status, count(*) AS count,
       count(*) FILTER (WHERE kind = 'match' AND status = 'succeeded' AND retracted_at IS NULL) AS standing
    FROM triggers.action_jobs
    GROUP BY status
    ORDER BY status

-- name: unfinished
-- purpose: Count deliveries that have not ended.
SELECT count(*) AS count FROM triggers.action_jobs WHERE status IN ('queued', 'sending', 'retrying')

-- name: waiting
-- purpose: Count deliveries that have not ended, by status, and say for how long the oldest due one waits.
SELECT count(*) FILTER (WHERE status = 'queued') AS queued,
       count(*) FILTER (WHERE status = 'sending') AS sending,
       count(*) FILTER (WHERE status = 'retrying') AS retrying,
       coalesce(extract(epoch FROM now() - min(due_at)
           FILTER (WHERE status IN ('queued', 'retrying') AND due_at <= now())), 0)::DOUBLE PRECISION AS oldest
    FROM triggers.action_jobs
    WHERE status IN ('queued', 'sending', 'retrying')

-- name: ended_lately
-- purpose: Count the deliveries that were sent and that died within a day, and the registries and enabled triggers.
SELECT (SELECT count(*) FROM (SELECT FROM triggers.action_jobs
            WHERE status = 'succeeded' AND finished_at > now() - INTERVAL '1 day' LIMIT 100001) AS lately) AS sent,
       (SELECT count(*) FROM triggers.action_jobs
            WHERE status = 'dead' AND finished_at > now() - INTERVAL '1 day') AS dead,
       (SELECT count(*) FROM triggers.registries) AS registries,
       (SELECT count(*) FROM triggers.triggers WHERE enabled) AS triggers

-- name: newest
-- purpose: Count events exactly while they are few, else estimate; find the newest one's time.
SELECT (SELECT count(*) FROM (SELECT FROM triggers.events LIMIT 100001) AS few) AS few,
       (SELECT coalesce(sum(greatest(part.reltuples::BIGINT, pg_stat_get_live_tuples(part.oid), 0)), 0)::BIGINT
            FROM pg_catalog.pg_inherits AS tie
            JOIN pg_catalog.pg_class AS part ON part.oid = tie.inhrelid
            WHERE tie.inhparent = 'triggers.events'::regclass) AS estimate,
       (SELECT max(block_time) FROM triggers.events) AS newest
