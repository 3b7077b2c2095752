-- What the API needs of messages and of money: how each message stands, and what was spent by whom. Conversations are in 0050.

-- As those see an alias who may only read. What the web widget calls a visitor opens their chat: who reads it writes as them.
CREATE FUNCTION shown_alias(kind text, value text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE kind WHEN 'web_visitor' THEN left(encode(sha256(convert_to(value, 'UTF8')), 'hex'), 12) ELSE value END
$$;

-- ---- messages, and how each stands

-- As in 0036, but for an index of 0049.
CREATE OR REPLACE FUNCTION timers_about(tenant bigint, conversation uuid, message_ids uuid[], turn_ids uuid[], reply_ids uuid[])
RETURNS TABLE (topic text, due_at timestamptz, parks integer, letter bigint, kept text, created_at timestamptz, life bigint)
LANGUAGE sql STABLE AS $$
    SELECT t.topic, t.due_at, t.parks, t.letter, t.kept, t.created_at, t.life
    FROM timers AS t
    WHERE t.key = format('%s:%s', tenant, conversation) AND t.tenant_id = tenant
      AND (NOT t.about ?| ARRAY['message', 'turn', 'reply']
           OR t.about ->> 'message' = ANY (message_ids::text[]) OR t.about ->> 'turn' = ANY (turn_ids::text[])
           OR t.about ->> 'reply' = ANY (reply_ids::text[])
           OR EXISTS (
               SELECT FROM messages AS n
               WHERE n.tenant_id = tenant AND n.conversation_id = conversation
                 AND n.id = CASE WHEN t.about ->> 'message' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                                 THEN (t.about ->> 'message')::uuid END
                 AND (n.turn_id = ANY (turn_ids)
                      OR n.turn_id IS NULL AND EXISTS (
                          SELECT FROM messages AS m
                          JOIN conversations AS c ON c.tenant_id = tenant AND c.id = m.conversation_id
                          WHERE m.tenant_id = tenant AND m.id = ANY (message_ids) AND m.turn_id IS NULL
                            AND m.kind = 'message' AND m.direction = 'in' AND m.seq > c.handled_seq AND m.seq < n.seq))))
$$;

-- As in 0036, but for an index of 0049.
CREATE OR REPLACE FUNCTION explain_open(tenant bigint, message uuid, conversation uuid, turn uuid, waits_at text,
                                        since timestamptz, moment timestamptz, bound interval, lagging text[])
RETURNS TABLE (ended text, reason text, letter bigint, until timestamptz) LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN k.status IS NOT NULL THEN k.status
                WHEN p.until IS NOT NULL OR since > moment - bound OR b.held THEN 'open'
                ELSE 'unexplained' END,
           CASE WHEN k.status = 'dead' THEN k.code
                WHEN k.status = 'dropped' THEN k.reason
                WHEN p.kept THEN 'paused'
                WHEN p.until IS NOT NULL THEN 'parked'
                WHEN since > moment - bound THEN 'in flight'
                WHEN b.held THEN 'in the log'
                ELSE 'waits at ' || waits_at END,
           k.id, p.until
    -- a stage that did its part may not have told the next one yet
    FROM (SELECT CASE waits_at WHEN 'buffer' THEN ARRAY['resolve', 'buffer']
                               WHEN 'retrieve' THEN ARRAY['buffer', 'retrieve']
                               WHEN 'infer' THEN ARRAY['retrieve', 'infer', 'execute']
                               ELSE ARRAY['retrieve', 'infer', 'relay'] END && lagging AS held,
                 CASE waits_at WHEN 'buffer' THEN ARRAY['messages.resolved']
                               WHEN 'retrieve' THEN ARRAY['messages.resolved', 'turns.ready']
                               WHEN 'infer' THEN ARRAY['turns.ready', 'inferences.requested', 'tools.requested']
                               ELSE ARRAY['turns.ready', 'inferences.requested', 'replies.ready'] END AS inputs) AS b
    LEFT JOIN LATERAL (
        SELECT x.id, x.status, x.code, x.reason FROM dead_letters AS x
        WHERE waits_at IS NOT NULL
          AND x.record_key = convert_to(format('%s:%s', tenant, conversation), 'UTF8')
          AND x.tenant_id = tenant AND x.status IN ('dead', 'dropped')
          AND (x.about ->> 'message' = message::text OR x.about ->> 'turn' = turn::text)
        ORDER BY x.status = 'dead' DESC, x.id DESC LIMIT 1
    ) AS k ON true
    LEFT JOIN LATERAL (
        SELECT min(x.due_at) AS until, bool_or(x.kept IS NOT NULL) AS kept
        FROM timers_about(tenant, conversation, ARRAY[message], ARRAY[turn], '{}') AS x
        WHERE waits_at IS NOT NULL AND x.topic = ANY (b.inputs)
    ) AS p ON true
$$;

-- The reply's newest attempt.
CREATE FUNCTION delivery_facts(reply uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'attempt', d.attempt, 'status', d.status, 'provider_id', nullif(d.provider_id, ''), 'receipt', d.receipt,
        'receipt_at', to_millis(d.receipt_at), 'code', nullif(d.code, ''), 'at', to_millis(d.at)))
    FROM deliveries AS d WHERE d.tenant_id = app_tenant() AND d.reply_id = reply
    ORDER BY d.attempt DESC LIMIT 1
