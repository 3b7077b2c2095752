-- What the demo page shows. Each is one tenant's; the page's process asks for one after the other.

CREATE FUNCTION iso_time(moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE
RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

CREATE FUNCTION op_list_tenants(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('tenant', t.id, 'slug', t.slug, 'name', t.name) ORDER BY t.id), '[]')
    FROM list_tenants() AS t
$$;

CREATE FUNCTION op_demo_shop(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'tenant', t.id, 'slug', t.slug, 'name', t.name,
        'web', (SELECT jsonb_build_object('key', e.key) FROM endpoints AS e
                WHERE e.tenant_id = t.id AND e.channel = 'web' ORDER BY e.id LIMIT 1),
        'webhooks', (SELECT coalesce(jsonb_object_agg(e.channel, jsonb_build_object(
                                         'path', format('/webhooks/%s/%s', e.channel, e.key))), '{}')
                     FROM endpoints AS e WHERE e.tenant_id = t.id AND e.channel <> 'web')))
    FROM tenants AS t WHERE t.id = app_tenant()
$$;

CREATE FUNCTION op_demo_conversations(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'tenant', c.tenant_id, 'conversation', c.id, 'shop', t.slug, 'channel', c.channel,
        'contact', coalesce(nullif(k.name, ''), c.address_value), 'mode', c.mode,
        'last_at', iso_time(m.at), 'last_text', m.text) ORDER BY m.at DESC), '[]')
    FROM (SELECT x.* FROM conversations AS x WHERE x.tenant_id = app_tenant()
          ORDER BY x.updated_at DESC LIMIT 100) AS c
    JOIN tenants AS t ON t.id = c.tenant_id
    JOIN contacts AS k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
    JOIN LATERAL (SELECT x.at, x.text FROM messages AS x
                  WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id
                  ORDER BY x.seq DESC LIMIT 1) AS m ON true
$$;

CREATE FUNCTION demo_replies(wanted_turn uuid, c conversations) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', r.id, 'index', r.index, 'text', r.text, 'author', r.author, 'reason', r.reason,
        'status', CASE WHEN r.status = 'pending' AND r.author = 'agent' AND is_held(t, c, now()) THEN 'held'
                       ELSE r.status END,
        'deliveries', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                           'attempt', d.attempt, 'status', d.status, 'at', iso_time(d.at),
                           'provider_id', d.provider_id, 'receipt', d.receipt, 'code', d.code)
                           ORDER BY d.attempt), '[]')
                       FROM deliveries AS d WHERE d.tenant_id = r.tenant_id AND d.reply_id = r.id)
        ) ORDER BY r.order_seq, r.order_index), '[]')
    FROM (SELECT x.* FROM replies AS x
          WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id
            AND x.turn_id IS NOT DISTINCT FROM wanted_turn
          ORDER BY x.order_seq DESC, x.order_index DESC LIMIT 50) AS r
    LEFT JOIN turns AS t ON t.tenant_id = r.tenant_id AND t.id = r.turn_id
$$;

CREATE FUNCTION op_demo_conversation(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    c conversations;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    RETURN jsonb_build_object(
        'tenant', c.tenant_id, 'conversation', c.id, 'mode', c.mode, 'epoch', c.epoch, 'channel', c.channel,
        'contact', (SELECT coalesce(nullif(k.name, ''), c.address_value) FROM contacts AS k
                    WHERE k.tenant_id = c.tenant_id AND k.id = c.contact_id),
        'messages', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', m.id, 'seq', m.seq, 'direction', m.direction, 'author', m.author, 'kind', m.kind,
                'text', m.text, 'at', iso_time(m.at), 'turn', m.turn_id, 'trace', m.trace) ORDER BY m.seq), '[]')
            FROM (SELECT x.* FROM messages AS x WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id
                  ORDER BY x.seq DESC LIMIT 100) AS m),
        'turns', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', t.id, 'status', t.status, 'reason', t.reason, 'superseded_by', t.superseded_by,
                'created_at', iso_time(t.created_at),
                'message_ids', (SELECT coalesce(jsonb_agg(m.id ORDER BY m.seq), '[]') FROM messages AS m
                                WHERE m.tenant_id = t.tenant_id AND m.turn_id = t.id AND m.direction = 'in'),
                'passages', coalesce((SELECT s.request -> 'passages' FROM steps AS s
                                      WHERE s.tenant_id = t.tenant_id AND s.turn_id = t.id AND s.step = 0), '[]'),
                'replies', demo_replies(t.id, c)) ORDER BY t.last_seq), '[]')
            FROM (SELECT x.* FROM turns AS x WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id
                  ORDER BY x.last_seq DESC LIMIT 50) AS t),
        'replies', demo_replies(NULL, c));
END $$;

GRANT EXECUTE ON FUNCTION iso_time, op_list_tenants, op_demo_shop, op_demo_conversations, demo_replies,
    op_demo_conversation TO relevo_app;
