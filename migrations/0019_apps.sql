-- Several accounts under one webhook address: the numbers of a Meta app, which signs for all of them with one secret. They
-- may be those of several shops: the address and its secret are one shop's, whose file the others name. Accounts come and
-- go; what was acknowledged for one before it moved stays its own.

-- Its shop's file has it no more: what still comes in for it is dropped with that reason.
ALTER TABLE accounts ADD COLUMN retired_at timestamptz;

-- Addresses that accounts have left. Until then their webhooks, in the log or still on their way, speak for the account.
CREATE TABLE former_endpoints (
    tenant_id bigint NOT NULL,
    account_id uuid NOT NULL,
    endpoint_id bigint NOT NULL REFERENCES endpoints,  -- not of the same tenant where it is an app's
    until timestamptz NOT NULL,
    PRIMARY KEY (account_id, endpoint_id, tenant_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts
);
CREATE INDEX ON former_endpoints (endpoint_id);
SELECT protect_tenant_rows('former_endpoints');
GRANT SELECT, INSERT, UPDATE ON former_endpoints TO relevo_app;
GRANT SELECT ON former_endpoints TO relevo_router;
CREATE POLICY router_reads ON former_endpoints FOR SELECT TO relevo_router USING (true);

-- The shop that has the address; null where what comes through it may be about another shop: one whose accounts stand
-- there, or stood there lately. True for all shops only where the router asks.
CREATE FUNCTION sole_shop(scope bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CASE count(DISTINCT t.tenant_id) WHEN 1 THEN min(t.tenant_id) END
    FROM (SELECT e.tenant_id FROM endpoints AS e WHERE e.id = scope
          UNION ALL SELECT a.tenant_id FROM accounts AS a WHERE a.endpoint_id = scope
          UNION ALL SELECT f.tenant_id FROM former_endpoints AS f
                    WHERE f.endpoint_id = scope AND f.until > now()) AS t
$$;

-- The account that a webhook of the address means when it names none; null where that could be several.
CREATE FUNCTION sole_account(scope bigint) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT a.external_id FROM accounts AS a
    WHERE a.endpoint_id = scope AND sole_shop(scope) IS NOT NULL
      AND (SELECT count(*) FROM accounts AS x WHERE x.endpoint_id = scope AND x.retired_at IS NULL) <= 1
    ORDER BY a.retired_at DESC NULLS FIRST LIMIT 1
$$;

CREATE OR REPLACE FUNCTION resolve_account(wanted_channel text, wanted_id text, scope bigint)
RETURNS TABLE (tenant_id bigint, id uuid, channel text, external_id text, endpoint_id bigint, agent_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT a.tenant_id, a.id, a.channel, a.external_id, a.endpoint_id, a.agent_id
    FROM accounts AS a
    WHERE a.channel = wanted_channel
      AND a.external_id = CASE wanted_id WHEN '' THEN sole_account(scope) ELSE wanted_id END
$$;

CREATE OR REPLACE FUNCTION find_endpoint(wanted_channel text, wanted_key text)
RETURNS TABLE (id bigint, tenant_id bigint, channel text, account text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT e.id, e.tenant_id, e.channel, coalesce(sole_account(e.id), '')
    FROM endpoints AS e
    WHERE e.channel = wanted_channel AND e.key = wanted_key
$$;

-- Whose archive keeps what names no account: the oldest account of the shop that alone can be meant. No secrets.
CREATE FUNCTION resolve_owner(wanted_channel text, scope bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT a.external_id FROM accounts AS a
    WHERE a.channel = wanted_channel AND a.tenant_id = sole_shop(scope)
    ORDER BY a.retired_at DESC NULLS FIRST, a.created_at, a.external_id LIMIT 1
$$;
GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION resolve_owner OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION resolve_owner FROM PUBLIC;
GRANT EXECUTE ON FUNCTION resolve_owner TO relevo_app;
GRANT EXECUTE ON FUNCTION sole_shop, sole_account TO relevo_router;

-- An address is an app's as long as several accounts stand there.
ALTER TABLE endpoints DROP COLUMN kind;

-- "others": the shop's own addresses, and those that the account has left lately. No other shop's, unless it stood there.
CREATE OR REPLACE FUNCTION op_find_account(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    named record;
    agent agents;
BEGIN
    SELECT * INTO named FROM resolve_account(req ->> 'channel', req ->> 'external_id', (req ->> 'scope')::bigint);
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    -- the rest is read as that tenant, under its policies
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    SELECT * INTO STRICT agent FROM agents AS a WHERE a.tenant_id = named.tenant_id AND a.id = named.agent_id;
    RETURN jsonb_build_object(
        'tenant', named.tenant_id, 'id', named.id, 'channel', named.channel, 'external_id', named.external_id,
        'endpoint', named.endpoint_id, 'quiet_ms', agent.quiet_ms, 'max_wait_ms', agent.max_wait_ms,
        'max_messages', agent.max_messages,
        'retired', (SELECT a.retired_at IS NOT NULL FROM accounts AS a
                    WHERE a.tenant_id = named.tenant_id AND a.id = named.id),
        'others', (SELECT coalesce(jsonb_agg(o.id), '[]')
                   FROM (SELECT e.id FROM endpoints AS e
                         WHERE e.tenant_id = named.tenant_id AND e.channel = named.channel
                         UNION SELECT f.endpoint_id FROM former_endpoints AS f
                               WHERE f.tenant_id = named.tenant_id AND f.account_id = named.id
                                 AND f.until > now()) AS o
                   WHERE o.id <> named.endpoint_id));
END $$;

CREATE FUNCTION op_find_owner(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    owner text := resolve_owner(req ->> 'channel', (req ->> 'scope')::bigint);
BEGIN
    RETURN CASE WHEN owner IS NULL THEN 'null'
                ELSE op_find_account(req || jsonb_build_object('external_id', owner)) END;
END $$;

-- {"channel", "account_id", "external_id", "name", "drawn"} and, where they are stated, "key" of the shop's own address,
-- "app_key": of the address that another shop shares. A key that is there stays unless another is stated.
CREATE OR REPLACE FUNCTION apply_account(spec jsonb, agent bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    account uuid := (spec ->> 'account_id')::uuid;
    endpoint bigint;
BEGIN
    IF spec ->> 'app_key' <> '' THEN
        SELECT e.id INTO STRICT endpoint FROM find_endpoint(spec ->> 'channel', spec ->> 'app_key') AS e;
    ELSE
        SELECT e.id INTO endpoint FROM endpoints AS e
        WHERE e.tenant_id = tenant AND e.channel = spec ->> 'channel' ORDER BY e.id LIMIT 1;
        IF endpoint IS NULL THEN
            INSERT INTO endpoints (tenant_id, channel, key, name)
            VALUES (tenant, spec ->> 'channel', coalesce(nullif(spec ->> 'key', ''), spec ->> 'drawn'), spec ->> 'name')
            RETURNING id INTO endpoint;
        ELSIF spec ->> 'key' <> '' THEN
            UPDATE endpoints AS e SET key = spec ->> 'key' WHERE e.tenant_id = tenant AND e.id = endpoint;
        END IF;
    END IF;
    -- as long as the topics keep records
    INSERT INTO former_endpoints (tenant_id, account_id, endpoint_id, until)
    SELECT tenant, account, a.endpoint_id, now() + interval '14 days' FROM accounts AS a
    WHERE a.tenant_id = tenant AND a.id = account AND a.endpoint_id <> endpoint
    ON CONFLICT ON CONSTRAINT former_endpoints_pkey DO UPDATE SET until = excluded.until;
    INSERT INTO accounts (tenant_id, id, channel, external_id, endpoint_id, name, agent_id)
    VALUES (tenant, account, spec ->> 'channel', spec ->> 'external_id', endpoint, spec ->> 'name', agent)
    ON CONFLICT (tenant_id, id) DO UPDATE
    SET name = excluded.name, agent_id = excluded.agent_id, endpoint_id = excluded.endpoint_id, retired_at = NULL;
END $$;

CREATE OR REPLACE FUNCTION op_apply_shop(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    agent bigint;
    account jsonb;
BEGIN
    UPDATE tenants AS t
    SET name = req ->> 'name', language = req ->> 'language', synonyms = req -> 'synonyms',
        fallback_text = coalesce(nullif(req ->> 'fallback_text', ''), t.fallback_text)
    WHERE t.id = tenant;
    agent := apply_agent(req -> 'agent');
    FOR account IN SELECT jsonb_array_elements(req -> 'accounts') LOOP
        PERFORM apply_account(account, agent);
    END LOOP;
    UPDATE accounts AS a SET retired_at = now()
    WHERE a.tenant_id = tenant AND a.retired_at IS NULL
      AND a.id NOT IN (SELECT (k ->> 'account_id')::uuid FROM jsonb_array_elements(req -> 'accounts') AS k);
    INSERT INTO credentials (tenant_id, category, name, sealed)
    SELECT tenant, k ->> 'category', k ->> 'name', decode(k ->> 'sealed', 'hex')
    FROM jsonb_array_elements(req -> 'credentials') AS k
    ON CONFLICT (tenant_id, category, name) DO UPDATE SET sealed = excluded.sealed, updated_at = now();
    PERFORM apply_catalogue(req -> 'catalogue');
    RETURN 'null';
END $$;

-- The key of the address that the shop's own accounts use, for another shop to stand there too; null where it has none.
CREATE FUNCTION op_app_key(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT to_jsonb(e.key) FROM endpoints AS e
                     WHERE e.tenant_id = app_tenant() AND e.channel = req ->> 'channel'
                       AND EXISTS (SELECT FROM accounts AS a WHERE a.tenant_id = e.tenant_id
                                   AND a.endpoint_id = e.id AND a.retired_at IS NULL)
                     ORDER BY e.id LIMIT 1), 'null')
$$;

-- Keys of the shop's own addresses, and its accounts, which may stand under another shop's: those of one channel stand
-- under one address. The secrets stay sealed.
CREATE OR REPLACE FUNCTION op_list_addresses(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'endpoints', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'channel', e.channel, 'key', e.key)), '[]')
                      FROM endpoints AS e WHERE e.tenant_id = app_tenant()),
        'accounts', (SELECT coalesce(jsonb_agg(jsonb_build_object('channel', a.channel, 'endpoint', a.endpoint_id,
                                                                  'account', a.external_id)
                                               ORDER BY a.created_at, a.external_id), '[]')
                     FROM accounts AS a WHERE a.tenant_id = app_tenant() AND a.retired_at IS NULL))
$$;

-- The addresses that the shop's own accounts use. An account under another shop's app has none of its own.
CREATE OR REPLACE FUNCTION op_demo_shop(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'tenant', t.id, 'slug', t.slug, 'name', t.name,
        'web', (SELECT jsonb_build_object('key', e.key) FROM endpoints AS e
                WHERE e.tenant_id = t.id AND e.channel = 'web' ORDER BY e.id LIMIT 1),
        'webhooks', (SELECT coalesce(jsonb_object_agg(e.channel, jsonb_build_object(
                                         'path', format('/webhooks/%s/%s', e.channel, e.key))), '{}')
                     FROM endpoints AS e
                     WHERE e.tenant_id = t.id AND e.channel <> 'web'
                       AND EXISTS (SELECT FROM accounts AS a WHERE a.tenant_id = t.id AND a.endpoint_id = e.id
                                                               AND a.retired_at IS NULL))))
    FROM tenants AS t WHERE t.id = app_tenant()
$$;

GRANT EXECUTE ON FUNCTION op_find_owner, op_app_key TO relevo_app;
