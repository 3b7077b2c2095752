-- Shops that connect their WhatsApp numbers, pages and Instagram accounts by signing in at Meta. The token is in the vault; here
-- is how far each connection has come, so that whoever finds it goes on from there.

CREATE TABLE meta_connections (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('facebook', 'instagram')),
    state bytea NOT NULL CHECK (length(state) = 32),  -- SHA-256 of what the browser brings back
    caller text NOT NULL,                             -- who began it, and in which session: nobody else ends it
    -- started: at Meta; exchanged: its short-lived token is kept; connected: the long-lived one; refused: by Meta, and only a
    -- person can help; replaced: by another connection of the shop
    status text NOT NULL DEFAULT 'started' CHECK (status IN ('started', 'exchanged', 'connected', 'refused', 'replaced')),
    code text NOT NULL DEFAULT '',    -- why it is refused, or is tried again
    detail text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    open_until timestamptz NOT NULL,  -- until then the browser may come back
    token_expires_at timestamptz,
    refresh_at timestamptz,
    due_at timestamptz,               -- when there is something to do
    attempts integer NOT NULL DEFAULT 0,
    leased_until timestamptz,
    life bigint NOT NULL DEFAULT 0,   -- counts leases: who held an earlier one changes nothing any more
    PRIMARY KEY (id, tenant_id)
);
CREATE INDEX meta_connections_of_tenant ON meta_connections (tenant_id);
CREATE INDEX meta_connections_due ON meta_connections (due_at) WHERE due_at IS NOT NULL;
SELECT protect_tenant_rows('meta_connections');

-- One live connection of each kind feeds the shop's channels.
CREATE UNIQUE INDEX meta_connections_live ON meta_connections (kind, tenant_id) WHERE status = 'connected';

CREATE TABLE meta_accounts (
    tenant_id bigint NOT NULL,
    account_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    owner text NOT NULL,  -- what is subscribed: the WhatsApp business account, the page, the Instagram account
    -- claimed: its webhooks are not subscribed yet; subscribed: its number is not registered yet
    step text NOT NULL DEFAULT 'claimed' CHECK (step IN ('claimed', 'subscribed', 'ready')),
    code text NOT NULL DEFAULT '',  -- why Meta refused that step; only a person can help
    detail text NOT NULL DEFAULT '',
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, tenant_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts,
    FOREIGN KEY (connection_id, tenant_id) REFERENCES meta_connections
);
CREATE INDEX meta_accounts_of_connection ON meta_accounts (connection_id, tenant_id);
SELECT protect_tenant_rows('meta_accounts');

GRANT SELECT, INSERT, UPDATE, DELETE ON meta_connections, meta_accounts TO relevo_app;
INSERT INTO personal_tables (name, why) VALUES
    ('meta_connections', 'the shop''s people sign in at Meta'), ('meta_accounts', 'the shop''s numbers and pages');
GRANT SELECT (tenant_id, id, kind, status, code, created_at, token_expires_at, refresh_at, due_at, attempts)
    ON meta_connections TO relevo_operator;
GRANT SELECT (tenant_id, account_id, connection_id, step, code, updated_at) ON meta_accounts TO relevo_operator;
CREATE POLICY operator_reads ON meta_connections FOR SELECT TO relevo_operator USING (true);
CREATE POLICY operator_reads ON meta_accounts FOR SELECT TO relevo_operator USING (true);

-- a lease is nothing that anybody did, and who gives it may not write here
CREATE TRIGGER noted AFTER INSERT OR UPDATE OF status, code, token_expires_at OR DELETE ON meta_connections
    FOR EACH ROW EXECUTE FUNCTION note_row('meta_connection', 'id', 'state caller detail open_until due_at attempts leased_until life');
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON meta_accounts
    FOR EACH ROW EXECUTE FUNCTION note_row('meta_account', 'account_id', 'detail updated_at');

-- Connections with something to do, for whoever asks first, until the lease ends: at most one works at each. One that is refused
-- or replaced has nothing to do any more. Ids only: the rows are read as their tenant.
GRANT SELECT (tenant_id, id, status, due_at, leased_until, life), UPDATE (leased_until, life)
    ON meta_connections TO relevo_router;
