-- What `relevo replay --conversation` reads, as relevo_operator_text: turns as they were frozen, with what the models
-- answered. The role changes nothing, and of the shops' secrets sees the keys of models only.

GRANT SELECT ON tenants, agents, agent_versions, credentials, conversations, messages, turns, steps, tool_calls, replies
    TO relevo_operator_text;
CREATE POLICY models_only ON credentials AS RESTRICTIVE FOR SELECT TO relevo_operator_text
    USING (name = 'API_KEY' AND category IN ('openai', 'anthropic', 'gemini'));

-- The newest turns that a model answered, oldest first: of all shops.
CREATE FUNCTION op_stored_turns(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('tenant', x.tenant_id, 'turn', x.id) ORDER BY x.created_at, x.id), '[]')
    FROM (SELECT t.tenant_id, t.id, t.created_at FROM turns AS t
          WHERE (req ->> 'conversation' IS NULL OR t.conversation_id = (req ->> 'conversation')::uuid)
            AND (req ->> 'shop' IS NULL
                 OR t.tenant_id = (SELECT n.id FROM tenants AS n WHERE n.slug = req ->> 'shop'))
            AND EXISTS (SELECT FROM steps AS s WHERE s.tenant_id = t.tenant_id AND s.turn_id = t.id
                                                 AND s.response IS NOT NULL)
          ORDER BY t.created_at DESC, t.id DESC LIMIT (req ->> 'last')::integer) AS x
$$;

-- What op_load_inference gives of a live turn, whatever became of this one, and what was answered and asked of tools.
-- `agent_version` is another version than the frozen one; null where the agent never had it.
CREATE FUNCTION op_stored_turn(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
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
        'passages', coalesce(s.request -> 'passages', '[]'),
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

GRANT EXECUTE ON FUNCTION op_stored_turns, op_stored_turn, op_find_credential, run_batch, batch_key, op_ping, app_tenant,
    from_millis, to_millis, answered_turns, history_lines, agent_snapshot TO relevo_operator_text;
