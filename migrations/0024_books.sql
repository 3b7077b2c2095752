-- The books: how each inbound message ended, and one message's whole story. As the operator's role, which sees no words.

-- Where the message stands by the rows of its turn: `ended` is answered, human, superseded, dropped or open; an open one waits at
-- a stage since a moment.
CREATE FUNCTION message_end(tenant bigint, conversation uuid, place bigint, what text, appended timestamptz, turn uuid)
RETURNS TABLE (ended text, reason text, waits_at text, since timestamptz) LANGUAGE sql STABLE AS $$
    SELECT CASE
               WHEN what = 'reaction' THEN 'dropped'
               WHEN turn IS NULL THEN CASE WHEN place <= c.handled_seq THEN 'human' ELSE 'open' END
               WHEN t.status = 'superseded' THEN 'superseded'
               WHEN t.status = 'dropped' THEN CASE t.reason WHEN 'human' THEN 'human' ELSE 'dropped' END
               WHEN t.status = 'open' OR r.pending > 0 THEN 'open'
               WHEN r.told > 0 THEN 'answered'
               WHEN r.why = 'human' THEN 'human'
               ELSE 'dropped'
           END,
           CASE
               WHEN what = 'reaction' THEN 'reaction'
               WHEN t.status = 'dropped' THEN CASE t.reason WHEN 'human' THEN '' ELSE t.reason END
               WHEN r.pending > 0 THEN ''
               WHEN r.told > 0 THEN CASE WHEN r.certain = 0 THEN 'delivery unknown'
                                         WHEN t.status = 'failed' THEN 'with the fallback' ELSE '' END
               WHEN r.why = 'human' THEN ''
               WHEN t.status IN ('answered', 'failed') THEN coalesce(r.why, 'no reply')
               ELSE ''
           END,
           CASE WHEN turn IS NULL THEN 'buffer'
                WHEN t.status = 'open' THEN CASE WHEN s.frozen_at IS NULL THEN 'retrieve' ELSE 'infer' END
                WHEN r.pending > 0 THEN 'relay' END,
           CASE WHEN turn IS NULL THEN appended
                WHEN t.status = 'open' THEN coalesce(s.frozen_at, t.created_at)
                WHEN r.pending > 0 THEN r.waits_since END
    FROM (SELECT) AS one
    -- lateral: what a message does not need is not looked up
    LEFT JOIN LATERAL (
        SELECT x.handled_seq FROM conversations AS x
        WHERE turn IS NULL AND x.tenant_id = tenant AND x.id = conversation
    ) AS c ON true
    LEFT JOIN turns AS t ON t.tenant_id = tenant AND t.id = turn
    LEFT JOIN LATERAL (
        SELECT max(x.created_at) AS frozen_at FROM steps AS x
        WHERE t.status = 'open' AND x.tenant_id = tenant AND x.turn_id = t.id
    ) AS s ON true
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE x.status IN ('sent', 'unknown')) AS told,
               count(*) FILTER (WHERE x.status = 'sent') AS certain,
               count(*) FILTER (WHERE x.status = 'pending') AS pending,
               min(x.reason) FILTER (WHERE x.status IN ('failed', 'dropped')) AS why,
               min(greatest(x.created_at, x.due_at, x.asked_at)) FILTER (WHERE x.status = 'pending') AS waits_since
        FROM replies AS x WHERE t.status IN ('answered', 'failed') AND x.tenant_id = tenant AND x.turn_id = t.id
    ) AS r ON true
$$;

-- What holds an open message: a dead letter (then it is dead, or dropped), its youth, a timer, records that the log still has
-- (`lagging` are the stages that are behind or hold some). 'unexplained' is what nothing holds.
CREATE FUNCTION explain_open(tenant bigint, message uuid, conversation uuid, turn uuid, waits_at text, since timestamptz,
                             moment timestamptz, bound interval, lagging text[])
RETURNS TABLE (ended text, reason text, letter bigint, until timestamptz) LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN k.status IS NOT NULL THEN k.status
                WHEN p.until IS NOT NULL OR since > moment - bound OR b.held THEN 'open'
                ELSE 'unexplained' END,
           CASE WHEN k.status = 'dead' THEN k.code
                WHEN k.status = 'dropped' THEN k.reason
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
        SELECT min(x.due_at) AS until FROM timers AS x
        WHERE waits_at IS NOT NULL AND md5(x.key) = md5(format('%s:%s', tenant, conversation))
          AND x.tenant_id = tenant AND x.topic = ANY (b.inputs)
    ) AS p ON true
$$;

-- {"pages"} of `messages`, for op_audit_messages to go through, and whether the asked "tenant" is "known".
CREATE FUNCTION op_audit_size(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'pages', pg_relation_size('messages') / current_setting('block_size')::bigint,
        'known', NOT req ? 'tenant' OR EXISTS (SELECT FROM tenants AS t WHERE t.slug = req ->> 'tenant'))
$$;

