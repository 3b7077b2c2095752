-- One message's story, as the rows tell it. As the operator's role; `text` is for relevo_operator_text only.

-- {"wanted", "digits", "at"}: an id of ours, the provider's, or an alias with the newest moment that counts. What it may mean, at
-- most 20, newest first: [{"tenant", "slug", "channel", "account", "conversation", "message" | "turn" | "reply" | "letter", "at", "what"}].
CREATE FUNCTION op_find_story(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH asked AS (
        SELECT req ->> 'wanted' AS name,
               CASE WHEN req ->> 'wanted' ~ '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$'
                    THEN (req ->> 'wanted')::uuid END AS id,
               ARRAY[req ->> 'wanted', req ->> 'digits'] AS aliases, from_millis((req ->> 'at')::bigint) AS latest
    ), message_ids AS (
        SELECT m.tenant_id, m.id, 'message' AS what FROM asked AS q JOIN messages AS m ON m.id = q.id
        UNION SELECT m.tenant_id, m.id, 'message' FROM asked AS q JOIN messages AS m ON m.event_id = q.name
        UNION SELECT c.tenant_id, m.id, 'newest of the conversation' FROM asked AS q JOIN conversations AS c ON c.id = q.id
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
                    ELSE jsonb_build_object('reply', m.reply_id) END || jsonb_build_object('what', i.what) AS names, m.appended_at AS at
        FROM message_ids AS i JOIN messages AS m ON m.tenant_id = i.tenant_id AND m.id = i.id
        UNION ALL
        SELECT t.tenant_id, t.conversation_id, jsonb_build_object('turn', t.id, 'what', 'turn'), t.created_at
        FROM asked AS q JOIN turns AS t ON t.id = q.id
        UNION ALL
        SELECT r.tenant_id, r.conversation_id, jsonb_build_object('reply', r.id, 'what', 'reply'), r.created_at
        FROM asked AS q JOIN replies AS r ON r.id = q.id
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
    SELECT coalesce(jsonb_agg(f.match ORDER BY f.at DESC), '[]')
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
          ORDER BY 1 DESC LIMIT 20) AS f
$$;

-- The turn and those that took its place, oldest first.
CREATE FUNCTION succeeding_turns(tenant bigint, turn uuid) RETURNS uuid[] LANGUAGE sql STABLE AS $$
    WITH RECURSIVE chain AS (
        SELECT t.id, t.superseded_by, 0 AS place FROM turns AS t WHERE t.tenant_id = tenant AND t.id = turn
        UNION ALL
        SELECT t.id, t.superseded_by, c.place + 1 FROM chain AS c
        JOIN turns AS t ON t.tenant_id = tenant AND t.id = c.superseded_by
    )
    SELECT coalesce(array_agg(id ORDER BY place), '{}') FROM chain
$$;

-- {at, rank, stage, event, facts}: what happened to these messages, turns and replies, each at its time. A time that no row has
-- is null, and stands where it belongs by `place`.
CREATE FUNCTION story_events(tenant bigint, conversation uuid, ids uuid[], turn_ids uuid[], reply_ids uuid[], record_ids text[])
RETURNS TABLE (at timestamptz, place timestamptz, rank integer, stage text, event text, facts jsonb)
LANGUAGE sql STABLE AS $$
    SELECT m.at, m.at, 0, '', 'message.sent', jsonb_build_object('message', m.id, 'author', m.author)
    FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (ids) AND m.at < m.appended_at
    UNION ALL
    SELECT m.appended_at, m.appended_at, 1, 'ingress', 'message.received', jsonb_build_object(
        'message', m.id, 'event_id', m.event_id, 'kind', m.kind, 'type', m.type, 'author', m.author)
    FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (ids)
    UNION ALL
    SELECT NULL, m.appended_at, 2, 'resolve', 'message.stored', jsonb_build_object(
        'message', m.id, 'seq', m.seq, 'human', m.turn_id IS NULL AND m.seq <= c.handled_seq AND m.kind = 'message')
    FROM messages AS m JOIN conversations AS c ON c.tenant_id = tenant AND c.id = conversation
    WHERE m.tenant_id = tenant AND m.id = ANY (ids)
    UNION ALL
    SELECT m.at, m.appended_at, 3, 'resolve', 'human.wrote', jsonb_build_object('message', m.id, 'seq', m.seq)
    FROM (SELECT x.* FROM (SELECT x.id, x.seq, x.at, x.appended_at FROM messages AS x
                           WHERE x.tenant_id = tenant AND x.conversation_id = conversation AND x.author = 'human'
                             AND x.seq > (SELECT min(y.seq) FROM messages AS y WHERE y.tenant_id = tenant AND y.id = ANY (ids))
                           ORDER BY x.seq LIMIT 3) AS x) AS m
    UNION ALL
    SELECT t.created_at, t.created_at, 4, 'buffer', 'turn.opened', jsonb_build_object(
        'turn', t.id, 'first_seq', t.first_seq, 'last_seq', t.last_seq, 'supersedes', t.supersedes, 'epoch', t.epoch,
        'messages', (SELECT count(*) FROM messages AS m
                     WHERE m.tenant_id = tenant AND m.turn_id = t.id AND m.direction = 'in'))
    FROM turns AS t WHERE t.tenant_id = tenant AND t.id = ANY (turn_ids)
    UNION ALL
    SELECT s.created_at, s.created_at, 5, 'retrieve', 'step.frozen', jsonb_build_object(
        'turn', s.turn_id, 'step', s.step, 'agent', a.name, 'version', s.agent_version, 'passages', s.about -> 'passages',
        'cutoff', s.about -> 'cutoff')
    FROM steps AS s LEFT JOIN agents AS a ON a.tenant_id = tenant AND a.id = s.agent_id
    WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids) AND s.agent_id IS NOT NULL
    UNION ALL
    SELECT s.answered_at, s.answered_at, 6, 'infer', 'step.answered', jsonb_build_object(
        'turn', s.turn_id, 'step', s.step, 'provider', s.about -> 'provider', 'model', s.about -> 'model',
        'in_vain', (SELECT string_agg(v.code, ', ') FROM jsonb_array_elements_text(s.about -> 'in_vain') AS v(code)),
        'finish_reason', s.about -> 'finish_reason',
        'input_tokens', s.about #> '{usage,input_tokens}', 'output_tokens', s.about #> '{usage,output_tokens}', 'ms', to_millis(s.answered_at) - to_millis(s.created_at))
    FROM steps AS s WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids) AND s.answered_at IS NOT NULL
    UNION ALL
    SELECT k.started_at, k.started_at, 6, 'execute', 'tool.called', jsonb_build_object(
        'turn', k.turn_id, 'tool', k.tool, 'status', k.status, 'writes', k.writes,
        'ms', to_millis(k.ended_at) - to_millis(k.started_at))
    FROM tool_calls AS k WHERE k.tenant_id = tenant AND k.turn_id = ANY (turn_ids)
    UNION ALL
    SELECT t.closed_at, t.closed_at, 7, CASE t.status WHEN 'superseded' THEN 'buffer' WHEN 'answered' THEN 'infer' ELSE '' END,
           'turn.' || t.status, jsonb_build_object(
        'turn', t.id, 'by', t.superseded_by, 'reason', t.reason,
        'bubbles', (SELECT count(*) FROM replies AS r WHERE r.tenant_id = tenant AND r.turn_id = t.id))
    FROM turns AS t WHERE t.tenant_id = tenant AND t.id = ANY (turn_ids) AND t.status <> 'open'
    UNION ALL
    SELECT r.created_at, r.created_at, 8, CASE WHEN r.turn_id IS NULL THEN 'gateway' ELSE 'infer' END, 'reply.made',
           jsonb_build_object('reply', r.id, 'index', r.index, 'author', r.author)
    FROM replies AS r WHERE r.tenant_id = tenant AND r.id = ANY (reply_ids)
    UNION ALL
    SELECT d.claimed_at, d.claimed_at, 9, 'relay', 'reply.claimed', jsonb_build_object(
        'reply', d.reply_id, 'attempt', d.attempt, 'by', d.claimed_by)
    FROM deliveries AS d WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids)
    UNION ALL
    SELECT d.at, d.at, 10, 'relay', 'delivery.' || d.status, jsonb_build_object(
        'reply', d.reply_id, 'attempt', d.attempt, 'provider_id', d.provider_id, 'code', d.code, 'text', d.text,
        'ms', to_millis(d.at) - to_millis(d.claimed_at), 'until', to_millis(d.due_at))
    FROM deliveries AS d WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.status <> 'intent'
      AND (d.status <> 'failed' OR d.receipt IS DISTINCT FROM 'failed')
    UNION ALL
    SELECT d.receipt_at, d.receipt_at, 11, 'settle', 'receipt.' || d.receipt, jsonb_build_object(
        'reply', d.reply_id, 'attempt', d.attempt, 'code', d.code, 'text', d.text)
    FROM deliveries AS d WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.receipt IS NOT NULL
    UNION ALL
    SELECT NULL, greatest(r.created_at, (SELECT max(d.at) FROM deliveries AS d
                                         WHERE d.tenant_id = tenant AND d.reply_id = r.id)), 12, '', 'reply.' || r.status,
           jsonb_build_object('reply', r.id, 'index', r.index, 'reason', r.reason)
    FROM replies AS r WHERE r.tenant_id = tenant AND r.id = ANY (reply_ids) AND r.status IN ('dropped', 'failed')
    UNION ALL
    SELECT t.created_at, t.created_at, 13, 'wake', 'record.parked', jsonb_build_object(
        'topic', t.topic, 'until', to_millis(t.due_at), 'parks', t.parks, 'letter', t.letter)
    FROM timers AS t
    WHERE t.tenant_id = tenant AND md5(t.key) = md5(format('%s:%s', tenant, conversation)) AND t.topic <> 'messages.received'
    UNION ALL
    SELECT x.at, x.at, x.rank, x.stage, x.event, x.facts
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
CREATE INDEX dead_letters_of_record ON dead_letters (left(headers ->> 'ce_id', 200));

