-- What of a conversation belongs to a person and is not shown to a model: it reads placeholders, and its answer gets back
-- what they stand for before it becomes bubbles. A step's response keeps the placeholders; what they stand for is nowhere
-- but in the messages, from which it is found again. Each turn keeps the kinds that its shop had when it was frozen.

ALTER TABLE tenants ADD COLUMN redact jsonb NOT NULL DEFAULT '["card", "iban", "national_id", "email", "phone"]'
    CHECK (jsonb_typeof(redact) = 'array' AND redact <@ '["card", "iban", "national_id", "email", "phone"]');

CREATE FUNCTION shop_redacts() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT t.redact FROM tenants AS t WHERE t.id = app_tenant()
$$;
GRANT EXECUTE ON FUNCTION shop_redacts TO relevo_app, relevo_operator_text;

CREATE FUNCTION op_set_redaction(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    UPDATE tenants AS t SET redact = req -> 'kinds' WHERE t.id = app_tenant() RETURNING 'null'::jsonb
$$;
GRANT EXECUTE ON FUNCTION op_set_redaction TO relevo_app;

-- Step 0's request. Earlier turns that live beside this one have bubbles on their way: they are part of what the
-- customer will have read.
CREATE OR REPLACE FUNCTION op_freeze_step(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    t turns;
    c conversations;
    a agents;
BEGIN
    SELECT * INTO t FROM turns AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'turn')::uuid;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    SELECT * INTO STRICT c FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = t.conversation_id;
    SELECT g.* INTO STRICT a FROM accounts AS x JOIN agents AS g ON g.tenant_id = tenant AND g.id = x.agent_id
    WHERE x.tenant_id = tenant AND x.id = c.account_id;
    INSERT INTO steps (tenant_id, turn_id, step, agent_id, agent_version, request, created_at)
    VALUES (tenant, t.id, 0, a.id, a.version, jsonb_build_object(
        'cutoff', c.last_seq, 'redact', shop_redacts(),
        'pending', (SELECT coalesce(jsonb_agg(r.id ORDER BY r.order_seq, r.order_index), '[]') FROM replies AS r
                    WHERE r.tenant_id = tenant AND r.conversation_id = c.id AND r.status = 'pending'
                      AND r.order_seq < t.first_seq),
        'passages', req -> 'passages'), from_millis((req ->> 'now')::bigint))
    ON CONFLICT DO NOTHING;
    RETURN 'null';
END $$;

CREATE OR REPLACE FUNCTION op_load_inference(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    tenant bigint := app_tenant();
    t turns;
    c conversations;
    s steps;
    persona jsonb;
BEGIN
    SELECT * INTO t FROM turns AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'turn')::uuid;
    IF NOT FOUND THEN
        RETURN '{"state": "erased"}';
    END IF;
    IF t.status = 'answered' THEN
        RETURN jsonb_build_object('state', 'answered', 'replies', reply_ids(t.id), 'epoch', t.epoch);
    END IF;
    SELECT * INTO STRICT c FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = t.conversation_id;
    IF t.status <> 'open' OR c.mode = 'human' OR c.epoch <> t.epoch THEN
        RETURN jsonb_build_object('state', 'over', 'epoch', t.epoch, 'reason',
                                  CASE t.status WHEN 'open' THEN 'human' WHEN 'dropped' THEN t.reason ELSE t.status END);
    END IF;
    -- step 0 carries the request of every step of its turn
    SELECT * INTO s FROM steps AS x WHERE x.tenant_id = tenant AND x.turn_id = t.id AND x.step = 0;
    SELECT v.snapshot INTO persona FROM agent_versions AS v
    WHERE v.tenant_id = tenant AND v.agent_id = s.agent_id AND v.version = s.agent_version;
    IF persona IS NULL THEN
        SELECT agent_snapshot(g) INTO STRICT persona FROM accounts AS x
        JOIN agents AS g ON g.tenant_id = tenant AND g.id = x.agent_id
        WHERE x.tenant_id = tenant AND x.id = c.account_id;
    END IF;
    RETURN jsonb_build_object(
        'state', 'live', 'epoch', t.epoch, 'agent', persona,
        'shop', (SELECT x.name FROM tenants AS x WHERE x.id = tenant),
        'passages', coalesce(s.request -> 'passages', '[]'), 'redact', coalesce(s.request -> 'redact', shop_redacts()),
        'history', history_lines(t, coalesce((s.request ->> 'cutoff')::bigint, c.last_seq),
                                 ARRAY(SELECT jsonb_array_elements_text(s.request -> 'pending')::uuid)),
        'metadata', (SELECT jsonb_agg(m.metadata ORDER BY m.seq) FROM messages AS m
                     WHERE m.tenant_id = tenant AND m.turn_id = ANY (answered_turns(t.id)) AND m.direction = 'in'
                       AND m.metadata IS NOT NULL)::text,
        'channel', c.channel,
        'account', (SELECT x.external_id FROM accounts AS x WHERE x.tenant_id = tenant AND x.id = c.account_id),
        'to', jsonb_build_object('kind', c.address_kind, 'value', c.address_value),
        'last_message', (SELECT m.event_id FROM messages AS m
                         WHERE m.tenant_id = tenant AND m.turn_id = t.id AND m.direction = 'in'
                         ORDER BY m.seq DESC LIMIT 1));
END $$;

-- What op_load_inference gives of a live turn, whatever became of this one, and what was answered and asked of tools.
-- `agent_version` is another version than the frozen one; null where the agent never had it.
CREATE OR REPLACE FUNCTION op_stored_turn(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    tenant bigint := app_tenant();
    t turns;
    c conversations;
    s steps;
    wanted integer;
    persona jsonb;
BEGIN
    SELECT * INTO t FROM turns AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'turn')::uuid;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    SELECT * INTO STRICT c FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = t.conversation_id;
    SELECT * INTO s FROM steps AS x WHERE x.tenant_id = tenant AND x.turn_id = t.id AND x.step = 0;
    wanted := coalesce((req ->> 'agent_version')::integer, s.agent_version);
    SELECT v.snapshot INTO persona FROM agent_versions AS v
    WHERE v.tenant_id = tenant AND v.agent_id = s.agent_id AND v.version = wanted;
    IF persona IS NULL THEN
        SELECT agent_snapshot(g) INTO persona FROM agents AS g
        WHERE g.tenant_id = tenant AND g.id = s.agent_id AND (req ->> 'agent_version' IS NULL OR g.version = wanted);
    END IF;
    IF persona IS NULL THEN
        RETURN 'null';
    END IF;
    RETURN jsonb_build_object(
        'state', 'live', 'epoch', t.epoch, 'agent', persona, 'agent_version', wanted,
        'shop', (SELECT x.name FROM tenants AS x WHERE x.id = tenant),
        'slug', (SELECT x.slug FROM tenants AS x WHERE x.id = tenant),
        'passages', coalesce(s.request -> 'passages', '[]'), 'redact', coalesce(s.request -> 'redact', shop_redacts()),
        'history', history_lines(t, coalesce((s.request ->> 'cutoff')::bigint, c.last_seq),
                                 ARRAY(SELECT jsonb_array_elements_text(s.request -> 'pending')::uuid)),
        'metadata', (SELECT jsonb_agg(m.metadata ORDER BY m.seq) FROM messages AS m
                     WHERE m.tenant_id = tenant AND m.turn_id = ANY (answered_turns(t.id)) AND m.direction = 'in'
                       AND m.metadata IS NOT NULL)::text,
        'channel', c.channel, 'conversation', c.id, 'created', to_millis(t.created_at),
        'steps', (SELECT jsonb_agg(x.response ORDER BY x.step) FROM steps AS x
                  WHERE x.tenant_id = tenant AND x.turn_id = t.id AND x.response IS NOT NULL),
        'tools', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                             'tool', k.tool, 'arguments', k.arguments, 'result', k.result, 'status', k.status)
                             ORDER BY k.step, k.index), '[]')
                  FROM tool_calls AS k WHERE k.tenant_id = tenant AND k.turn_id = t.id));
END $$;
