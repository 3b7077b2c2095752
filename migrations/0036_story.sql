-- A story is about its message only, says who decided what, and is told in one order. What comes in for an account that its shop
-- has given up stands in the books.

-- As in 0023. A restored dump computes generated columns without a search path: what they call is named in full.
CREATE OR REPLACE FUNCTION about_record(value bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    record jsonb;
BEGIN
    record := convert_from(value, 'UTF8')::jsonb;
    IF jsonb_typeof(record) <> 'object' THEN
        RETURN '{}';
    ELSIF record ? 'topic' AND record ? 'value' THEN  -- a timer
        RETURN public.about_record(convert_to(record ->> 'value', 'UTF8'))
            || jsonb_build_object('wakes', left(record ->> 'topic', 200));
    END IF;
    -- bounded: these are indexed
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'channel', left(record ->> 'channel', 200), 'scope', left(record ->> 'scope', 20),
        'account', CASE WHEN record ? 'channel' THEN coalesce(left(record ->> 'account', 200), '') END,
        'kind', left(record ->> 'kind', 200), 'event_id', left(record ->> 'event_id', 200),
        'contact', left(record #>> '{aliases,0,value}', 200), 'provider_id', left(record ->> 'provider_id', 200),
        'status', left(record ->> 'status', 200), 'conversation', left(record ->> 'conversation', 36),
        'message', left(record ->> 'message', 36), 'turn', left(record ->> 'turn', 36),
        'reply', left(record ->> 'reply', 36)));
EXCEPTION WHEN OTHERS THEN
    RETURN '{}';  -- no text, no JSON, too deep: it is a dead letter all the more
END $$;

-- What a timer's record speaks of, without its words.
CREATE FUNCTION about_text(value text) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN about_record(convert_to(value, 'UTF8'));
GRANT EXECUTE ON FUNCTION about_text TO relevo_app;
ALTER TABLE timers ADD COLUMN about jsonb GENERATED ALWAYS AS (about_text(value)) STORED;
GRANT SELECT (about) ON timers TO relevo_operator;

-- The timers of a conversation that are about these messages, turns and replies. One that names nothing may be about any. Of a
-- burst one record comes back for all, its newest message's: a turn claims every message up to it.
CREATE FUNCTION timers_about(tenant bigint, conversation uuid, message_ids uuid[], turn_ids uuid[], reply_ids uuid[])
RETURNS TABLE (topic text, due_at timestamptz, parks integer, letter bigint, kept text, created_at timestamptz, life bigint)
LANGUAGE sql STABLE AS $$
    SELECT t.topic, t.due_at, t.parks, t.letter, t.kept, t.created_at, t.life
    FROM timers AS t
    WHERE md5(t.key) = md5(format('%s:%s', tenant, conversation)) AND t.tenant_id = tenant
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

-- As in 0024, but that a timer must be about the message, and that a pause is told from a wait.
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
          AND md5(x.record_key) = md5(convert_to(format('%s:%s', tenant, conversation), 'UTF8'))
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