$$;

-- How a message stands: as message_end and explain_open tell it, to whom the log's state is not known.
CREATE FUNCTION message_facts(m messages, conversation uuid, moment timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', m.id, 'seq', m.seq, 'direction', m.direction, 'author', m.author, 'kind', m.kind, 'type', m.type,
        'text', m.text, 'at', to_millis(m.at), 'in_reply_to', nullif(m.in_reply_to, ''), 'trace', nullif(m.trace, ''),
        'turn', m.turn_id, 'reply', m.reply_id, 'delivery', delivery_facts(m.reply_id),
        'standing', CASE WHEN m.direction = 'out' THEN 'sent'
                         WHEN coalesce(x.ended, e.ended) IN ('open', 'unexplained') THEN 'waiting'
                         ELSE coalesce(x.ended, e.ended) END,
        'reason', nullif(coalesce(x.reason, e.reason), ''), 'until', to_millis(x.until),
        'superseded_by', (SELECT t.superseded_by FROM turns AS t WHERE t.tenant_id = m.tenant_id AND t.id = m.turn_id)))
    FROM (SELECT) AS one
    LEFT JOIN LATERAL message_end(m.tenant_id, conversation, m.seq, m.kind, m.appended_at, m.turn_id) AS e
        ON m.direction = 'in'
    LEFT JOIN LATERAL explain_open(m.tenant_id, m.id, conversation, m.turn_id, e.waits_at, e.since, moment,
                                   interval '10 minutes', '{}') AS x ON e.ended = 'open'
$$;

-- A bubble that is not sent, or of which nobody knows.
CREATE FUNCTION reply_facts(r replies, c conversations, moment timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', r.id, 'direction', 'out', 'author', r.author, 'kind', 'message', 'type', 'text', 'text', r.text,
        'at', to_millis(r.created_at), 'turn', r.turn_id, 'reply', r.id, 'delivery', delivery_facts(r.id),
        'standing', CASE r.status WHEN 'pending' THEN 'waiting' ELSE r.status END,
        'reason', CASE WHEN r.status <> 'pending' THEN nullif(r.reason, '')
                       WHEN r.author = 'agent'
                            AND (SELECT is_held(t, c, moment) FROM turns AS t
                                 WHERE t.tenant_id = r.tenant_id AND t.id = r.turn_id) THEN 'held' END,
        'until', CASE r.status WHEN 'pending' THEN to_millis(r.due_at) END))
$$;

