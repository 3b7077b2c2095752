-- The demo page shows what takes messages: no shop that was removed, none of its conversations, and no web chat
-- that a shop has given up.

CREATE FUNCTION takes_messages() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM accounts AS a WHERE a.tenant_id = app_tenant() AND a.retired_at IS NULL)
$$;

-- null where it takes none.
CREATE OR REPLACE FUNCTION op_demo_shop(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH open_endpoints AS (
        SELECT e.id, e.channel, e.key FROM endpoints AS e
        WHERE e.tenant_id = app_tenant()
          AND EXISTS (SELECT FROM accounts AS a
                      WHERE a.tenant_id = e.tenant_id AND a.endpoint_id = e.id AND a.retired_at IS NULL))
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'tenant', t.id, 'slug', t.slug, 'name', t.name,
        'web', (SELECT jsonb_build_object('key', e.key) FROM open_endpoints AS e
                WHERE e.channel = 'web' ORDER BY e.id LIMIT 1),
        'webhooks', (SELECT coalesce(jsonb_object_agg(e.channel, jsonb_build_object(
                                         'path', format('/webhooks/%s/%s', e.channel, e.key))), '{}')
                     FROM open_endpoints AS e WHERE e.channel <> 'web')))
    FROM tenants AS t WHERE t.id = app_tenant() AND takes_messages()
$$;

CREATE OR REPLACE FUNCTION op_demo_conversations(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'tenant', c.tenant_id, 'conversation', c.id, 'shop', t.slug, 'channel', c.channel,
        'contact', coalesce(nullif(k.name, ''), c.address_value), 'mode', c.mode,
        'last_at', iso_time(m.at), 'last_text', m.text) ORDER BY m.at DESC), '[]')
    FROM (SELECT x.* FROM conversations AS x WHERE x.tenant_id = app_tenant() AND takes_messages()
          ORDER BY x.updated_at DESC LIMIT 100) AS c
    JOIN tenants AS t ON t.id = c.tenant_id
    JOIN contacts AS k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
    JOIN LATERAL (SELECT x.at, x.text FROM messages AS x
                  WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id
                  ORDER BY x.seq DESC LIMIT 1) AS m ON true
$$;

GRANT EXECUTE ON FUNCTION takes_messages TO relevo_app;