-- As in 0025, but that the first eight digits of an id, as a page shows them, or more of them are enough. Two that are of one time
-- always come in one order.
CREATE OR REPLACE FUNCTION op_find_story(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH asked AS (
        SELECT w.name, rpad(w.hex, 32, '0')::uuid AS first_id, rpad(w.hex, 32, 'f')::uuid AS last_id,
               ARRAY[w.name, req ->> 'digits'] AS aliases, from_millis((req ->> 'at')::bigint) AS latest
        FROM (SELECT x.name, CASE WHEN x.name ~ '^[0-9a-fA-F]{8}[0-9a-fA-F-]{0,28}$' AND length(replace(x.name, '-', '')) <= 32
                                  THEN replace(x.name, '-', '') END AS hex
              FROM (SELECT req ->> 'wanted' AS name) AS x) AS w
    ), message_ids AS (
        SELECT m.tenant_id, m.id, 'message' AS what FROM asked AS q
              CROSS JOIN LATERAL (SELECT x.tenant_id, x.id FROM messages AS x
                                  WHERE x.id BETWEEN q.first_id AND q.last_id ORDER BY x.id LIMIT 20) AS m
        UNION SELECT m.tenant_id, m.id, 'message' FROM asked AS q JOIN messages AS m ON m.event_id = q.name
        UNION SELECT c.tenant_id, m.id, 'newest of the conversation' FROM asked AS q
              CROSS JOIN LATERAL (SELECT x.tenant_id, x.id FROM conversations AS x
                                  WHERE x.id BETWEEN q.first_id AND q.last_id ORDER BY x.id LIMIT 20) AS c
              CROSS JOIN LATERAL (SELECT x.id FROM messages AS x
                                  WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id
                                    AND x.appended_at <= q.latest ORDER BY x.seq DESC LIMIT 1) AS m
        UNION SELECT c.tenant_id, m.id, 'newest of the contact' FROM asked AS q JOIN aliases AS a ON a.value = ANY (q.aliases)
              JOIN conversations AS c ON c.tenant_id = a.tenant_id AND c.contact_id = a.contact_id
              CROSS JOIN LATERAL (SELECT x.id FROM messages AS x
                                  WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id AND x.direction = 'in'
                                    AND x.appended_at <= q.latest ORDER BY x.seq DESC LIMIT 1) AS m
    ), found AS (
        SELECT i.tenant_id, m.conversation_id,
               CASE WHEN m.reply_id IS NULL THEN jsonb_build_object('message', m.id)
                    ELSE jsonb_build_object('reply', m.reply_id) END || jsonb_build_object('what', i.what) AS names,
               m.appended_at AS at
        FROM message_ids AS i JOIN messages AS m ON m.tenant_id = i.tenant_id AND m.id = i.id
        UNION ALL
        SELECT t.tenant_id, t.conversation_id, jsonb_build_object('turn', t.id, 'what', 'turn'), t.created_at
        FROM asked AS q
        CROSS JOIN LATERAL (SELECT x.tenant_id, x.id, x.conversation_id, x.created_at FROM turns AS x
                            WHERE x.id BETWEEN q.first_id AND q.last_id ORDER BY x.id LIMIT 20) AS t
        UNION ALL
        SELECT r.tenant_id, r.conversation_id, jsonb_build_object('reply', r.id, 'what', 'reply'), r.created_at
        FROM asked AS q
        CROSS JOIN LATERAL (SELECT x.tenant_id, x.id, x.conversation_id, x.created_at FROM replies AS x
                            WHERE x.id BETWEEN q.first_id AND q.last_id ORDER BY x.id LIMIT 20) AS r
        UNION ALL
        SELECT r.tenant_id, r.conversation_id, jsonb_build_object('reply', r.id, 'what', 'reply'), r.created_at
        FROM asked AS q JOIN deliveries AS d ON d.provider_id = q.name AND d.provider_id <> ''
        JOIN replies AS r ON r.tenant_id = d.tenant_id AND r.id = d.reply_id
    ), letters AS (
        SELECT DISTINCT ON (k.about ->> 'channel', k.about ->> 'account', k.about ->> 'event_id')
               k.id, k.tenant_id, k.about, k.at
        FROM asked AS q JOIN dead_letters AS k
             ON k.about ->> 'event_id' = left(q.name, 200) AND k.about ? 'event_id'
                OR k.about ->> 'contact' = ANY (q.aliases) AND k.about ? 'contact' AND k.at <= q.latest
        WHERE NOT EXISTS (SELECT FROM messages AS m JOIN accounts AS a ON a.tenant_id = m.tenant_id AND a.id = m.account_id
                          WHERE m.event_id = k.about ->> 'event_id' AND a.channel = k.about ->> 'channel'
                            AND a.external_id = k.about ->> 'account')
        ORDER BY k.about ->> 'channel', k.about ->> 'account', k.about ->> 'event_id', k.id DESC
    )
    SELECT coalesce(jsonb_agg(f.match ORDER BY f.at DESC, f.match), '[]')
    FROM (SELECT f.at, f.names || jsonb_build_object('tenant', f.tenant_id, 'slug', t.slug, 'channel', c.channel,
                                                     'account', a.external_id, 'conversation', c.id,
                                                     'at', to_millis(f.at)) AS match
          FROM found AS f JOIN tenants AS t ON t.id = f.tenant_id
          JOIN conversations AS c ON c.tenant_id = f.tenant_id AND c.id = f.conversation_id
          JOIN accounts AS a ON a.tenant_id = f.tenant_id AND a.id = c.account_id
          UNION
          SELECT l.at, jsonb_build_object('letter', l.id, 'what', 'dead letter', 'tenant', coalesce(l.tenant_id, 0), 'slug', '',
                                          'channel', l.about -> 'channel', 'account', l.about -> 'account',
                                          'at', to_millis(l.at))
          FROM letters AS l
          ORDER BY 1 DESC, 2 LIMIT 20) AS f
$$;

-- {at, place, rank, tie, stage, event, facts}: as in 0025, but that a record which is parked must be about one of them. What is of
-- one moment is told by `rank`, then in the order in which it was said, then tried: `tie`.
DROP FUNCTION story_events;
CREATE FUNCTION story_events(tenant bigint, conversation uuid, ids uuid[], turn_ids uuid[], reply_ids uuid[], record_ids text[])
RETURNS TABLE (at timestamptz, place timestamptz, rank integer, tie bigint[], stage text, event text, facts jsonb)
LANGUAGE sql STABLE AS $$
    SELECT m.at, m.at, 0, ARRAY[m.seq], '', 'message.sent', jsonb_build_object('message', m.id, 'author', m.author)
    FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (ids) AND m.at < m.appended_at
    UNION ALL
    SELECT m.appended_at, m.appended_at, 1, ARRAY[m.seq], 'ingress', 'message.received', jsonb_build_object(
        'message', m.id, 'event_id', m.event_id, 'kind', m.kind, 'type', m.type, 'author', m.author)
    FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (ids)
    UNION ALL
    SELECT NULL, m.appended_at, 2, ARRAY[m.seq], 'resolve', 'message.stored', jsonb_build_object(
        'message', m.id, 'seq', m.seq, 'human', m.turn_id IS NULL AND m.seq <= c.handled_seq AND m.kind = 'message')
    FROM messages AS m JOIN conversations AS c ON c.tenant_id = tenant AND c.id = conversation
    WHERE m.tenant_id = tenant AND m.id = ANY (ids)
    UNION ALL
    SELECT m.at, m.appended_at, 3, ARRAY[m.seq], 'resolve', 'human.wrote', jsonb_build_object('message', m.id, 'seq', m.seq)
    FROM (SELECT x.* FROM (SELECT x.id, x.seq, x.at, x.appended_at FROM messages AS x
                           WHERE x.tenant_id = tenant AND x.conversation_id = conversation AND x.author = 'human'
                             AND x.seq > (SELECT min(y.seq) FROM messages AS y WHERE y.tenant_id = tenant AND y.id = ANY (ids))
                           ORDER BY x.seq LIMIT 3) AS x) AS m
    UNION ALL
    SELECT t.created_at, t.created_at, 4, ARRAY[t.first_seq], 'buffer', 'turn.opened', jsonb_build_object(
        'turn', t.id, 'first_seq', t.first_seq, 'last_seq', t.last_seq, 'supersedes', t.supersedes, 'epoch', t.epoch,
        'messages', (SELECT count(*) FROM messages AS m
                     WHERE m.tenant_id = tenant AND m.turn_id = t.id AND m.direction = 'in'))
    FROM turns AS t WHERE t.tenant_id = tenant AND t.id = ANY (turn_ids)
    UNION ALL
    SELECT s.created_at, s.created_at, 5, ARRAY[s.step]::bigint[], 'retrieve', 'step.frozen', jsonb_build_object(
        'turn', s.turn_id, 'step', s.step, 'agent', a.name, 'version', s.agent_version, 'passages', s.about -> 'passages',
        'cutoff', s.about -> 'cutoff')
    FROM steps AS s LEFT JOIN agents AS a ON a.tenant_id = tenant AND a.id = s.agent_id
    WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids) AND s.agent_id IS NOT NULL
    UNION ALL
    SELECT s.answered_at, s.answered_at, 6, ARRAY[s.step]::bigint[], 'infer', 'step.answered', jsonb_build_object(
        'turn', s.turn_id, 'step', s.step, 'provider', s.about -> 'provider', 'model', s.about -> 'model',
        'in_vain', (SELECT string_agg(v.code, ', ') FROM jsonb_array_elements_text(s.about -> 'in_vain') AS v(code)),
        'finish_reason', s.about -> 'finish_reason',
        'input_tokens', s.about #> '{usage,input_tokens}', 'output_tokens', s.about #> '{usage,output_tokens}',
        'ms', to_millis(s.answered_at) - to_millis(s.created_at))
    FROM steps AS s WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids) AND s.answered_at IS NOT NULL
    UNION ALL
    SELECT k.started_at, k.started_at, 6, ARRAY[k.step, k.index]::bigint[], 'execute', 'tool.called', jsonb_build_object(
        'turn', k.turn_id, 'tool', k.tool, 'status', k.status, 'writes', k.writes,
        'ms', to_millis(k.ended_at) - to_millis(k.started_at))
    FROM tool_calls AS k WHERE k.tenant_id = tenant AND k.turn_id = ANY (turn_ids)
    UNION ALL
    SELECT t.closed_at, t.closed_at, 7, ARRAY[t.first_seq],
           CASE t.status WHEN 'superseded' THEN 'buffer' WHEN 'answered' THEN 'infer' ELSE '' END, 'turn.' || t.status,
           jsonb_build_object('turn', t.id, 'by', t.superseded_by, 'reason', t.reason, 'bubbles', (
               SELECT count(*) FROM replies AS r WHERE r.tenant_id = tenant AND r.turn_id = t.id))
    FROM turns AS t WHERE t.tenant_id = tenant AND t.id = ANY (turn_ids) AND t.status <> 'open'
    UNION ALL
    SELECT r.created_at, r.created_at, 8, ARRAY[r.order_seq, r.order_index],
           CASE WHEN r.turn_id IS NULL THEN 'gateway' ELSE 'infer' END, 'reply.made',
           jsonb_build_object('reply', r.id, 'index', r.index, 'author', r.author)
    FROM replies AS r WHERE r.tenant_id = tenant AND r.id = ANY (reply_ids)
    UNION ALL
    SELECT d.claimed_at, d.claimed_at, 9, ARRAY[r.order_seq, r.order_index, d.attempt], 'relay', 'reply.claimed',
           jsonb_build_object('reply', d.reply_id, 'attempt', d.attempt, 'by', d.claimed_by)
    FROM deliveries AS d JOIN replies AS r ON r.tenant_id = tenant AND r.id = d.reply_id
    WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids)
    UNION ALL
    SELECT d.at, d.at, 10, ARRAY[r.order_seq, r.order_index, d.attempt], 'relay', 'delivery.' || d.status, jsonb_build_object(
        'reply', d.reply_id, 'attempt', d.attempt, 'provider_id', d.provider_id, 'code', d.code, 'text', d.text,
        'ms', to_millis(d.at) - to_millis(d.claimed_at), 'until', to_millis(d.due_at))
    FROM deliveries AS d JOIN replies AS r ON r.tenant_id = tenant AND r.id = d.reply_id
    WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.status <> 'intent'
      AND (d.status <> 'failed' OR d.receipt IS DISTINCT FROM 'failed')
    UNION ALL
    SELECT d.receipt_at, d.receipt_at, 11, ARRAY[r.order_seq, r.order_index, d.attempt], 'settle',
           'receipt.' || d.receipt, jsonb_build_object('reply', d.reply_id, 'attempt', d.attempt, 'code', d.code, 'text', d.text)
    FROM deliveries AS d JOIN replies AS r ON r.tenant_id = tenant AND r.id = d.reply_id
    WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.receipt IS NOT NULL
    UNION ALL
    SELECT NULL, greatest(r.created_at, (SELECT max(d.at) FROM deliveries AS d
                                         WHERE d.tenant_id = tenant AND d.reply_id = r.id)), 12,
           ARRAY[r.order_seq, r.order_index], '', 'reply.' || r.status,
           jsonb_build_object('reply', r.id, 'index', r.index, 'reason', r.reason)
    FROM replies AS r WHERE r.tenant_id = tenant AND r.id = ANY (reply_ids) AND r.status IN ('dropped', 'failed')
    UNION ALL
    SELECT t.created_at, t.created_at, 13, ARRAY[t.life], 'wake', 'record.parked', jsonb_build_object(
        'topic', t.topic, 'until', to_millis(t.due_at), 'parks', t.parks, 'letter', t.letter, 'kept', t.kept)
    FROM timers_about(tenant, conversation, ids, turn_ids, reply_ids) AS t WHERE t.topic <> 'messages.received'
    UNION ALL
    SELECT x.at, x.at, x.rank, ARRAY[k.id], x.stage, x.event, x.facts
    FROM dead_letters AS k
    CROSS JOIN LATERAL (VALUES
        (k.at, 14, k.stage, 'record.dead', jsonb_build_object('letter', k.id, 'topic', k.topic, 'code', k.code, 'text', k.text,
                                                              'attempts', k.attempts)),
        (k.edited_at, 15, '', 'letter.edited', jsonb_build_object('letter', k.id, 'by', k.edited_by)),
        (CASE WHEN k.status <> 'dead' THEN k.status_at END, 16, '', 'letter.' || k.status,
         jsonb_build_object('letter', k.id, 'by', k.status_by, 'reason', k.reason))) AS x(at, rank, stage, event, facts)
    WHERE x.at IS NOT NULL
      AND (left(k.headers ->> 'ce_id', 200) = ANY (record_ids)
           OR md5(k.record_key) = md5(convert_to(format('%s:%s', tenant, conversation), 'UTF8')) AND k.tenant_id = tenant
              AND (k.about ->> 'message' = ANY (ids::text[]) OR k.about ->> 'turn' = ANY (turn_ids::text[])
                   OR k.about ->> 'reply' = ANY (reply_ids::text[])))
