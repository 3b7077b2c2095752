-- Timers and dead letters, as the process uses them. A row without a tenant is reached with no tenant set.

CREATE FUNCTION op_installation(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(i.id) FROM installation AS i
$$;

-- Parked again, the later time counts, and whoever is waking it now must not delete it.
CREATE FUNCTION op_park(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timers AS t (id, tenant_id, due_at, topic, key, value, headers)
    VALUES ((req ->> 'id')::uuid, app_tenant(), from_millis((req ->> 'due')::bigint), req ->> 'topic', req ->> 'key',
            req ->> 'value', req -> 'headers')
    ON CONFLICT (id) DO UPDATE SET due_at = greatest(t.due_at, excluded.due_at), value = excluded.value,
                                   headers = excluded.headers, parks = t.parks + 1, leased_until = NULL;
    RETURN 'null';
END $$;

CREATE FUNCTION op_lease_timers(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('tenant', coalesce(l.tenant_id, 0), 'id', l.id)), '[]')
    FROM lease_timers(from_millis((req ->> 'now')::bigint), (req ->> 'lease_ms')::bigint * interval '1 millisecond',
                      (req ->> 'limit')::integer) AS l
$$;

CREATE FUNCTION op_read_timers(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', t.id, 'due', to_millis(t.due_at), 'parks', t.parks, 'topic', t.topic, 'key', t.key, 'value', t.value,
        'headers', t.headers) ORDER BY t.due_at, t.id), '[]')
    FROM timers AS t
    WHERE t.tenant_id IS NOT DISTINCT FROM app_tenant()
      AND t.id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::uuid))
$$;

CREATE FUNCTION op_settle_timers(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    woken jsonb;
BEGIN
    FOR woken IN SELECT jsonb_array_elements(req -> 'woken') LOOP
        DELETE FROM timers AS t
        WHERE t.tenant_id IS NOT DISTINCT FROM app_tenant()
          AND t.id = (woken ->> 'id')::uuid AND t.parks = (woken ->> 'parks')::integer;
    END LOOP;
    RETURN 'null';
END $$;

CREATE FUNCTION op_bury(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    carried jsonb;
BEGIN
    BEGIN
        carried := (req ->> 'headers')::jsonb;
    EXCEPTION WHEN data_exception THEN
        carried := to_jsonb(req ->> 'headers');  -- a letter is not lost over its headers
    END;
    INSERT INTO dead_letters (tenant_id, stage, topic, partition, record_offset, record_key, value, headers, code, text,
                              attempts)
    VALUES (app_tenant(), req ->> 'stage', req ->> 'topic', (req ->> 'partition')::integer,
            (req ->> 'offset')::bigint, decode(req ->> 'key_base64', 'base64'),
            decode(req ->> 'value_base64', 'base64'), carried, req ->> 'code', req ->> 'text',
            (req ->> 'attempts')::integer)
    ON CONFLICT DO NOTHING;
    RETURN 'null';
END $$;

GRANT EXECUTE ON FUNCTION op_installation, op_park, op_lease_timers, op_read_timers, op_settle_timers, op_bury
    TO relevo_app;