CREATE POLICY router_reads ON meta_connections FOR SELECT TO relevo_router USING (true);
CREATE POLICY router_leases ON meta_connections FOR UPDATE TO relevo_router USING (true) WITH CHECK (true);
CREATE FUNCTION lease_meta_connections(moment timestamptz, lease interval, most integer)
RETURNS TABLE (tenant_id bigint, id uuid, life bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    UPDATE meta_connections AS c SET leased_until = moment + lease, life = c.life + 1
    WHERE c.id = ANY (ARRAY(
        SELECT d.id FROM meta_connections AS d
        WHERE d.due_at <= moment AND d.status IN ('exchanged', 'connected')
          AND (d.leased_until IS NULL OR d.leased_until <= moment)
        ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED))
    RETURNING c.tenant_id, c.id, c.life
$$;
GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION lease_meta_connections OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION lease_meta_connections FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lease_meta_connections TO relevo_app;

-- {"now", "until", "most"}: of all shops, each read as itself.
CREATE FUNCTION op_lease_meta_work(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('tenant', l.tenant_id, 'id', l.id, 'life', l.life)), '[]')
    FROM lease_meta_connections(from_millis((req ->> 'now')::bigint),
                                from_millis((req ->> 'until')::bigint) - from_millis((req ->> 'now')::bigint),
                                (req ->> 'most')::integer) AS l
$$;

CREATE FUNCTION meta_connection_facts(c meta_connections) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', c.id, 'kind', c.kind, 'status', c.status, 'code', c.code, 'detail', c.detail,
        'created_at', to_millis(c.created_at), 'open_until', to_millis(c.open_until),
        'token_expires_at', to_millis(c.token_expires_at), 'refresh_at', to_millis(c.refresh_at), 'attempts', c.attempts,
        'accounts', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                'id', a.id, 'channel', a.channel, 'external_id', a.external_id, 'name', a.name,
                                'owner', m.owner, 'step', m.step, 'code', m.code, 'detail', m.detail)
                                ORDER BY a.channel, a.external_id), '[]')
                     FROM meta_accounts AS m JOIN accounts AS a ON a.tenant_id = m.tenant_id AND a.id = m.account_id
                     WHERE m.tenant_id = c.tenant_id AND m.connection_id = c.id AND a.retired_at IS NULL)))
$$;

-- {"id", "kind", "state", "caller", "now", "open_until"}. Those that nobody came back for are forgotten.
CREATE FUNCTION op_begin_meta_connection(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM meta_connections AS c
    WHERE c.tenant_id = app_tenant() AND c.status = 'started' AND c.open_until < from_millis((req ->> 'now')::bigint);
    INSERT INTO meta_connections (tenant_id, id, kind, state, caller, created_at, open_until)
    VALUES (app_tenant(), (req ->> 'id')::uuid, req ->> 'kind', decode(req ->> 'state', 'hex'), req ->> 'caller',
            from_millis((req ->> 'now')::bigint), from_millis((req ->> 'open_until')::bigint))
    ON CONFLICT (id, tenant_id) DO NOTHING;
    RETURN 'null';
END $$;

CREATE FUNCTION op_get_meta_connection(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT meta_connection_facts(c) FROM meta_connections AS c
                     WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'id')::uuid), 'null')
$$;

CREATE FUNCTION op_list_meta_connections(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(meta_connection_facts(c) ORDER BY c.created_at, c.id), '[]')
    FROM meta_connections AS c WHERE c.tenant_id = app_tenant()
$$;

-- {"id", "state", "caller"}: whether it was begun with that state, by that caller in that session.
CREATE FUNCTION op_get_meta_start(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(EXISTS (SELECT FROM meta_connections AS c
                            WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'id')::uuid
                              AND c.state = decode(req ->> 'state', 'hex') AND c.caller = req ->> 'caller'))
$$;

-- {"id", "now", "until"}: the life of the lease; null where somebody is at it, or there is nothing to do.
CREATE FUNCTION op_lease_meta_connection(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    given bigint;
BEGIN
    UPDATE meta_connections AS c SET leased_until = from_millis((req ->> 'until')::bigint), life = c.life + 1
    WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'id')::uuid AND c.status IN ('exchanged', 'connected')
      AND (c.leased_until IS NULL OR c.leased_until <= from_millis((req ->> 'now')::bigint))
    RETURNING c.life INTO given;
    RETURN coalesce(to_jsonb(given), 'null');
