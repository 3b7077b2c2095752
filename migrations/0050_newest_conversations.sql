-- Conversations for the API, newest activity first: a list of which a page costs a page. The first statement rewrites the table,
-- and nobody reads it until its indexes are there, too: so this transaction does nothing else that takes time.

-- Whole minutes: a conversation changes with each of its messages, and only a row whose indexed columns stay is changed in place.
-- log_name is what the audit log calls it: drawn, as the log keeps its rows when a person is erased, and an id is computed from
-- their name.
ALTER TABLE conversations
    ADD COLUMN active_minute bigint GENERATED ALWAYS AS (to_millis(updated_at) / 60000) STORED,
    ADD COLUMN log_name uuid;
CREATE INDEX conversations_newest ON conversations (channel, mode, tenant_id, active_minute, id);
-- Found by what Chatwoot calls them.
CREATE INDEX conversations_in_chatwoot ON conversations (external_chatwoot_id, external_account_id, tenant_id)
    WHERE external_chatwoot_id IS NOT NULL;

-- An operator told the shop, or everybody, to wait.
CREATE FUNCTION agent_paused() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM list_pauses() AS p
                   WHERE (p.tenant_id IS NULL OR p.tenant_id = app_tenant())
                     AND p.stage IN ('resolve', 'buffer', 'retrieve', 'infer', 'execute', 'relay'))
$$;

CREATE FUNCTION conversation_facts(c conversations, paused boolean) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', c.id, 'channel', c.channel, 'minute', c.active_minute,
        'standing', CASE WHEN c.mode = 'human' THEN 'human' WHEN paused THEN 'paused' ELSE 'agent' END,
        'account', a.id, 'account_external_id', a.external_id, 'account_name', a.name,
        'contact', k.id, 'contact_name', k.name, 'address_kind', c.address_kind,
        'address', shown_alias(c.address_kind, c.address_value),
        'agent', g.id, 'agent_name', g.name, 'external_chatwoot_id', c.external_chatwoot_id,
        'external_account_id', c.external_account_id, 'log_name', c.log_name, 'created_at', to_millis(c.created_at),
        'updated_at', to_millis(c.updated_at)))
    FROM contacts AS k, accounts AS a JOIN agents AS g ON g.tenant_id = a.tenant_id AND g.id = a.agent_id
    WHERE k.tenant_id = c.tenant_id AND k.id = c.contact_id AND a.tenant_id = c.tenant_id AND a.id = c.account_id
$$;

-- {"channel", "standing", "contact": maybe; "before_minute", "before": the place where the page before ended; "limit"}
CREATE FUNCTION op_list_conversations(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    tenant bigint := app_tenant();
    paused boolean := agent_paused();
    wanted text := req ->> 'channel';
    modes text[] := CASE WHEN NOT req ? 'standing' THEN ARRAY['agent', 'human']
                         WHEN req ->> 'standing' = 'human' THEN ARRAY['human']
                         WHEN req ->> 'standing' = CASE WHEN paused THEN 'paused' ELSE 'agent' END THEN ARRAY['agent']
                         ELSE '{}' END;
    last_minute bigint := coalesce((req ->> 'before_minute')::bigint, 9223372036854775807);
    last_id uuid := coalesce((req ->> 'before')::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    most integer := least((req ->> 'limit')::integer, 1000);
    page jsonb;
BEGIN
    IF req ? 'contact' THEN
        -- as many as the shop has accounts, at most
        SELECT jsonb_agg(conversation_facts(p.c, paused) ORDER BY p.minute DESC, p.id DESC) INTO page
        FROM (SELECT x AS c, x.active_minute AS minute, x.id FROM conversations AS x
              WHERE x.tenant_id = tenant AND x.contact_id = (req ->> 'contact')::uuid AND x.mode = ANY (modes)
                AND (wanted IS NULL OR x.channel = wanted) AND (x.active_minute, x.id) < (last_minute, last_id)
              ORDER BY x.active_minute DESC, x.id DESC LIMIT most) AS p;
        RETURN coalesce(page, '[]');
    END IF;
    -- the newest of each kind, which are few: the index has each of them in order
    SELECT jsonb_agg(conversation_facts(p.c, paused) ORDER BY p.minute DESC, p.id DESC) INTO page
    FROM (SELECT f.c, f.minute, f.id
          FROM unnest(modes) AS m(mode)
          CROSS JOIN (SELECT DISTINCT a.channel FROM accounts AS a
                      WHERE a.tenant_id = tenant AND (wanted IS NULL OR a.channel = wanted)) AS k
          CROSS JOIN LATERAL (SELECT x AS c, x.active_minute AS minute, x.id FROM conversations AS x
                              WHERE x.tenant_id = tenant AND x.channel = k.channel AND x.mode = m.mode
                                AND (x.active_minute, x.id) < (last_minute, last_id)
                              ORDER BY x.active_minute DESC, x.id DESC LIMIT most) AS f
          ORDER BY f.minute DESC, f.id DESC LIMIT most) AS p;
    RETURN coalesce(page, '[]');
END $$;

-- {"conversation"}: with its "cost"; null where there is none.
CREATE FUNCTION op_get_conversation(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT conversation_facts(c, agent_paused()) || jsonb_build_object(
                         'cost', (SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.currency), '[]')
                                  FROM conversation_cost(c.id) AS s))
                     FROM conversations AS c
                     WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'conversation')::uuid), 'null')