-- One of what op_find_story gives, with "now", "bound_ms" and "lagging". "standing" says how it ended or what it waits for.
CREATE FUNCTION op_story(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
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
            SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.place, x.rank), '[]')
            FROM (SELECT to_millis(e.at) AS at, e.place, e.rank, e.stage, e.event, e.facts
                  FROM story_events(tenant, conversation, ids, turn_ids, replies_of, record_ids) AS e
                  UNION
                  SELECT to_millis(k.at), k.at, 14, k.stage, 'record.dead',
                         jsonb_build_object('letter', k.id, 'topic', k.topic, 'code', k.code, 'text', k.text,
                                            'attempts', k.attempts)
                  FROM dead_letters AS k WHERE k.id = (req ->> 'letter')::bigint AND record_ids = '{}') AS x));
    END IF;
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
                                             ORDER BY e.place, e.rank), '[]')
                   FROM story_events(tenant, conversation, ids, turn_ids, replies_of, record_ids) AS e));
END $$;

CREATE FUNCTION message_standing(tenant bigint, conversation uuid, message uuid, req jsonb) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'ended', coalesce(x.ended, e.ended), 'reason', coalesce(x.reason, e.reason), 'waits_at', e.waits_at,
        'since', to_millis(e.since), 'letter', x.letter, 'until', to_millis(x.until),
        'code', coalesce(k.code, d.code), 'text', coalesce(k.text, d.text)))
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
        -- what the provider said last, of a turn whose bubbles it refused
        SELECT y.code, y.text FROM replies AS r JOIN deliveries AS y ON y.tenant_id = tenant AND y.reply_id = r.id
        WHERE r.tenant_id = tenant AND r.turn_id = ANY (succeeding_turns(tenant, m.turn_id)) AND y.code <> ''
          AND r.status <> 'sent'
        ORDER BY y.at DESC LIMIT 1) AS d ON true
    WHERE m.tenant_id = tenant AND m.id = message