-- {"conversation", "before_seq", "before_index": the place where the page before ended, "limit", "now"}: messages and bubbles
-- that are none yet, newest first. Null where there is no such conversation. A bubble's place is behind the message that was the
-- newest when it was made, and behind those of its answer that were sent. Compiled, the plan of one message would take a second.
CREATE FUNCTION op_list_messages(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE SET jit = off AS $$
DECLARE
    c conversations;
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    last_seq bigint := greatest(coalesce((req ->> 'before_seq')::bigint, 9223372036854775807), 0);
    last_index integer := coalesce((req ->> 'before_index')::integer, 0);
    most integer := least((req ->> 'limit')::integer, 1000);
    newest messages[];
    lowest bigint := 0;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    newest := ARRAY(SELECT m FROM messages AS m
                    WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.id
                      AND m.seq <= CASE WHEN last_index < 0 THEN last_seq - 1 ELSE last_seq END
                    ORDER BY m.seq DESC LIMIT most);
    -- behind the oldest of a full page nobody looks
    IF cardinality(newest) = most THEN
        lowest := newest[most].seq;
    END IF;
    RETURN coalesce((
        WITH bubbles AS (
            SELECT r.id FROM replies AS r
            WHERE r.tenant_id = c.tenant_id AND r.conversation_id = c.id AND r.status <> 'sent'
              AND r.order_seq >= lowest AND r.order_seq <= last_seq
            UNION
            SELECT r.id FROM unnest(newest) AS m JOIN replies AS r ON r.tenant_id = c.tenant_id AND r.turn_id = m.turn_id
            WHERE m.direction = 'out' AND r.status <> 'sent'
        ), places AS (
            SELECT m.seq, -1 AS index, m, NULL::replies AS r FROM unnest(newest) AS m
            UNION ALL
            SELECT greatest(r.order_seq, (SELECT max(m.seq) FROM messages AS m
                                          WHERE m.tenant_id = c.tenant_id AND m.turn_id = r.turn_id AND m.direction = 'out')),
                   r.order_index, NULL, r
            FROM bubbles AS b JOIN replies AS r ON r.tenant_id = c.tenant_id AND r.id = b.id
        ), page AS (
            SELECT p.* FROM places AS p
            WHERE p.seq >= lowest AND (p.seq, p.index) < (last_seq, last_index)
            ORDER BY p.seq DESC, p.index DESC LIMIT most
        )
        SELECT jsonb_agg(CASE WHEN p.index < 0 THEN message_facts(p.m, c.id, moment) ELSE reply_facts(p.r, c, moment) END
                         || jsonb_build_object('place_seq', p.seq, 'place_index', p.index)
                         ORDER BY p.seq DESC, p.index DESC)
        FROM page AS p), '[]');
END $$;

GRANT EXECUTE ON FUNCTION timers_about, explain_open, shown_alias, delivery_facts, message_facts, reply_facts, op_list_messages
    TO relevo_app;

-- ---- money

-- {"by": agent, agent_id, conversation, turn, model, day or nothing; maybe "tenant": a slug, "since", "until", "agent": an id,
-- "conversation"}
CREATE FUNCTION usage_lines(req jsonb)
RETURNS TABLE (shop text, key text, cost jsonb, calls numeric, in_vain numeric, input numeric, cached numeric, output numeric,
               unpriced numeric, estimated numeric, lost numeric) LANGUAGE sql STABLE AS $$
    WITH parts AS (
        SELECT t.slug AS shop,
               CASE req ->> 'by'
                   WHEN 'agent' THEN coalesce(g.name, '')
                   WHEN 'agent_id' THEN c.agent_id::text
                   WHEN 'conversation' THEN c.conversation_id::text
                   WHEN 'turn' THEN c.turn_id::text
                   WHEN 'model' THEN concat_ws(' ', c.provider, nullif(c.model, ''), nullif(c.base_url, ''))
                   WHEN 'day' THEN (c.reserved_at AT TIME ZONE t.time_zone)::date::text
                   ELSE '' END AS key,
               c.currency, sum(c.cost) AS cost, count(*) AS calls, count(*) FILTER (WHERE c.code <> '') AS in_vain,
               sum(c.input_tokens) AS input, sum(c.cached_tokens) AS cached, sum(c.output_tokens) AS output,
               sum(c.unpriced) AS unpriced, sum(c.estimated) AS estimated, sum(c.lost) AS lost
        -- of one conversation, or of all: each by its own index
        FROM (SELECT * FROM spent_calls AS x WHERE x.conversation_id = (req ->> 'conversation')::uuid
              UNION ALL
              SELECT * FROM spent_calls AS x WHERE req ->> 'conversation' IS NULL) AS c
        JOIN tenants AS t ON t.id = c.tenant_id
        LEFT JOIN agents AS g ON g.tenant_id = c.tenant_id AND g.id = c.agent_id
        WHERE (req ->> 'tenant' IS NULL OR t.slug = req ->> 'tenant')
          AND c.reserved_at >= coalesce(from_millis((req ->> 'since')::bigint), '-infinity')
          AND c.reserved_at < coalesce(from_millis((req ->> 'until')::bigint), 'infinity')
          AND (req ->> 'agent' IS NULL OR c.agent_id = (req ->> 'agent')::bigint)
        GROUP BY 1, 2, 3
    )
    SELECT p.shop, p.key, jsonb_object_agg(p.currency, p.cost), sum(p.calls), sum(p.in_vain), sum(p.input), sum(p.cached),
           sum(p.output), sum(p.unpriced), sum(p.estimated), sum(p.lost)
    FROM parts AS p GROUP BY p.shop, p.key
$$;

CREATE OR REPLACE FUNCTION op_usage(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'known', req ->> 'tenant' IS NULL OR EXISTS (SELECT FROM tenants AS t WHERE t.slug = req ->> 'tenant'),
        'lines', coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.shop, l.key), '[]'))
    FROM usage_lines(req) AS l
