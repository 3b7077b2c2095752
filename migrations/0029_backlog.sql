-- What waits in the whole installation, for its metrics: numbers only, of all shops together.

CREATE INDEX deliveries_unknown ON deliveries (at) WHERE status = 'unknown';
CREATE INDEX dead_letters_of_stage ON dead_letters (stage) WHERE status = 'dead';

GRANT SELECT (stage, status) ON dead_letters TO relevo_router;
GRANT SELECT (tenant_id, status, created_at) ON turns TO relevo_router;
GRANT SELECT (status) ON deliveries TO relevo_router;
CREATE POLICY router_counts ON dead_letters FOR SELECT TO relevo_router USING (status = 'dead');
CREATE POLICY router_counts ON turns FOR SELECT TO relevo_router USING (status = 'open');
CREATE POLICY router_counts ON deliveries FOR SELECT TO relevo_router USING (status = 'unknown');

-- What an operator makes wait is not late: turns of a paused shop, redriven letters behind another one.
CREATE FUNCTION count_backlog(moment timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT jsonb_build_object(
        'dead_letters', (SELECT coalesce(jsonb_agg(jsonb_build_object('stage', stage, 'count', letters)), '[]')
                         FROM (SELECT d.stage, count(*) AS letters FROM dead_letters AS d
                               WHERE d.status = 'dead' GROUP BY d.stage) AS of_stages),
        'due_timers', count(t.id), 'longest_due_ms', coalesce(to_millis(moment) - to_millis(min(t.due_at)), 0),
        'open_turns', (SELECT count(*) FROM turns AS o WHERE o.status = 'open'),
        'longest_open_ms', (SELECT coalesce(greatest(to_millis(moment) - to_millis(min(o.created_at)), 0), 0)
                            FROM turns AS o
                            WHERE o.status = 'open'
                              AND NOT EXISTS (SELECT FROM pauses AS p WHERE p.tenant_id = o.tenant_id)),
        'unknown_deliveries', (SELECT count(*) FROM deliveries AS u WHERE u.status = 'unknown'))
    FROM timers AS t
    WHERE t.due_at <= moment AND (t.leased_until IS NULL OR t.leased_until <= moment)
      AND (t.after IS NULL OR NOT EXISTS (SELECT FROM timers AS e WHERE e.id = t.after))
$$;
GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION count_backlog OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION count_backlog FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_backlog TO relevo_app;

CREATE FUNCTION op_count_backlog(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT count_backlog(from_millis((req ->> 'now')::bigint))
$$;
GRANT EXECUTE ON FUNCTION op_count_backlog TO relevo_app;