END $$;

-- The short-lived token is in the vault: {"id", "credentials", "now"}. {"kept": false} where somebody else was first; {"stale":
-- true}, and nothing done, as op_put_credentials.
CREATE FUNCTION op_keep_meta_code(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT hold_newest_key(req -> 'credentials') THEN
        RETURN '{"stale": true}';
    END IF;
    UPDATE meta_connections AS c SET status = 'exchanged', due_at = from_millis((req ->> 'now')::bigint), code = '', detail = ''
    WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'id')::uuid AND c.status = 'started';
    IF NOT FOUND THEN
        RETURN '{"kept": false}';
    END IF;
    PERFORM put_credentials(req -> 'credentials');
    RETURN '{"kept": true}';
END $$;

-- The long-lived token is in the vault, for the first time or anew: {"id", "life", "credentials", "forget": {"category",
-- "name"}, "expires_at", "refresh_at"}. Another connection of the kind ends, and what it had is subscribed with this token.
CREATE FUNCTION op_keep_meta_token(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    c meta_connections;
BEGIN
    IF NOT hold_newest_key(req -> 'credentials') THEN
        RETURN '{"stale": true}';
    END IF;
    -- one shop connects one thing at a time
    PERFORM FROM tenants AS t WHERE t.id = app_tenant() FOR NO KEY UPDATE;
    SELECT * INTO c FROM meta_connections AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'id')::uuid AND x.life = (req ->> 'life')::bigint
      AND x.status IN ('exchanged', 'connected') FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '{"kept": false}';
    END IF;
    IF c.status = 'exchanged' THEN
        UPDATE meta_accounts AS m SET connection_id = c.id, step = 'claimed', code = '', detail = ''
        FROM meta_connections AS o
        WHERE m.tenant_id = c.tenant_id AND o.tenant_id = c.tenant_id AND o.id = m.connection_id AND o.kind = c.kind
          AND o.id <> c.id;
        UPDATE meta_connections AS o SET status = 'replaced', due_at = NULL
        WHERE o.tenant_id = c.tenant_id AND o.kind = c.kind AND o.id <> c.id AND o.status IN ('connected', 'refused');
    END IF;
    UPDATE meta_connections AS x
    SET status = 'connected', code = '', detail = '', attempts = 0,
        token_expires_at = from_millis((req ->> 'expires_at')::bigint),
        refresh_at = from_millis((req ->> 'refresh_at')::bigint)
    WHERE x.tenant_id = c.tenant_id AND x.id = c.id;
    PERFORM put_credentials(req -> 'credentials');
    IF req ? 'forget' THEN
        DELETE FROM credentials AS k
        WHERE k.tenant_id = c.tenant_id AND k.category = req #>> '{forget,category}' AND k.name = req #>> '{forget,name}';
    END IF;
    RETURN '{"kept": true}';
END $$;