-- {"from", "to": pages, "now", "bound_ms", "lagging", "listed"} and maybe "since" and "tenant" (a slug): {"counts": [{ended, reason,
-- count}], "unexplained": [the first `listed`]}. Nested loops only: they cost the same whatever the statistics say, and a hash
-- join would read the whole of `turns` and `replies` for each range.
CREATE FUNCTION op_audit_messages(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE
SET enable_hashjoin = off SET enable_mergejoin = off SET jit = off AS $$
DECLARE
    wanted bigint := (SELECT t.id FROM tenants AS t WHERE t.slug = req ->> 'tenant');
    result jsonb;
BEGIN
    -- EXECUTE: planned for this range
    EXECUTE $query$
        WITH judged AS MATERIALIZED (
            SELECT m.id, m.tenant_id, e.since, coalesce(x.ended, e.ended) AS ended, coalesce(x.reason, e.reason) AS reason
            FROM messages AS m
            CROSS JOIN LATERAL message_end(m.tenant_id, m.conversation_id, m.seq, m.kind, m.appended_at, m.turn_id) AS e
            LEFT JOIN LATERAL explain_open(m.tenant_id, m.id, m.conversation_id, m.turn_id, e.waits_at, e.since, $4, $5, $6)
                AS x ON e.ended = 'open'
            WHERE m.ctid >= $1 AND m.ctid < $2 AND m.direction = 'in'
              AND ($3 IS NULL OR m.appended_at >= $3) AND ($7 IS NULL OR m.tenant_id = $7))
        SELECT jsonb_build_object(
            'counts', (SELECT coalesce(jsonb_agg(to_jsonb(n)), '[]')
                       FROM (SELECT ended, reason, count(*) FROM judged GROUP BY 1, 2) AS n),
            'unexplained', (SELECT coalesce(jsonb_agg(to_jsonb(u)), '[]')
                            FROM (SELECT j.id AS message, j.tenant_id AS tenant, t.slug, j.reason, to_millis(j.since) AS since
                                  FROM judged AS j JOIN tenants AS t ON t.id = j.tenant_id
                                  WHERE j.ended = 'unexplained' ORDER BY j.since LIMIT $8) AS u))
    $query$ INTO result
    USING format('(%s,0)', req ->> 'from')::tid, format('(%s,0)', req ->> 'to')::tid, from_millis((req ->> 'since')::bigint),
          from_millis((req ->> 'now')::bigint), (req ->> 'bound_ms')::bigint * interval '1 millisecond',
          ARRAY(SELECT jsonb_array_elements_text(req -> 'lagging')), wanted, (req ->> 'listed')::integer;
    RETURN result;
END $$;

-- The same for messages that never became a row: they are dead letters only. Whatever came in twice is one message.
CREATE FUNCTION op_audit_letters(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH letters AS (
        SELECT DISTINCT ON (coalesce(nullif(k.headers ->> 'ce_id', ''), 'letter ' || k.id))
               k.id, coalesce(k.tenant_id, a.tenant_id) AS tenant_id, a.retired_at, k.status, k.status_at, k.code, k.reason,
               a.id AS account_id, k.about ->> 'event_id' AS event_id
        FROM dead_letters AS k
        LEFT JOIN accounts AS a ON a.channel = k.about ->> 'channel' AND a.external_id = k.about ->> 'account'
        WHERE (k.topic = 'messages.received' OR k.about ->> 'wakes' = 'messages.received')
          AND coalesce(k.about ->> 'kind', 'message') IN ('message', 'reaction')
          AND (NOT req ? 'since' OR k.at >= from_millis((req ->> 'since')::bigint))
        ORDER BY coalesce(nullif(k.headers ->> 'ce_id', ''), 'letter ' || k.id), k.id DESC
    ), judged AS (
        SELECT l.*, CASE WHEN l.status <> 'redriven' THEN l.status
                         WHEN l.retired_at IS NOT NULL THEN 'dropped'
                         WHEN EXISTS (SELECT FROM timers AS t WHERE t.letter = l.id)
                              OR l.status_at > from_millis((req ->> 'now')::bigint)
                                               - (req ->> 'bound_ms')::bigint * interval '1 millisecond'
                              OR req -> 'lagging' ? 'resolve' THEN 'open'
                         ELSE 'unexplained' END AS ended,
               CASE WHEN l.status = 'dead' THEN l.code WHEN l.status = 'dropped' THEN l.reason
                    WHEN l.retired_at IS NOT NULL THEN 'account retired' ELSE 'redriven' END AS why
        FROM letters AS l
        WHERE (NOT req ? 'tenant' OR l.tenant_id = (SELECT t.id FROM tenants AS t WHERE t.slug = req ->> 'tenant'))
          -- what has a row is in the other part of the books
          AND NOT EXISTS (SELECT FROM messages AS m WHERE m.event_id = l.event_id AND m.account_id = l.account_id)
    )
    SELECT jsonb_build_object(
        'counts', (SELECT coalesce(jsonb_agg(to_jsonb(n)), '[]')
                   FROM (SELECT ended, why AS reason, count(*) FROM judged GROUP BY 1, 2) AS n),
        'unexplained', (SELECT coalesce(jsonb_agg(to_jsonb(u)), '[]')
                        FROM (SELECT coalesce(j.event_id, 'letter ' || j.id) AS message, coalesce(j.tenant_id, 0) AS tenant,
                                     coalesce((SELECT t.slug FROM tenants AS t WHERE t.id = j.tenant_id), '') AS slug,
                                     'redriven, and never seen again' AS reason, to_millis(j.status_at) AS since
                              FROM judged AS j WHERE j.ended = 'unexplained'
                              ORDER BY j.status_at LIMIT (req ->> 'listed')::integer) AS u))
$$;

GRANT EXECUTE ON FUNCTION message_end, explain_open, op_audit_size, op_audit_messages, op_audit_letters TO relevo_operator;
