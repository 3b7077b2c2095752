-- What the API needs beyond the stores that are there: requests that come again, changes that are based on what was read, the
-- installation's shops, sessions, and which pages may call.

-- What a caller's Idempotency-Key stands for. Each change of a request is a step, noted in the transaction that makes it: a
-- repetition finds what came of it, and goes on where the request was cut off. Secrets are in none of the results.
CREATE TABLE api_requests (
    tenant_id bigint REFERENCES tenants,  -- null: of the installation
    caller text NOT NULL,
    key bytea NOT NULL CHECK (length(key) = 32),          -- SHA-256, as is `request`
    step integer NOT NULL,
    request bytea NOT NULL CHECK (length(request) = 32),
    result jsonb NOT NULL,
    made_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (key, caller, step, tenant_id)
);
CREATE INDEX api_requests_over ON api_requests (made_at);
ALTER TABLE api_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE api_requests FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON api_requests
    USING (tenant_id IS NOT DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::bigint)
    WITH CHECK (tenant_id IS NOT DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::bigint);
GRANT SELECT, INSERT, DELETE ON api_requests TO relevo_app;

-- Pages of these origins may call the API as the shop.
ALTER TABLE tenants ADD COLUMN cors_origins text[] NOT NULL DEFAULT '{}';
CREATE INDEX tenants_of_origin ON tenants USING gin (cors_origins);

GRANT SELECT (made_at), DELETE ON api_requests TO relevo_router;
CREATE POLICY router_forgets ON api_requests TO relevo_router USING (true) WITH CHECK (false);

