-- Several accounts under one webhook address: the numbers of a Meta app, which signs for all of them with one secret. They
-- may be those of several shops: the address and its secret are one shop's, whose file the others name.

-- {"channel", "account_id", "external_id", "name", "drawn"} and, where they are stated, "key" of the shop's own address,
-- "app": it has several accounts, "app_key": of the address that another shop shares. A key that is there stays unless
-- another is stated.
CREATE OR REPLACE FUNCTION apply_account(spec jsonb, agent bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    endpoint bigint;
BEGIN
    IF spec ->> 'app_key' <> '' THEN
        SELECT e.id INTO STRICT endpoint FROM find_endpoint(spec ->> 'channel', spec ->> 'app_key') AS e;
    ELSE
        SELECT e.id INTO endpoint FROM endpoints AS e
        WHERE e.tenant_id = tenant AND e.channel = spec ->> 'channel' ORDER BY e.id LIMIT 1;
        IF endpoint IS NULL THEN
            INSERT INTO endpoints (tenant_id, channel, key, kind, name)
            VALUES (tenant, spec ->> 'channel', coalesce(nullif(spec ->> 'key', ''), spec ->> 'drawn'), 'account',
                    spec ->> 'name')
            RETURNING id INTO endpoint;
        ELSIF spec ->> 'key' <> '' THEN
            UPDATE endpoints AS e SET key = spec ->> 'key' WHERE e.tenant_id = tenant AND e.id = endpoint;
        END IF;
        IF (spec ->> 'app')::boolean THEN
            UPDATE endpoints AS e SET kind = 'app' WHERE e.tenant_id = tenant AND e.id = endpoint AND e.kind <> 'app';
        END IF;
    END IF;
    INSERT INTO accounts (tenant_id, id, channel, external_id, endpoint_id, name, agent_id)
    VALUES (tenant, (spec ->> 'account_id')::uuid, spec ->> 'channel', spec ->> 'external_id', endpoint,
            spec ->> 'name', agent)
    ON CONFLICT (tenant_id, id) DO UPDATE
    SET name = excluded.name, agent_id = excluded.agent_id, endpoint_id = excluded.endpoint_id;
END $$;

-- The key of the shop's address, which is an app's from now on: a webhook that names no account is nobody's then. Null
-- where the shop has none that its own accounts use.
CREATE FUNCTION op_share_endpoint(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    shared text;
BEGIN
    UPDATE endpoints AS e SET kind = 'app'
    WHERE e.tenant_id = app_tenant() AND e.channel = req ->> 'channel'
      AND EXISTS (SELECT FROM accounts AS a WHERE a.tenant_id = e.tenant_id AND a.endpoint_id = e.id)
    RETURNING e.key INTO shared;
    RETURN coalesce(to_jsonb(shared), 'null');
END $$;

-- Keys of the shop's own addresses, and its accounts, which may stand under another shop's. The secrets stay sealed.
CREATE OR REPLACE FUNCTION op_list_addresses(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'endpoints', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'channel', e.channel, 'key', e.key)), '[]')
                      FROM endpoints AS e WHERE e.tenant_id = app_tenant()),
        'accounts', (SELECT coalesce(jsonb_agg(jsonb_build_object('channel', a.channel, 'endpoint', a.endpoint_id,
                                                                  'account', a.external_id)
                                               ORDER BY a.created_at, a.external_id), '[]')
                     FROM accounts AS a WHERE a.tenant_id = app_tenant()))
$$;

GRANT EXECUTE ON FUNCTION op_share_endpoint TO relevo_app;