$$;

-- The messages, turns and replies that the story of {"tenant", "message" | "turn" | "reply"} is about.
CREATE FUNCTION story_scope(req jsonb, OUT ids uuid[], OUT turn_ids uuid[], OUT replies_of uuid[]) LANGUAGE plpgsql STABLE AS $$
DECLARE
    tenant bigint := (req ->> 'tenant')::bigint;
BEGIN
    IF req ? 'message' THEN
        ids := ARRAY[(req ->> 'message')::uuid];
        turn_ids := succeeding_turns(tenant, (SELECT m.turn_id FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ids[1]));
    ELSE
        turn_ids := ARRAY(SELECT t.id FROM turns AS t
                          WHERE t.tenant_id = tenant
                            AND t.id = coalesce((req ->> 'turn')::uuid,
                                                (SELECT r.turn_id FROM replies AS r
                                                 WHERE r.tenant_id = tenant AND r.id = (req ->> 'reply')::uuid)));
        ids := ARRAY(SELECT m.id FROM messages AS m
                     WHERE m.tenant_id = tenant AND m.turn_id = turn_ids[1] AND m.direction = 'in' ORDER BY m.seq LIMIT 50);
    END IF;
    replies_of := ARRAY(SELECT r.id FROM replies AS r
                        WHERE r.tenant_id = tenant AND (r.turn_id = ANY (turn_ids) OR r.id = (req ->> 'reply')::uuid));
