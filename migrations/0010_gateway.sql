-- The gateway: addresses, the visitor's history, the shop's side of a conversation, the demo page.

CREATE FUNCTION op_find_endpoint(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT to_jsonb(e) FROM find_endpoint(req ->> 'channel', req ->> 'key') AS e), 'null')
$$;

CREATE FUNCTION op_list_endpoints(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]') FROM list_endpoints((req ->> 'limit')::integer) AS e
$$;

CREATE FUNCTION op_find_credential(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT to_jsonb(encode(k.sealed, 'hex')) FROM credentials AS k
                     WHERE k.tenant_id = app_tenant() AND k.category = req ->> 'category' AND k.name = req ->> 'name'),
                    'null')
$$;

CREATE FUNCTION op_read_web(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('tenant', c.tenant_id, 'conversation', c.id, 'human', c.mode = 'human',
                                  'epoch', c.epoch, 'messages', coalesce(lines.messages, '[]'))
        FROM accounts AS a
        JOIN aliases AS l ON l.tenant_id = a.tenant_id AND l.kind = 'web_visitor' AND l.value = req ->> 'visitor'
        JOIN conversations AS c ON c.tenant_id = a.tenant_id AND c.account_id = a.id AND c.contact_id = l.contact_id
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object(
                'id', m.id, 'seq', m.seq, 'inbound', m.direction = 'in', 'text', m.text, 'at', to_millis(m.at),
                -- an event of the web is called visitor/client_id
                'client_id', CASE m.direction WHEN 'in' THEN substr(m.event_id, length(req ->> 'visitor') + 2)
                                              ELSE '' END,
                'turn', CASE m.author WHEN 'agent' THEN coalesce(m.turn_id::text, '') ELSE '' END,
                'index', coalesce(m.index, 0)) ORDER BY m.seq) AS messages
            FROM (SELECT x.*, r.index FROM messages AS x
                  LEFT JOIN replies AS r ON r.tenant_id = x.tenant_id AND r.id = x.reply_id
                  WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id AND x.seq > (req ->> 'after')::bigint
                    AND x.kind <> 'reaction'
                  ORDER BY x.seq DESC LIMIT 200) AS m) AS lines ON true
        WHERE a.tenant_id = app_tenant() AND a.endpoint_id = (req ->> 'endpoint')::bigint
        LIMIT 1), 'null')
$$;

-- true where the conversation exists.
CREATE FUNCTION op_take_over(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    c conversations;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'false';
    END IF;
    IF c.mode = 'agent' THEN
        PERFORM silence_agent(c.id, from_millis((req ->> 'now')::bigint));
    END IF;
    RETURN 'true';
END $$;

CREATE FUNCTION op_give_back(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    c conversations;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'false';
    END IF;
    UPDATE conversations AS x
    SET mode = 'agent', epoch = x.epoch + 1, handled_seq = x.last_seq, human_until = NULL,
        updated_at = from_millis((req ->> 'now')::bigint)
    WHERE x.tenant_id = c.tenant_id AND x.id = c.id AND x.mode = 'human';
    RETURN 'true';
END $$;

-- The reply's id; null where there is no such conversation. Asked twice, made once.
CREATE FUNCTION op_request_reply(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    c conversations;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    IF NOT EXISTS (SELECT FROM replies AS r
                   WHERE r.tenant_id = c.tenant_id AND r.id = (req ->> 'requested')::uuid) THEN
        -- behind the agent's bubbles of the same moment
        INSERT INTO replies (tenant_id, id, conversation_id, author, text, epoch, order_seq, order_index, created_at)
        SELECT c.tenant_id, (req ->> 'requested')::uuid, c.id, 'human', req ->> 'text', c.epoch, c.last_seq,
               greatest(coalesce(max(r.order_index), 0), 999) + 1, from_millis((req ->> 'now')::bigint)
        FROM replies AS r
        WHERE r.tenant_id = c.tenant_id AND r.conversation_id = c.id AND r.order_seq = c.last_seq;
    END IF;
    RETURN to_jsonb(req ->> 'requested');
END $$;

GRANT EXECUTE ON FUNCTION op_find_endpoint, op_list_endpoints, op_find_credential, op_read_web, op_take_over, op_give_back,
    op_request_reply TO relevo_app;