$$;

-- What usage_lines tells of the shop, by key, "limit" of them after "after". An agent's key is its id, and it has its "name".
CREATE FUNCTION op_list_usage(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.key COLLATE "C"), '[]')
    FROM (SELECT l.*, CASE req ->> 'by' WHEN 'agent_id' THEN (SELECT g.name FROM agents AS g
                                                            WHERE g.tenant_id = app_tenant() AND g.id::text = l.key) END AS name
          FROM usage_lines(req) AS l WHERE l.key COLLATE "C" > coalesce(req ->> 'after', '') OR NOT req ? 'after'
          ORDER BY l.key COLLATE "C" LIMIT least((req ->> 'limit')::integer, 1000)) AS p
$$;

-- As in 0041, and of an agent its id.
CREATE OR REPLACE FUNCTION op_budgets(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'shop', t.slug, 'agent_id', b.agent_id, 'agent', coalesce(g.name, ''), 'period', b.period, 'currency', b.currency,
        'hard', b.hard, 'soft', b.soft, 'from', to_millis(p.starts), 'until', to_millis(p.ends),
        'spent', CASE WHEN p.starts = b.starts_at THEN b.spent ELSE 0 END,
        -- who asks next releases what is over
        'reserved', CASE WHEN p.starts = b.starts_at THEN b.reserved ELSE 0 END
                    - (SELECT coalesce(sum(c.reserved), 0) FROM model_calls AS c
                       WHERE c.status = 'open' AND c.expires_at <= from_millis((req ->> 'now')::bigint)
                         AND p.starts = b.starts_at AND counts_in(b, c)),
        'events', (SELECT coalesce(jsonb_object_agg(e.kind, e.times), '{}') FROM budget_events AS e
                   WHERE e.tenant_id = b.tenant_id AND e.budget_id = b.id AND e.starts_at = p.starts))
        ORDER BY t.slug, g.name NULLS FIRST, b.period), '[]')
    FROM budgets AS b
    JOIN tenants AS t ON t.id = b.tenant_id
    LEFT JOIN agents AS g ON g.tenant_id = b.tenant_id AND g.id = b.agent_id,
    LATERAL period_of(b.period, t.time_zone, from_millis((req ->> 'now')::bigint)) AS p
    WHERE req ->> 'tenant' IS NULL OR t.slug = req ->> 'tenant'
