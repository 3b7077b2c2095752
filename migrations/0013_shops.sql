-- Making and mending a shop from what its owner states. Applied twice, it changes nothing the second time.

CREATE FUNCTION op_register_tenant(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT to_jsonb(register_tenant(req ->> 'slug', req ->> 'name'))
$$;

-- A new version where anything that shapes an answer changed.
CREATE FUNCTION apply_agent(spec jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    a agents;
    before jsonb;
BEGIN
    SELECT * INTO a FROM agents AS x WHERE x.tenant_id = tenant AND x.name = spec ->> 'name' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        INSERT INTO agents (tenant_id, name, provider, version) VALUES (tenant, spec ->> 'name', '', 0) RETURNING * INTO a;
    END IF;
    before := agent_snapshot(a);
    UPDATE agents AS x
    SET role = spec ->> 'role', provider = spec ->> 'provider', base_url = spec ->> 'base_url',
        model = spec ->> 'model', prompt = spec ->> 'prompt', disclosure = spec ->> 'disclosure',
        temperature = (spec ->> 'temperature')::double precision,
        max_output_tokens = (spec ->> 'max_output_tokens')::integer, quiet_ms = (spec ->> 'quiet_ms')::integer,
        max_wait_ms = (spec ->> 'max_wait_ms')::integer, max_messages = (spec ->> 'max_messages')::integer
    WHERE x.tenant_id = tenant AND x.id = a.id RETURNING * INTO a;
    IF a.version = 0 OR agent_snapshot(a) <> before THEN
        UPDATE agents AS x SET version = x.version + 1, updated_at = now()
        WHERE x.tenant_id = tenant AND x.id = a.id RETURNING * INTO a;
        INSERT INTO agent_versions (tenant_id, agent_id, version, snapshot)
        VALUES (tenant, a.id, a.version, agent_snapshot(a));
    END IF;
    RETURN a.id;
END $$;

-- {"channel", "account_id", "external_id", "name", "key", "drawn"}: an endpoint of one account, and the account. A key
-- that is there stays unless another is stated.
CREATE FUNCTION apply_account(spec jsonb, agent bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    endpoint bigint;
BEGIN
    SELECT e.id INTO endpoint FROM endpoints AS e
    WHERE e.tenant_id = tenant AND e.channel = spec ->> 'channel' AND e.kind = 'account' ORDER BY e.id LIMIT 1;
    IF endpoint IS NULL THEN
        INSERT INTO endpoints (tenant_id, channel, key, kind, name)
        VALUES (tenant, spec ->> 'channel', coalesce(nullif(spec ->> 'key', ''), spec ->> 'drawn'), 'account',
                spec ->> 'name')
        RETURNING id INTO endpoint;
    ELSIF spec ->> 'key' <> '' THEN
        UPDATE endpoints AS e SET key = spec ->> 'key' WHERE e.tenant_id = tenant AND e.id = endpoint;
    END IF;
    INSERT INTO accounts (tenant_id, id, channel, external_id, endpoint_id, name, agent_id)
    VALUES (tenant, (spec ->> 'account_id')::uuid, spec ->> 'channel', spec ->> 'external_id', endpoint,
            spec ->> 'name', agent)
    ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, agent_id = excluded.agent_id;
END $$;

-- One passage a product: what an agent may say of it, in words that a customer would use.
CREATE FUNCTION apply_catalogue(spec jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    source uuid := hash_uuid('source', tenant::text, 'catalogue');
BEGIN
    INSERT INTO sources (tenant_id, id, kind, name) VALUES (tenant, source, 'catalogue', 'catalogue')
    ON CONFLICT DO NOTHING;
    DELETE FROM catalogue_entries AS e WHERE e.tenant_id = tenant
        AND e.sku NOT IN (SELECT p ->> 'sku' FROM jsonb_array_elements(spec) AS p);
    INSERT INTO catalogue_entries (tenant_id, sku, name, description, price, currency, url, attributes)
    SELECT tenant, p ->> 'sku', p ->> 'name', p ->> 'description', p ->> 'price', p ->> 'currency', p ->> 'url',
           p -> 'attributes'
    FROM jsonb_array_elements(spec) AS p
    ON CONFLICT (tenant_id, sku) DO UPDATE
    SET name = excluded.name, description = excluded.description, price = excluded.price,
        currency = excluded.currency, url = excluded.url, attributes = excluded.attributes, updated_at = now();
    DELETE FROM chunks AS k WHERE k.tenant_id = tenant AND k.source_id = source
        AND k.id NOT IN (SELECT hash_uuid('chunk', tenant::text, 'catalogue', e.sku) FROM catalogue_entries AS e
                         WHERE e.tenant_id = tenant);
    INSERT INTO chunks (tenant_id, id, source_id, title, text)
    SELECT tenant, hash_uuid('chunk', tenant::text, 'catalogue', e.sku), source, e.name,
           concat_ws(E'\n', nullif(e.description, ''),
                     (SELECT string_agg(format('%s: %s', x.key, x.value), E'\n' ORDER BY x.key)
                      FROM jsonb_each_text(e.attributes) AS x),
                     'Precio: ' || nullif(concat_ws(' ', nullif(e.currency, ''), nullif(e.price, '')), ''),
                     nullif(e.url, ''))
    FROM catalogue_entries AS e WHERE e.tenant_id = tenant
    ON CONFLICT (tenant_id, id) DO UPDATE SET title = excluded.title, text = excluded.text
    WHERE (chunks.title, chunks.text) IS DISTINCT FROM (excluded.title, excluded.text);
END $$;

CREATE FUNCTION op_apply_shop(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
    INSERT INTO credentials (tenant_id, category, name, sealed)
    SELECT tenant, k ->> 'category', k ->> 'name', decode(k ->> 'sealed', 'hex')
    FROM jsonb_array_elements(req -> 'credentials') AS k
    ON CONFLICT (tenant_id, category, name) DO UPDATE SET sealed = excluded.sealed, updated_at = now();
    PERFORM apply_catalogue(req -> 'catalogue');
    RETURN 'null';
END $$;

-- Keys of addresses and names of accounts; the secrets stay sealed.
CREATE FUNCTION op_list_addresses(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('channel', e.channel, 'key', e.key, 'account', a.external_id)
                              ORDER BY e.id), '[]')
    FROM endpoints AS e
    JOIN accounts AS a ON a.tenant_id = e.tenant_id AND a.endpoint_id = e.id
    WHERE e.tenant_id = app_tenant()
$$;

GRANT EXECUTE ON FUNCTION op_register_tenant, apply_agent, apply_account, apply_catalogue, op_apply_shop,
    op_list_addresses TO relevo_app;