END $$;

CREATE OR REPLACE FUNCTION op_story(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    tenant bigint := (req ->> 'tenant')::bigint;
    conversation uuid := (req ->> 'conversation')::uuid;
    ids uuid[] := '{}';
    turn_ids uuid[] := '{}';
    replies_of uuid[] := '{}';
    record_ids text[] := '{}';
    head jsonb := '{}';
    standing jsonb;
BEGIN
    IF req ? 'letter' THEN
        record_ids := ARRAY(SELECT left(k.headers ->> 'ce_id', 200) FROM dead_letters AS k
                            WHERE k.id = (req ->> 'letter')::bigint AND k.headers ->> 'ce_id' <> '');
        SELECT jsonb_build_object('ended', CASE k.status WHEN 'redriven' THEN 'open' ELSE k.status END,
                                  'reason', CASE k.status WHEN 'dead' THEN k.code WHEN 'dropped' THEN k.reason
                                                          ELSE 'redriven' END,
                                  'letter', k.id, 'waits_at', k.stage, 'since', to_millis(coalesce(k.status_at, k.at)),
                                  'code', k.code, 'text', k.text, 'until', (SELECT to_millis(min(t.due_at)) FROM timers AS t
                                                                           WHERE t.letter = k.id)),
               jsonb_build_object('channel', k.about -> 'channel', 'account', k.about -> 'account',
                                  'traceparent', k.headers -> 'traceparent', 'event_id', k.about -> 'event_id')
        INTO standing, head
        FROM dead_letters AS k WHERE k.id = (req ->> 'letter')::bigint;
        RETURN head || jsonb_build_object('standing', standing, 'spans', '[]'::jsonb, 'events', (
            SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.place, x.rank, x.tie, x.event, x.facts), '[]')
            FROM (SELECT to_millis(e.at) AS at, e.place, e.rank, e.tie, e.stage, e.event, e.facts
                  FROM story_events(tenant, conversation, ids, turn_ids, replies_of, record_ids) AS e
                  UNION
                  SELECT to_millis(k.at), k.at, 14, ARRAY[k.id], k.stage, 'record.dead',
                         jsonb_build_object('letter', k.id, 'topic', k.topic, 'code', k.code, 'text', k.text,
                                            'attempts', k.attempts)
                  FROM dead_letters AS k WHERE k.id = (req ->> 'letter')::bigint AND record_ids = '{}') AS x));
    END IF;
    SELECT * INTO ids, turn_ids, replies_of FROM story_scope(req);
    record_ids := ARRAY(SELECT left(k.headers ->> 'ce_id', 200) FROM messages AS m
                        JOIN accounts AS a ON a.tenant_id = tenant AND a.id = m.account_id
                        JOIN dead_letters AS k ON k.about ->> 'event_id' = m.event_id AND k.about ? 'event_id'
                                                  AND k.about ->> 'channel' = a.channel
                                                  AND k.about ->> 'account' IN (a.external_id, '')
                        WHERE m.tenant_id = tenant AND m.id = ANY (ids) AND k.headers ->> 'ce_id' <> '');
    SELECT jsonb_build_object('slug', t.slug, 'shop', t.name, 'channel', c.channel, 'account', a.external_id,
                              'conversation', c.id, 'mode', c.mode,
                              'aliases', (SELECT jsonb_agg(l.value ORDER BY l.created_at, l.value) FROM aliases AS l
                                          WHERE l.tenant_id = tenant AND l.contact_id = c.contact_id))
    INTO head
    FROM conversations AS c JOIN tenants AS t ON t.id = c.tenant_id
    JOIN accounts AS a ON a.tenant_id = tenant AND a.id = c.account_id
    WHERE c.tenant_id = tenant AND c.id = conversation;
    SELECT head || jsonb_build_object('trace', m.trace, 'event_id', m.event_id, 'message', m.id) INTO head
    FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ids[cardinality(ids)];
    RETURN head || jsonb_build_object(
        'standing', CASE WHEN cardinality(ids) > 0 THEN message_standing(tenant, conversation, ids[cardinality(ids)], req)
                         ELSE reply_standing(tenant, (req ->> 'reply')::uuid) END,
        'spans', story_spans(tenant, ids, turn_ids, replies_of),
        'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', to_millis(e.at), 'stage', e.stage, 'event', e.event,
                                                                'facts', jsonb_strip_nulls(e.facts))
                                             ORDER BY e.place, e.rank, e.tie, e.event, e.facts), '[]')
                   FROM story_events(tenant, conversation, ids, turn_ids, replies_of, record_ids) AS e));
