-- What an operator has told to wait: a stage, or one shop in a stage. Every process asks for all of it every two
-- seconds.

CREATE TABLE pauses (
    stage text NOT NULL,
    tenant_id bigint REFERENCES tenants,  -- null: all of them
    paused_by text NOT NULL,
    reason text NOT NULL DEFAULT '',
    at timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (stage, tenant_id)
);
ALTER TABLE pauses ENABLE ROW LEVEL SECURITY;
ALTER TABLE pauses FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON pauses
    USING (tenant_id IS NOT DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::bigint)
    WITH CHECK (tenant_id IS NOT DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::bigint);
GRANT SELECT, INSERT, UPDATE, DELETE ON pauses TO relevo_app;
GRANT SELECT ON pauses TO relevo_router;
CREATE POLICY router_reads ON pauses FOR SELECT TO relevo_router USING (true);
GRANT SELECT ON pauses TO relevo_operator;
CREATE POLICY operator_reads ON pauses FOR SELECT TO relevo_operator USING (true);

ALTER TABLE timers ADD COLUMN kept text;  -- the stage whose pause it waits for
-- in the order in which the records were made; of one moment, in which they were kept
CREATE INDEX timers_kept ON timers (tenant_id, kept, ((headers ->> 'time')::bigint), life) WHERE kept IS NOT NULL;
GRANT SELECT (kept) ON timers TO relevo_operator;

CREATE FUNCTION list_pauses() RETURNS TABLE (stage text, tenant_id bigint, paused_by text, reason text, at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT p.stage, p.tenant_id, p.paused_by, p.reason, p.at FROM pauses AS p
    ORDER BY p.at, p.stage, p.tenant_id NULLS FIRST
$$;
GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION list_pauses OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION list_pauses FROM PUBLIC;
GRANT EXECUTE ON FUNCTION list_pauses TO relevo_app;

CREATE FUNCTION op_list_pauses(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'stage', p.stage, 'tenant', coalesce(p.tenant_id, 0), 'shop', coalesce(t.slug, ''), 'by', p.paused_by,
        'reason', p.reason, 'since', to_millis(p.at))
        ORDER BY p.at, p.stage, p.tenant_id NULLS FIRST), '[]')
    FROM list_pauses() AS p LEFT JOIN list_tenants() AS t ON t.id = p.tenant_id
$$;

CREATE FUNCTION op_pause(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO pauses (stage, tenant_id, paused_by, reason)
    VALUES (req ->> 'stage', app_tenant(), req ->> 'by', req ->> 'reason')
    ON CONFLICT (stage, tenant_id) DO UPDATE SET paused_by = excluded.paused_by, reason = excluded.reason;
    RETURN 'null';
END $$;

-- A record of a paused tenant, as a timer. Where the tenant was resumed before this transaction, it is due at once;
-- the lock lets a resumption that comes meanwhile see it.
CREATE FUNCTION op_keep_paused(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM pauses AS p WHERE p.stage = req ->> 'stage' AND p.tenant_id = app_tenant() FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN op_park(req || jsonb_build_object('due', req -> 'now'));
    END IF;
    PERFORM op_park(req);
    UPDATE timers AS t SET kept = req ->> 'stage' WHERE t.tenant_id = app_tenant() AND t.id = (req ->> 'id')::uuid;
    RETURN 'null';
END $$;

-- Whether there was such a pause. op_wake_kept follows until it finds nothing more.
CREATE FUNCTION op_resume(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM pauses AS p WHERE p.stage = req ->> 'stage' AND p.tenant_id IS NOT DISTINCT FROM app_tenant();
    RETURN to_jsonb(FOUND);
END $$;

-- {"stage", "limit", "from"}: of what was kept of the tenant, the next ones come back: of one conversation in its order, and
-- not all in one moment, because others wait for wake as well. {"count", "until"}: how many, and when the last of them is due,
-- from which on the next ones are.
CREATE FUNCTION op_wake_kept(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    WITH next AS (
        SELECT x.id, row_number() OVER (ORDER BY (x.headers ->> 'time')::bigint, x.life) AS place FROM timers AS x
        WHERE x.tenant_id = app_tenant() AND x.kept = req ->> 'stage'
        ORDER BY (x.headers ->> 'time')::bigint, x.life LIMIT (req ->> 'limit')::integer
    ), woken AS (
        UPDATE timers AS t
        SET kept = NULL,
            due_at = greatest(now(), from_millis((req ->> 'from')::bigint)) + next.place * interval '200 microseconds'
        FROM next WHERE t.tenant_id = app_tenant() AND t.id = next.id
        RETURNING t.due_at
    )
    SELECT jsonb_build_object('count', count(*), 'until', coalesce(to_millis(max(w.due_at)) + 1, 0)) FROM woken AS w
$$;

-- Bubbles that were not asked for in a long time stop nobody (earlier_open_until). After a pause that would let the
-- newest overtake them.
CREATE FUNCTION op_keep_places(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE replies AS r SET asked_at = now() WHERE r.tenant_id = app_tenant() AND r.status = 'pending';
    RETURN 'null';
END $$;

GRANT EXECUTE ON FUNCTION op_list_pauses, op_pause, op_keep_paused, op_resume, op_wake_kept, op_keep_places TO relevo_app;

-- {"tenant", "conversation", "waits_at"}: the pause that holds what the conversation waits for, or null. As the operator's role.
CREATE FUNCTION op_pause_of(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('stage', p.stage, 'shop', coalesce(t.slug, ''), 'by', p.paused_by, 'reason', p.reason,
                                  'since', to_millis(p.at))
        FROM pauses AS p LEFT JOIN tenants AS t ON t.id = p.tenant_id
        WHERE (p.tenant_id IS NULL OR p.tenant_id = (req ->> 'tenant')::bigint)
          AND (p.stage = req ->> 'waits_at'
               OR EXISTS (SELECT FROM timers AS k
                          WHERE k.tenant_id = p.tenant_id AND k.kept = p.stage
                            AND md5(k.key) = md5(format('%s:%s', req ->> 'tenant', req ->> 'conversation'))))
        ORDER BY p.at LIMIT 1), 'null')
$$;
GRANT EXECUTE ON FUNCTION op_pause_of TO relevo_operator;