$$;

-- {"now"}: the shop's.
CREATE FUNCTION op_list_budgets(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT op_budgets(jsonb_build_object('now', (req ->> 'now')::bigint))
$$;

-- {"agent": its id, or none; "period"}: what was set, which calls do not change; null where there is none.
CREATE FUNCTION op_get_budget(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT jsonb_build_object('agent_id', b.agent_id, 'period', b.period, 'currency', b.currency,
                                               'hard', b.hard, 'soft', b.soft)
                     FROM budgets AS b
                     WHERE b.tenant_id = app_tenant() AND b.agent_id IS NOT DISTINCT FROM (req ->> 'agent')::bigint
                       AND b.period = req ->> 'period'), 'null')
$$;

-- As op_set_budget, with an agent's id: whether there is such an agent.
CREATE FUNCTION op_put_budget(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    its_name text := (SELECT a.name FROM agents AS a
                      WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL AND a.id = (req ->> 'agent')::bigint);
    stated jsonb := jsonb_strip_nulls(jsonb_build_object(
        'agent', its_name, 'period', req ->> 'period', 'currency', req ->> 'currency', 'hard', (req ->> 'hard')::bigint,
        'soft', (req ->> 'soft')::bigint, 'now', (req ->> 'now')::bigint));
BEGIN
    IF req ? 'agent' AND its_name IS NULL THEN
        RETURN 'false';
    END IF;
    PERFORM op_set_budget(stated);
    RETURN 'true';
END $$;

-- {"agent": its id, or none; "period"}: whether there was one. A removed agent's goes, too.
CREATE FUNCTION op_drop_budget(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    its_name text := (SELECT a.name FROM agents AS a
                      WHERE a.tenant_id = app_tenant() AND a.id = (req ->> 'agent')::bigint);
BEGIN
    IF req ? 'agent' AND its_name IS NULL THEN
        RETURN 'false';
    END IF;
    RETURN op_remove_budget(jsonb_strip_nulls(jsonb_build_object('agent', its_name, 'period', req ->> 'period')));
END $$;

-- What calls count up is no change of it.
CREATE TRIGGER noted AFTER INSERT OR UPDATE OF currency, hard, soft OR DELETE ON budgets
    FOR EACH ROW EXECUTE FUNCTION note_row('budget', 'id', 'starts_at ends_at spent reserved');

-- As in 0039; of the installation, which has no row, too.
CREATE OR REPLACE FUNCTION lock_people() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF app_tenant() IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('installation', 0));
    END IF;
    PERFORM FROM tenants AS t WHERE t.id = app_tenant() FOR NO KEY UPDATE;
END $$;

-- As in 0041, and it is noted: the rows that went, and those that came.
ALTER FUNCTION op_apply_prices RENAME TO apply_prices;
CREATE FUNCTION op_apply_prices(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    was jsonb;
    is_now jsonb;
BEGIN
    PERFORM lock_people();
    was := op_list_prices('{}');
    PERFORM apply_prices(req);
    is_now := op_list_prices('{}');
    IF was <> is_now THEN
        PERFORM note_change(acting(), 'prices.change', 'prices',
            (SELECT coalesce(jsonb_agg(p), '[]') FROM jsonb_array_elements(was) AS p WHERE NOT is_now @> jsonb_build_array(p)),
            (SELECT coalesce(jsonb_agg(p), '[]') FROM jsonb_array_elements(is_now) AS p WHERE NOT was @> jsonb_build_array(p)));
    END IF;
    RETURN 'null';
END $$;

GRANT EXECUTE ON FUNCTION usage_lines TO relevo_app, relevo_operator;
GRANT EXECUTE ON FUNCTION op_list_usage, op_budgets, op_list_budgets, op_get_budget, op_put_budget, op_drop_budget,
    op_apply_prices TO relevo_app;