-- {"id", "channel", "account_id", "external_id", "owner", "name", "drawn", "credentials", "now"}: the account, whose
-- control the shop's token has just proven, becomes the shop's. {"refused": "taken" (another shop's), "no_agent" or
-- "not_connected"}, {"stale": true} as op_put_credentials, or {}. Whoever answers is chosen as in 0045.
CREATE FUNCTION op_claim_meta_account(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    agent bigint;
BEGIN
    IF NOT hold_newest_key(req -> 'credentials') THEN
        RETURN '{"stale": true}';
    END IF;
    PERFORM lock_agents();
    PERFORM FROM meta_connections AS c
    WHERE c.tenant_id = tenant AND c.id = (req ->> 'id')::uuid AND c.status = 'connected' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '{"refused": "not_connected"}';
    END IF;
    agent := agent_for((req ->> 'account_id')::uuid, req ->> 'channel', own_agent());
    IF agent IS NULL THEN
        RETURN '{"refused": "no_agent"}';
    END IF;
    BEGIN
        PERFORM apply_account(req, agent);
    EXCEPTION WHEN unique_violation THEN
        RETURN '{"refused": "taken"}';
    END;
    PERFORM put_credentials(req -> 'credentials');
    INSERT INTO meta_accounts (tenant_id, account_id, connection_id, owner, updated_at)
    VALUES (tenant, (req ->> 'account_id')::uuid, (req ->> 'id')::uuid, req ->> 'owner', from_millis((req ->> 'now')::bigint))
    ON CONFLICT (account_id, tenant_id) DO UPDATE
    SET connection_id = excluded.connection_id, owner = excluded.owner, step = 'claimed', code = '', detail = '',
        updated_at = excluded.updated_at;
    UPDATE meta_connections AS c SET due_at = from_millis((req ->> 'now')::bigint)
    WHERE c.tenant_id = tenant AND c.id = (req ->> 'id')::uuid;
    RETURN '{}';
END $$;

-- {"account"}: the key of the address that the account stands under.
CREATE FUNCTION op_get_meta_address(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT to_jsonb(e.key) FROM accounts AS a
                     JOIN endpoints AS e ON e.id = a.endpoint_id AND e.tenant_id = a.tenant_id
                     WHERE a.tenant_id = app_tenant() AND a.id = (req ->> 'account')::uuid), 'null')
$$;

-- {"channel"}: whether the shop has accounts of the channel, and all of them were claimed here.
CREATE FUNCTION op_get_meta_rule(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(coalesce(bool_and(m.account_id IS NOT NULL), false))
    FROM accounts AS a LEFT JOIN meta_accounts AS m ON m.tenant_id = a.tenant_id AND m.account_id = a.id
    WHERE a.tenant_id = app_tenant() AND a.channel = req ->> 'channel' AND a.retired_at IS NULL
$$;

-- {"id", "life", "account", "step", "code", "detail", "now"}: how far it came, or why it does not go on. Whether the lease held.
CREATE FUNCTION op_step_meta_account(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE meta_accounts AS m
    SET step = req ->> 'step', code = req ->> 'code', detail = req ->> 'detail',
        updated_at = from_millis((req ->> 'now')::bigint)
    FROM meta_connections AS c
    WHERE m.tenant_id = app_tenant() AND m.account_id = (req ->> 'account')::uuid
      AND m.connection_id = (req ->> 'id')::uuid AND c.tenant_id = m.tenant_id AND c.id = m.connection_id
      AND c.life = (req ->> 'life')::bigint;
    RETURN to_jsonb(FOUND);
END $$;

-- Ends the lease: {"id", "life", "code", "detail", "refused": bool, "retry_at": when what Meta could not do is tried again,
-- "forget": {"category", "name"}, what goes with a refusal}. What was claimed meanwhile is still due, but for accounts that were
-- ended: nobody works at those. One that another connection replaced meanwhile is never due again.
CREATE FUNCTION op_settle_meta_connection(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE meta_connections AS c
    SET leased_until = NULL, code = req ->> 'code', detail = req ->> 'detail',
        status = CASE WHEN (req ->> 'refused')::boolean THEN 'refused' ELSE c.status END,
        attempts = CASE WHEN req ? 'retry_at' THEN c.attempts + 1 ELSE 0 END,
        due_at = CASE WHEN (req ->> 'refused')::boolean THEN NULL
                      WHEN req ? 'retry_at' THEN from_millis((req ->> 'retry_at')::bigint)
                      WHEN EXISTS (SELECT FROM meta_accounts AS m
                                   JOIN accounts AS a ON a.tenant_id = m.tenant_id AND a.id = m.account_id
                                   WHERE m.tenant_id = c.tenant_id AND m.connection_id = c.id AND m.step <> 'ready'
                                     AND m.code = '' AND a.retired_at IS NULL) THEN c.due_at
                      ELSE c.refresh_at END
    WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'id')::uuid AND c.life = (req ->> 'life')::bigint
      AND c.status IN ('exchanged', 'connected');
    IF NOT FOUND THEN
        RETURN 'false';
    END IF;
    IF (req ->> 'refused')::boolean THEN
        DELETE FROM credentials AS k
        WHERE k.tenant_id = app_tenant() AND k.category = req #>> '{forget,category}' AND k.name = req #>> '{forget,name}';
    END IF;
    RETURN 'true';
END $$;

GRANT EXECUTE ON FUNCTION op_lease_meta_work, meta_connection_facts, op_begin_meta_connection, op_get_meta_connection,
    op_list_meta_connections, op_get_meta_start, op_lease_meta_connection, op_keep_meta_code, op_keep_meta_token,
    op_claim_meta_account, op_get_meta_address, op_get_meta_rule, op_step_meta_account, op_settle_meta_connection TO relevo_app;