$$;

-- {"conversation", "standing": human or agent, "now", "actor"}: as the desk takes over and gives back. Whether there is such a
-- conversation; what changes nothing is not noted.
CREATE FUNCTION op_hand_over(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    was conversations;
    c conversations;
    done jsonb;
BEGIN
    SELECT * INTO was FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid FOR NO KEY UPDATE;
    IF req ->> 'standing' = 'human' THEN
        done := op_take_over(req);
    ELSE
        done := op_give_back(req);
    END IF;
    UPDATE conversations AS x SET log_name = coalesce(x.log_name, gen_random_uuid())
    WHERE x.tenant_id = was.tenant_id AND x.id = was.id AND x.mode <> was.mode RETURNING * INTO c;
    IF FOUND THEN
        PERFORM note_change(req -> 'actor', 'conversation.hand_over', 'conversation:' || c.log_name,
                            jsonb_build_object('standing', was.mode), jsonb_build_object('standing', c.mode));
    END IF;
    RETURN done;
END $$;

-- The addresses that the shop's accounts stand under: "key" where it is the shop's own, "last": when a conversation there changed,
-- of the newest minute one; "unknown", "unknown_at": parts without a known shape, of each account's newest thousand.
CREATE FUNCTION op_list_webhooks(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(w.facts ORDER BY w.channel, w.endpoint_id), '[]')
    FROM (SELECT x.channel, x.endpoint_id, jsonb_strip_nulls(jsonb_build_object(
                     'channel', x.channel, 'endpoint', x.endpoint_id,
                     'key', (SELECT e.key FROM endpoints AS e WHERE e.tenant_id = app_tenant() AND e.id = x.endpoint_id),
                     'accounts', jsonb_agg(x.external_id ORDER BY x.external_id), 'last', to_millis(max(c.at)),
                     'unknown', sum(u.parts), 'unknown_at', to_millis(max(u.at)))) AS facts
          FROM accounts AS x
          -- the index has a channel's newest first, so that it soon meets one of an account in use
          LEFT JOIN LATERAL (SELECT max(k.updated_at) AS at
                             FROM unnest(ARRAY['agent', 'human']) AS m(mode)
                             CROSS JOIN LATERAL (SELECT y.updated_at FROM conversations AS y
                                                 WHERE y.tenant_id = app_tenant() AND y.channel = x.channel AND y.mode = m.mode
                                                   AND y.account_id = x.id
                                                 ORDER BY y.active_minute DESC, y.id DESC LIMIT 1) AS k) AS c ON true
          LEFT JOIN LATERAL (SELECT count(*) AS parts, max(k.appended_at) AS at
                             FROM (SELECT y.appended_at FROM archive AS y
                                   WHERE y.tenant_id = app_tenant() AND y.account_id = x.id
                                   ORDER BY y.appended_at DESC LIMIT 1000) AS k) AS u ON true
          WHERE x.tenant_id = app_tenant() AND x.retired_at IS NULL AND x.channel <> 'web'
          GROUP BY x.channel, x.endpoint_id) AS w
$$;

GRANT EXECUTE ON FUNCTION agent_paused, conversation_facts, op_list_conversations, op_get_conversation, op_hand_over, op_list_webhooks
    TO relevo_app;