END $$;

-- As in 0025, and of a customer who got the fallback: why.
CREATE OR REPLACE FUNCTION message_standing(tenant bigint, conversation uuid, message uuid, req jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'ended', coalesce(x.ended, e.ended), 'reason', coalesce(x.reason, e.reason), 'waits_at', e.waits_at,
        'since', to_millis(e.since), 'letter', coalesce(x.letter, f.letter), 'until', to_millis(x.until),
        'code', coalesce(k.code, f.code, d.code), 'text', CASE WHEN f.code IS NULL THEN coalesce(k.text, d.text) ELSE f.text END))
    FROM messages AS m
    CROSS JOIN LATERAL message_end(tenant, conversation, m.seq, m.kind, m.appended_at,
                                   (succeeding_turns(tenant, m.turn_id))[
                                       cardinality(succeeding_turns(tenant, m.turn_id))]) AS e
    LEFT JOIN LATERAL explain_open(
        tenant, m.id, conversation, (succeeding_turns(tenant, m.turn_id))[cardinality(succeeding_turns(tenant, m.turn_id))],
        e.waits_at, e.since, from_millis((req ->> 'now')::bigint), (req ->> 'bound_ms')::bigint * interval '1 millisecond',
        ARRAY(SELECT jsonb_array_elements_text(req -> 'lagging'))) AS x ON e.ended = 'open'
    LEFT JOIN dead_letters AS k ON k.id = x.letter
    LEFT JOIN LATERAL (
        -- why the customer got the fallback: the turn has the code, its dead letter says more where there is one
        SELECT t.reason AS code, y.id AS letter, y.text
        FROM turns AS t
        LEFT JOIN LATERAL (
            SELECT z.id, z.text FROM dead_letters AS z
            WHERE md5(z.record_key) = md5(convert_to(format('%s:%s', tenant, conversation), 'UTF8')) AND z.tenant_id = tenant
              AND z.about ->> 'turn' = t.id::text AND z.code = t.reason
            ORDER BY z.id DESC LIMIT 1) AS y ON true
        WHERE t.tenant_id = tenant AND t.status = 'failed'
          AND t.id = (succeeding_turns(tenant, m.turn_id))[cardinality(succeeding_turns(tenant, m.turn_id))]
    ) AS f ON e.reason = 'with the fallback'
    LEFT JOIN LATERAL (
        -- what the provider said last, of a turn whose bubbles it refused
        SELECT y.code, y.text FROM replies AS r JOIN deliveries AS y ON y.tenant_id = tenant AND y.reply_id = r.id
        WHERE r.tenant_id = tenant AND r.turn_id = ANY (succeeding_turns(tenant, m.turn_id)) AND y.code <> ''
          AND r.status <> 'sent'
        ORDER BY y.at DESC, r.order_seq DESC, r.order_index DESC LIMIT 1) AS d ON true
    WHERE m.tenant_id = tenant AND m.id = message