CREATE FUNCTION forget_api_requests(made_before timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    forgotten bigint;
BEGIN
    DELETE FROM api_requests AS r WHERE r.made_at < made_before;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END $$;
-- A browser asks before it sends what says who is calling: so far only that some shop has the origin.
CREATE FUNCTION find_origin(wanted text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT EXISTS (SELECT FROM tenants AS t WHERE t.cors_origins @> ARRAY[wanted])
$$;
GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION forget_api_requests OWNER TO relevo_router;
ALTER FUNCTION find_origin OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION forget_api_requests, find_origin FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_api_requests, find_origin TO relevo_app;

-- {"op", "request", "once": {"caller", "key", "request", "step", "now"}, "seen": [{"op", "request", "result"}]}: runs the
-- operation, where `once` has not run before and all that was seen is still so. {"done": its result, "repeated"}, or {"refused":
-- "in_flight", "another" (the key stands for another request) or "changed"}.
CREATE FUNCTION op_guarded(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant text := coalesce(current_setting('app.tenant_id', true), '');
    once jsonb := req -> 'once';
    its_key bytea := decode(once ->> 'key', 'hex');
    its_request bytea := decode(once ->> 'request', 'hex');
    its_step integer := (once ->> 'step')::integer;
    moment timestamptz := from_millis((once ->> 'now')::bigint);
    earlier api_requests;
    was_seen jsonb;
    result jsonb;
BEGIN
    IF once IS NOT NULL THEN
        -- goes with the transaction, however that ends
        IF NOT pg_try_advisory_xact_lock(
            hashtextextended(concat_ws(' ', 'api', tenant, once ->> 'caller', once ->> 'key'), 0)) THEN
            RETURN '{"refused": "in_flight"}';
        END IF;
        SELECT * INTO earlier FROM api_requests AS r
        WHERE r.key = its_key AND r.caller = once ->> 'caller' AND r.step = its_step
          AND r.tenant_id IS NOT DISTINCT FROM app_tenant();
        IF FOUND AND earlier.made_at > moment - interval '24 hours' THEN
            IF earlier.request <> its_request THEN
                RETURN '{"refused": "another"}';
            END IF;
            RETURN jsonb_build_object('done', earlier.result, 'repeated', true);
        END IF;
    END IF;
    IF req ? 'seen' THEN
        -- one such change of a shop at a time
        PERFORM lock_people();
        FOR was_seen IN SELECT jsonb_array_elements(req -> 'seen') LOOP
            EXECUTE format('SELECT %I($1)', 'op_' || (was_seen ->> 'op')) INTO result USING was_seen -> 'request';
            IF result IS DISTINCT FROM was_seen -> 'result' THEN
                RETURN '{"refused": "changed"}';
            END IF;
        END LOOP;
    END IF;
    EXECUTE format('SELECT %I($1)', 'op_' || (req ->> 'op')) INTO result USING req -> 'request';
    IF once IS NOT NULL THEN
        -- one that makes a tenant goes on as that
        PERFORM set_config('app.tenant_id', tenant, true);
        DELETE FROM api_requests AS r
        WHERE r.key = its_key AND r.caller = once ->> 'caller' AND r.step = its_step
          AND r.tenant_id IS NOT DISTINCT FROM app_tenant();
        INSERT INTO api_requests (tenant_id, caller, key, step, request, result, made_at)
        VALUES (app_tenant(), once ->> 'caller', its_key, its_step, its_request, result, moment);
    END IF;
    RETURN jsonb_build_object('done', result, 'repeated', false);
END $$;

CREATE FUNCTION op_forget_api_requests(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT to_jsonb(forget_api_requests(from_millis((req ->> 'before')::bigint)))
$$;

-- ---- the installation's shops

CREATE FUNCTION tenant_facts(t tenants) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_build_object('id', t.id, 'slug', t.slug, 'name', t.name, 'language', t.language,
                              'cors_origins', to_jsonb(t.cors_origins), 'created_at', to_millis(t.created_at))
$$;

CREATE FUNCTION op_get_tenant(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT tenant_facts(t) FROM tenants AS t WHERE t.id = app_tenant()), 'null')
$$;

-- {"after", "limit"}: of all shops, each read as itself.
CREATE FUNCTION op_list_tenant_page(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    shop bigint;
    page jsonb := '[]';
BEGIN
    FOR shop IN SELECT t.id FROM list_tenants() AS t WHERE t.id > (req ->> 'after')::bigint
                ORDER BY t.id LIMIT least((req ->> 'limit')::integer, 1000) LOOP
        PERFORM set_config('app.tenant_id', shop::text, true);
        page := page || op_get_tenant('{}');
    END LOOP;
    PERFORM set_config('app.tenant_id', '', true);
    RETURN page;
END $$;

-- {"slug", "name", "language", "cors_origins"}: its id; null where a shop has the slug.
CREATE FUNCTION op_add_tenant(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint;
BEGIN
    -- two who ask for one slug at the same moment do not both get the shop
    PERFORM pg_advisory_xact_lock(hashtextextended('slug ' || (req ->> 'slug'), 0));
    IF EXISTS (SELECT FROM list_tenants() AS t WHERE t.slug = req ->> 'slug') THEN
        RETURN 'null';
    END IF;
    tenant := (op_register_tenant(req) #>> '{}')::bigint;
    PERFORM set_config('app.tenant_id', tenant::text, true);
    UPDATE tenants AS t
    SET language = req ->> 'language', cors_origins = ARRAY(SELECT jsonb_array_elements_text(req -> 'cors_origins'))
    WHERE t.id = tenant;
    RETURN to_jsonb(tenant);
END $$;

-- Only what is in `req` changes: "name", "language", "cors_origins". Whether there is such a shop.
CREATE FUNCTION op_change_tenant(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tenants AS t
    SET name = coalesce(req ->> 'name', t.name), language = coalesce(req ->> 'language', t.language),
        cors_origins = CASE WHEN req ? 'cors_origins'
                            THEN ARRAY(SELECT jsonb_array_elements_text(req -> 'cors_origins')) ELSE t.cors_origins END
    WHERE t.id = app_tenant();
    RETURN to_jsonb(FOUND);
END $$;

-- As a tenant: whether that shop has the origin; as none: whether any has.
CREATE FUNCTION op_get_origin(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(CASE WHEN app_tenant() IS NULL THEN find_origin(req ->> 'origin')
                         ELSE EXISTS (SELECT FROM tenants AS t
                                      WHERE t.id = app_tenant() AND req ->> 'origin' = ANY (t.cors_origins)) END)
$$;

-- ---- sessions

CREATE FUNCTION session_facts(s sessions) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', s.id, 'user', s.user_id, 'last4', s.last4, 'created_at', to_millis(s.created_at),
        'used_at', to_millis(s.used_at), 'expires_at', to_millis(s.expires_at), 'ended_at', to_millis(s.ended_at)))
$$;

-- {"user", "after_at", "after", "limit"}: newest first.
CREATE FUNCTION op_list_sessions(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(x.facts ORDER BY x.created_at DESC, x.id DESC), '[]')
    FROM (SELECT s.created_at, s.id, session_facts(s) AS facts FROM sessions AS s
          WHERE s.tenant_id = app_tenant()
            AND (NOT req ? 'user' OR s.user_id = (req ->> 'user')::uuid)
            AND (NOT req ? 'after'
                 OR (s.created_at, s.id) < (from_millis((req ->> 'after_at')::bigint), (req ->> 'after')::uuid))
          ORDER BY s.created_at DESC, s.id DESC LIMIT least((req ->> 'limit')::integer, 1000)) AS x
$$;

CREATE FUNCTION op_stop_session(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    s sessions;
BEGIN
    SELECT * INTO s FROM sessions AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'session')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(permissions_of(s.user_id), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    IF s.ended_at IS NULL THEN
        UPDATE sessions AS x SET ended_at = from_millis((req ->> 'now')::bigint)
        WHERE x.tenant_id = s.tenant_id AND x.id = s.id;
        PERFORM note_change(req -> 'actor', 'user.end_session', 'user:' || s.user_id, NULL,
                            jsonb_build_object('session', s.id));
    END IF;
    RETURN '"done"';
END $$;

GRANT EXECUTE ON FUNCTION op_guarded, op_forget_api_requests, tenant_facts, op_get_tenant, op_list_tenant_page, op_add_tenant,
    op_change_tenant, op_get_origin, session_facts, op_list_sessions, op_stop_session TO relevo_app;
