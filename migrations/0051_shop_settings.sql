-- What a shop states of itself is one operation, for its file and for the API; and a right of its own to do so.

CREATE OR REPLACE FUNCTION tenant_facts(t tenants) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('id', t.id, 'slug', t.slug, 'name', t.name, 'language', t.language,
                              'cors_origins', to_jsonb(t.cors_origins), 'created_at', to_millis(t.created_at),
                              'time_zone', t.time_zone, 'fallback_text', t.fallback_text, 'redact', t.redact,
                              'keep_days', t.keep_days)
$$;

-- Only what is in `req` changes: "name", "language", "cors_origins", "time_zone", "fallback_text", "redact" and "keep_days" (null:
-- for ever). Whether there is such a shop; or "unknown_time_zone", then nothing changes. One row changes once, so that the audit
-- log has one row of it. The shop's days and months begin with its time zone.
CREATE OR REPLACE FUNCTION op_change_tenant(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    zone text := req ->> 'time_zone';
    zone_before text;
BEGIN
    IF zone IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = zone) THEN
            RETURN '"unknown_time_zone"';
        END IF;
        PERFORM pg_advisory_xact_lock(budgets_lock());  -- before the row's, as whoever reserves a call
    END IF;
    SELECT t.time_zone INTO zone_before FROM tenants AS t WHERE t.id = app_tenant() FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'false';
    END IF;
    UPDATE tenants AS t
    SET name = coalesce(req ->> 'name', t.name), language = coalesce(req ->> 'language', t.language),
        cors_origins = CASE WHEN req ? 'cors_origins'
                            THEN ARRAY(SELECT jsonb_array_elements_text(req -> 'cors_origins')) ELSE t.cors_origins END,
        time_zone = coalesce(zone, t.time_zone), fallback_text = coalesce(req ->> 'fallback_text', t.fallback_text),
        redact = coalesce(req -> 'redact', t.redact),
        keep_days = CASE WHEN req ? 'keep_days' THEN (req ->> 'keep_days')::integer ELSE t.keep_days END
    WHERE t.id = app_tenant();
    IF zone <> zone_before THEN
        PERFORM begin_period(b.id, now()) FROM budgets AS b WHERE b.tenant_id = app_tenant();
    END IF;
    RETURN 'true';
END $$;

DROP FUNCTION op_set_time_zone;
DROP FUNCTION op_set_redaction;
DROP FUNCTION op_set_keep_days;

-- Of the built-in roles; no tenant's, so that its owner is bound by the policy here too. The lock comes last: each call of the
-- API reads them.
ALTER TABLE roles NO FORCE ROW LEVEL SECURITY;
UPDATE roles AS r
SET permissions = r.permissions || CASE r.name WHEN 'admin' THEN '{"shop": ["read", "write"]}'::jsonb ELSE '{"shop": ["read"]}' END
WHERE r.tenant_id IS NULL;
ALTER TABLE roles FORCE ROW LEVEL SECURITY;