$$;

CREATE FUNCTION reply_standing(tenant bigint, reply uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'ended', CASE r.status WHEN 'pending' THEN 'open' WHEN 'sent' THEN 'answered' WHEN 'unknown' THEN 'answered'
                               ELSE 'dropped' END,
        'reason', CASE r.status WHEN 'unknown' THEN 'delivery unknown' ELSE r.reason END,
        'waits_at', CASE r.status WHEN 'pending' THEN 'relay' END, 'since', to_millis(r.created_at),
        'until', to_millis(r.due_at), 'code', d.code, 'text', d.text))
    FROM replies AS r
    LEFT JOIN LATERAL (SELECT y.code, y.text FROM deliveries AS y
                       WHERE y.tenant_id = tenant AND y.reply_id = r.id AND y.code <> ''
                       ORDER BY y.attempt DESC LIMIT 1) AS d ON true
    WHERE r.tenant_id = tenant AND r.id = reply
$$;

-- [{name, id, parent, start, end, note}] in the order of their starts; no `end` where it goes on. Rows note when a stage was done,
-- not when it took its record: a span lasts from what came before to what it left, its wait in the log included.
CREATE FUNCTION story_spans(tenant bigint, ids uuid[], turn_ids uuid[], reply_ids uuid[]) RETURNS jsonb
LANGUAGE sql STABLE AS $$
    WITH spans AS (
        SELECT 'provider' AS name, 'm' || m.seq AS id, '' AS parent, m.at AS start, m.appended_at AS "end", 0 AS rank,
               'by the provider''s clock, until the log had it' AS note
        FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (ids) AND m.at < m.appended_at
        UNION ALL
        SELECT 'window', 'w' || m.seq, '', m.appended_at, t.created_at, 1, 'resolve, and the silence that buffer waits for'
        FROM messages AS m LEFT JOIN turns AS t ON t.tenant_id = tenant AND t.id = m.turn_id
        WHERE m.tenant_id = tenant AND m.id = ANY (ids)
        UNION ALL
        SELECT 'turn', t.id::text, '', t.created_at,
               CASE WHEN t.status = 'open' THEN NULL
                    ELSE greatest(t.closed_at, (SELECT max(greatest(d.at, d.receipt_at)) FROM replies AS r
                                                JOIN deliveries AS d ON d.tenant_id = tenant AND d.reply_id = r.id
                                                WHERE r.tenant_id = tenant AND r.turn_id = t.id)) END, 2, t.status
        FROM turns AS t WHERE t.tenant_id = tenant AND t.id = ANY (turn_ids)
        UNION ALL
        SELECT 'retrieve', s.turn_id || '/' || s.step || 'r', s.turn_id::text, t.created_at, s.created_at, 3, ''
        FROM steps AS s JOIN turns AS t ON t.tenant_id = tenant AND t.id = s.turn_id
        WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids) AND s.step = 0 AND s.agent_id IS NOT NULL
        UNION ALL
        SELECT 'infer', s.turn_id || '/' || s.step, s.turn_id::text, s.created_at, coalesce(s.answered_at, t.closed_at), 4,
               concat_ws(' of ', nullif(s.about ->> 'model', ''), nullif(s.about ->> 'provider', ''))
               || coalesce(', others asked in vain (' || (SELECT string_agg(v.code, ', ') FROM jsonb_array_elements_text(
                                                              s.about -> 'in_vain') AS v(code)) || ')', '')
        FROM steps AS s JOIN turns AS t ON t.tenant_id = tenant AND t.id = s.turn_id
        WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids)
        UNION ALL
        SELECT 'tool ' || k.tool, k.id::text, k.turn_id || '/' || k.step, k.started_at, k.ended_at, 5, k.status
        FROM tool_calls AS k WHERE k.tenant_id = tenant AND k.turn_id = ANY (turn_ids)
        UNION ALL
        SELECT 'reply ' || r.index + 1, r.id::text, coalesce(r.turn_id::text, ''), r.created_at,
               CASE WHEN r.status <> 'pending'
                    THEN coalesce((SELECT max(greatest(d.at, d.receipt_at)) FROM deliveries AS d
                                   WHERE d.tenant_id = tenant AND d.reply_id = r.id), t.closed_at, r.created_at) END, 6,
               r.status || CASE r.reason WHEN '' THEN '' ELSE ': ' || r.reason END
        FROM replies AS r LEFT JOIN turns AS t ON t.tenant_id = tenant AND t.id = r.turn_id
        WHERE r.tenant_id = tenant AND r.id = ANY (reply_ids)
        UNION ALL
        SELECT 'send ' || d.attempt, d.reply_id || '/' || d.attempt, d.reply_id::text, d.claimed_at,
               CASE WHEN d.status <> 'intent' AND (d.status <> 'failed' OR d.receipt IS DISTINCT FROM 'failed') THEN d.at END, 7,
               d.status || CASE d.code WHEN '' THEN '' ELSE ': ' || d.code END
        FROM deliveries AS d
        WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.claimed_at IS NOT NULL
        UNION ALL
        SELECT 'receipt', d.reply_id || '/' || d.attempt || 'r', d.reply_id::text, least(d.at, d.receipt_at), d.receipt_at, 8,
               d.receipt
        FROM deliveries AS d
        WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.receipt IS NOT NULL
    )
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'name', s.name, 'id', s.id, 'parent', s.parent, 'start', to_millis(s.start), 'end', to_millis(s."end"), 'note', s.note))
        ORDER BY s.start, s.rank), '[]')
    FROM spans AS s
$$;

-- The words of a story's messages and replies by id, for the role that may read them.
CREATE FUNCTION op_story_text(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(x.id, x.text), '{}')
    FROM (SELECT m.id, m.text FROM messages AS m
          WHERE m.tenant_id = (req ->> 'tenant')::bigint
            AND m.id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::uuid))
          UNION ALL
          SELECT r.id, r.text FROM replies AS r
          WHERE r.tenant_id = (req ->> 'tenant')::bigint
            AND r.id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::uuid))) AS x
$$;

GRANT EXECUTE ON FUNCTION op_find_story, succeeding_turns, story_events, op_story, message_standing, reply_standing,
    story_spans, op_story_text TO relevo_operator;
