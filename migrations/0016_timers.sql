-- Whose wait a lease is for, and how many wait.

-- Tells a row from an earlier one of the same id: whoever holds a lease on that one must not delete this one.
ALTER TABLE timers ADD COLUMN life bigint GENERATED ALWAYS AS IDENTITY;

CREATE OR REPLACE FUNCTION op_read_timers(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', t.id, 'due', to_millis(t.due_at), 'life', t.life, 'parks', t.parks, 'topic', t.topic, 'key', t.key,
        'value', t.value, 'headers', t.headers) ORDER BY t.due_at, t.id), '[]')
    FROM timers AS t
    WHERE t.tenant_id IS NOT DISTINCT FROM app_tenant()
      AND t.id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::uuid))
$$;

-- A process of the version before names no life.
CREATE OR REPLACE FUNCTION op_settle_timers(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    woken jsonb;
BEGIN
    FOR woken IN SELECT jsonb_array_elements(req -> 'woken') LOOP
        DELETE FROM timers AS t
        WHERE t.tenant_id IS NOT DISTINCT FROM app_tenant() AND t.id = (woken ->> 'id')::uuid
          AND t.life = coalesce((woken ->> 'life')::bigint, t.life) AND t.parks = (woken ->> 'parks')::integer;
    END LOOP;
    RETURN 'null';
END $$;

-- Of all tenants, those that are due and that nobody has leased.
CREATE FUNCTION count_due_timers(moment timestamptz, most integer) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT count(*)
    FROM (SELECT FROM timers AS t
          WHERE t.due_at <= moment AND (t.leased_until IS NULL OR t.leased_until <= moment) LIMIT most) AS due
$$;
GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION count_due_timers OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION count_due_timers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_due_timers TO relevo_app;

CREATE FUNCTION op_count_due_timers(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(count_due_timers(from_millis((req ->> 'now')::bigint), (req ->> 'most')::integer))
$$;
GRANT EXECUTE ON FUNCTION op_count_due_timers TO relevo_app;