$$;

-- As in 0025, those of one start in the order in which they were said, then tried.
CREATE OR REPLACE FUNCTION story_spans(tenant bigint, ids uuid[], turn_ids uuid[], reply_ids uuid[]) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH spans AS (
        SELECT 'provider' AS name, 'm' || m.seq AS id, '' AS parent, m.at AS start, m.appended_at AS "end", 0 AS rank,
               ARRAY[m.seq] AS tie,
               'by the provider''s clock, until the log had it' AS note
        FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (ids) AND m.at < m.appended_at
        UNION ALL
        SELECT 'window', 'w' || m.seq, '', m.appended_at, t.created_at, 1, ARRAY[m.seq],
               'resolve, and the silence that buffer waits for'
        FROM messages AS m LEFT JOIN turns AS t ON t.tenant_id = tenant AND t.id = m.turn_id
        WHERE m.tenant_id = tenant AND m.id = ANY (ids)
        UNION ALL
        SELECT 'turn', t.id::text, '', t.created_at,
               CASE WHEN t.status = 'open' THEN NULL
                    ELSE greatest(t.closed_at, (SELECT max(greatest(d.at, d.receipt_at)) FROM replies AS r
                                                JOIN deliveries AS d ON d.tenant_id = tenant AND d.reply_id = r.id
                                                WHERE r.tenant_id = tenant AND r.turn_id = t.id)) END, 2,
               ARRAY[t.first_seq], t.status
        FROM turns AS t WHERE t.tenant_id = tenant AND t.id = ANY (turn_ids)
        UNION ALL
        SELECT 'retrieve', s.turn_id || '/' || s.step || 'r', s.turn_id::text, t.created_at, s.created_at, 3,
               ARRAY[s.step]::bigint[], ''
        FROM steps AS s JOIN turns AS t ON t.tenant_id = tenant AND t.id = s.turn_id
        WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids) AND s.step = 0 AND s.agent_id IS NOT NULL
        UNION ALL
        SELECT 'infer', s.turn_id || '/' || s.step, s.turn_id::text, s.created_at, coalesce(s.answered_at, t.closed_at), 4,
               ARRAY[s.step]::bigint[],
               concat_ws(' of ', nullif(s.about ->> 'model', ''), nullif(s.about ->> 'provider', ''))
               || coalesce(', others asked in vain (' || (SELECT string_agg(v.code, ', ') FROM jsonb_array_elements_text(
                                                              s.about -> 'in_vain') AS v(code)) || ')', '')
        FROM steps AS s JOIN turns AS t ON t.tenant_id = tenant AND t.id = s.turn_id
        WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids)
        UNION ALL
        SELECT 'tool ' || k.tool, k.id::text, k.turn_id || '/' || k.step, k.started_at, k.ended_at, 5,
               ARRAY[k.step, k.index]::bigint[], k.status
        FROM tool_calls AS k WHERE k.tenant_id = tenant AND k.turn_id = ANY (turn_ids)
        UNION ALL
        SELECT 'reply ' || r.index + 1, r.id::text, coalesce(r.turn_id::text, ''), r.created_at,
               CASE WHEN r.status <> 'pending'
                    THEN coalesce((SELECT max(greatest(d.at, d.receipt_at)) FROM deliveries AS d
                                   WHERE d.tenant_id = tenant AND d.reply_id = r.id), t.closed_at, r.created_at) END, 6,
               ARRAY[r.order_seq, r.order_index],
               r.status || CASE r.reason WHEN '' THEN '' ELSE ': ' || r.reason END
        FROM replies AS r LEFT JOIN turns AS t ON t.tenant_id = tenant AND t.id = r.turn_id
        WHERE r.tenant_id = tenant AND r.id = ANY (reply_ids)
        UNION ALL
        SELECT 'send ' || d.attempt, d.reply_id || '/' || d.attempt, d.reply_id::text, d.claimed_at,
               CASE WHEN d.status <> 'intent' AND (d.status <> 'failed' OR d.receipt IS DISTINCT FROM 'failed') THEN d.at END, 7,
               ARRAY[r.order_seq, r.order_index, d.attempt],
               d.status || CASE d.code WHEN '' THEN '' ELSE ': ' || d.code END
        FROM deliveries AS d JOIN replies AS r ON r.tenant_id = tenant AND r.id = d.reply_id
        WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.claimed_at IS NOT NULL
        UNION ALL
        SELECT 'receipt', d.reply_id || '/' || d.attempt || 'r', d.reply_id::text, least(d.at, d.receipt_at), d.receipt_at, 8,
               ARRAY[r.order_seq, r.order_index, d.attempt],
               d.receipt
        FROM deliveries AS d JOIN replies AS r ON r.tenant_id = tenant AND r.id = d.reply_id
        WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.receipt IS NOT NULL
    )
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'name', s.name, 'id', s.id, 'parent', s.parent, 'start', to_millis(s.start), 'end', to_millis(s."end"), 'note', s.note))
        ORDER BY s.start, s.rank, s.tie, s.id), '[]')
    FROM spans AS s
$$;

-- {"tenant", "conversation", "waits_at"} and whose story it is, as op_story has it: the pause that holds what it waits for, or
-- null. As the operator's role.
CREATE OR REPLACE FUNCTION op_pause_of(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('stage', p.stage, 'shop', coalesce(t.slug, ''), 'by', p.paused_by, 'reason', p.reason,
                                  'since', to_millis(p.at))
        FROM pauses AS p LEFT JOIN tenants AS t ON t.id = p.tenant_id
        WHERE (p.tenant_id IS NULL OR p.tenant_id = (req ->> 'tenant')::bigint)
          AND (p.stage = req ->> 'waits_at'
               OR EXISTS (SELECT FROM story_scope(req) AS s
                          CROSS JOIN LATERAL timers_about((req ->> 'tenant')::bigint, nullif(req ->> 'conversation', '')::uuid,
                                                          s.ids, s.turn_ids, s.replies_of) AS k
                          WHERE p.tenant_id IS NOT NULL AND k.kept = p.stage))
        ORDER BY p.at, p.stage, p.tenant_id NULLS FIRST LIMIT 1), 'null')
$$;

GRANT EXECUTE ON FUNCTION timers_about, story_events, story_scope TO relevo_operator;

-- A message that nobody has taken up, and nobody will: it ends in a turn of its own that is dropped. What has an end keeps it.
CREATE FUNCTION drop_message(message uuid, why text, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    c conversations;
    m messages;
    made uuid;
BEGIN
    SELECT x.* INTO c FROM conversations AS x JOIN messages AS y ON y.tenant_id = tenant AND y.conversation_id = x.id
    WHERE x.tenant_id = tenant AND y.id = message FOR NO KEY UPDATE OF x;
    SELECT * INTO m FROM messages AS x
    WHERE x.tenant_id = tenant AND x.id = message AND x.turn_id IS NULL AND x.direction = 'in' AND x.kind = 'message'
      AND x.seq > c.handled_seq;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO turns (tenant_id, id, conversation_id, first_message_id, first_seq, last_seq, first_at, status, epoch, reason,
                       created_at, closed_at)
    VALUES (tenant, hash_uuid('turn', c.id::text, m.id::text), c.id, m.id, m.seq, m.seq, m.appended_at, 'dropped', c.epoch,
            why, moment, moment)
    RETURNING id INTO made;
    UPDATE messages AS x SET turn_id = made WHERE x.tenant_id = tenant AND x.id = m.id;
END $$;

-- As in 0007. "retired": stored when its account had been given up by its shop.
CREATE OR REPLACE FUNCTION stored_message(m messages) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('conversation', m.conversation_id, 'message', m.id, 'seq', m.seq,
                              'human', m.turn_id IS NULL AND m.seq <= c.handled_seq,
                              'retired', EXISTS (SELECT FROM turns AS t
                                                 WHERE t.tenant_id = m.tenant_id AND t.id = m.turn_id
                                                   AND t.status = 'dropped' AND t.reason = 'account retired'))
    FROM conversations AS c WHERE c.tenant_id = m.tenant_id AND c.id = m.conversation_id
$$;

-- As in 0007. "retired": its account has been given up by its shop; nobody answers the message, neither agent nor human. What
-- was stored before keeps its way.
CREATE OR REPLACE FUNCTION op_store_message(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    account uuid := (req ->> 'account')::uuid;
    retired boolean := coalesce((req ->> 'retired')::boolean, false);
    c conversations;
    m messages;
BEGIN
    SELECT * INTO m FROM messages AS x
    WHERE x.tenant_id = tenant AND x.account_id = account AND x.event_id = req ->> 'event_id';
    IF FOUND THEN
        RETURN stored_message(m);
    END IF;
    c := ensure_conversation(req);
    -- again under the lock: a redelivery at the same moment waited for it too
    SELECT * INTO m FROM messages AS x
    WHERE x.tenant_id = tenant AND x.account_id = account AND x.event_id = req ->> 'event_id';
    IF FOUND THEN
        RETURN stored_message(m);
    END IF;
    INSERT INTO messages (tenant_id, id, conversation_id, account_id, seq, direction, author, kind, type, text,
                          event_id, in_reply_to, at, appended_at, metadata, trace)
    VALUES (tenant, (req ->> 'message')::uuid, c.id, account, c.last_seq + 1, 'in', 'contact', req ->> 'kind',
            req ->> 'type', req ->> 'text', req ->> 'event_id', req ->> 'in_reply_to',
            from_millis((req ->> 'at')::bigint), from_millis((req ->> 'appended')::bigint),
            req -> 'metadata', req ->> 'trace');
    IF retired THEN
        PERFORM drop_message((req ->> 'message')::uuid, 'account retired', from_millis((req ->> 'appended')::bigint));
    END IF;
    UPDATE conversations AS x
    SET last_seq = c.last_seq + 1,
        handled_seq = CASE WHEN c.mode = 'human' THEN c.last_seq + 1 ELSE x.handled_seq END,
        address_kind = req #>> '{aliases,0,kind}', address_value = req #>> '{aliases,0,value}',
        updated_at = from_millis((req ->> 'appended')::bigint)
    WHERE x.tenant_id = tenant AND x.id = c.id;
    RETURN jsonb_build_object('conversation', c.id, 'message', req ->> 'message', 'seq', c.last_seq + 1,
                              'human', c.mode = 'human', 'retired', retired AND req ->> 'kind' = 'message');
END $$;

-- A burst's one record stands for older messages that no other record names: they end with it.
CREATE FUNCTION drop_burst(newest uuid, why text, moment timestamptz) RETURNS void LANGUAGE sql AS $$
    SELECT drop_message(m.id, why, moment)
    FROM messages AS n
    JOIN messages AS m ON m.tenant_id = n.tenant_id AND m.conversation_id = n.conversation_id AND m.seq <= n.seq
    CROSS JOIN LATERAL (SELECT format('%s:%s', n.tenant_id, n.conversation_id) AS text) AS k
    WHERE n.tenant_id = app_tenant() AND n.id = newest AND m.turn_id IS NULL
      AND (m.id = n.id
           OR NOT EXISTS (SELECT FROM dead_letters AS x
                          WHERE md5(x.record_key) = md5(convert_to(k.text, 'UTF8')) AND x.tenant_id = n.tenant_id
                            AND x.status = 'dead' AND x.about ->> 'message' = m.id::text)
              AND NOT EXISTS (SELECT FROM timers AS x
                              WHERE md5(x.key) = md5(k.text) AND x.tenant_id = n.tenant_id
                                AND x.about ->> 'message' = m.id::text))
    ORDER BY m.seq
$$;

-- As in 0023, but that a message which no turn has taken ends with its letter.
CREATE OR REPLACE FUNCTION op_drop_letters(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    uuid_form text := '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
    l record;
    dropped jsonb := '[]';
BEGIN
    FOR l IN SELECT x.id, x.about, x.status, x.status_by, x.status_at FROM dead_letters AS x
             WHERE x.tenant_id IS NOT DISTINCT FROM app_tenant() AND x.status IN ('dead', 'dropped')
               AND x.id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::bigint))
             ORDER BY x.id
    LOOP
        IF l.status = 'dropped' THEN
            IF l.status_by = req ->> 'by' AND l.status_at = moment THEN
                dropped := dropped || to_jsonb(l.id);
            END IF;
            CONTINUE;
        ELSIF l.about ->> 'reply' ~ uuid_form THEN
            PERFORM lock_reply((l.about ->> 'reply')::uuid);
            UPDATE replies AS r SET status = 'dropped', reason = req ->> 'reason'
            WHERE r.tenant_id = app_tenant() AND r.id = (l.about ->> 'reply')::uuid AND r.status = 'pending'
              AND NOT EXISTS (SELECT FROM deliveries AS d
                              WHERE d.tenant_id = r.tenant_id AND d.reply_id = r.id AND d.status = 'intent');
        ELSIF l.about ->> 'turn' ~ uuid_form THEN
            PERFORM op_drop_turn(jsonb_build_object('turn', l.about ->> 'turn', 'reason', req ->> 'reason',
                                                    'now', req -> 'now'));
        ELSIF l.about ->> 'message' ~ uuid_form THEN
            PERFORM drop_burst((l.about ->> 'message')::uuid, req ->> 'reason', moment);
        END IF;
        UPDATE dead_letters AS x
        SET status = 'dropped', status_at = moment, status_by = req ->> 'by', reason = req ->> 'reason'
        WHERE x.tenant_id IS NOT DISTINCT FROM app_tenant() AND x.id = l.id AND x.status = 'dead';
        IF FOUND THEN
            dropped := dropped || to_jsonb(l.id);
        END IF;
    END LOOP;
    RETURN dropped;
END $$;

GRANT EXECUTE ON FUNCTION drop_message, drop_burst TO relevo_app;
