-- Buffer, retrieve and infer: which messages are answered as one, with what, and how.

-- Whether the next turn may still take this one's place: not more than twice in a row nor after 90 s, so that
-- someone who writes every 10 s is answered; never once a tool began to change something.
CREATE FUNCTION may_be_superseded(t turns, moment timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT t.supersedes_count < 2 AND moment - t.first_at < interval '90 seconds'
           AND NOT EXISTS (SELECT FROM tool_calls AS k
                           WHERE k.tenant_id = t.tenant_id AND k.turn_id = t.id AND k.writes)
$$;

-- The unsent bubbles of a turn are not sent any more. One in flight stays as it is.
CREATE FUNCTION drop_unsent(turn uuid, why text) RETURNS void LANGUAGE sql AS $$
    UPDATE replies AS r SET status = 'dropped', reason = why
    WHERE r.tenant_id = app_tenant() AND r.turn_id = turn AND r.status = 'pending'
      AND NOT EXISTS (SELECT FROM deliveries AS d
                      WHERE d.tenant_id = r.tenant_id AND d.reply_id = r.id AND d.status = 'intent')
$$;

CREATE FUNCTION op_claim_turn(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    wanted uuid[] := ARRAY(SELECT jsonb_array_elements_text(req -> 'messages')::uuid);
    open_turns integer;
    c conversations;
    first messages;
    newest bigint;
    previous turns;
    made turns;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = tenant AND x.id = (req ->> 'conversation')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND OR c.mode = 'human' THEN
        RETURN '{"state": "none"}';
    END IF;

    IF NOT EXISTS (SELECT FROM messages AS m
                   WHERE m.tenant_id = tenant AND m.id = ANY (wanted) AND m.conversation_id = c.id
                     AND m.turn_id IS NULL AND m.kind = 'message' AND m.direction = 'in'
                     AND m.seq > c.handled_seq) THEN
        -- our own earlier work: the stored turn is the decision
        SELECT t.* INTO made FROM messages AS m JOIN turns AS t ON t.tenant_id = tenant AND t.id = m.turn_id
        WHERE m.tenant_id = tenant AND m.id = ANY (wanted) AND m.conversation_id = c.id AND m.direction = 'in'
        ORDER BY m.seq DESC LIMIT 1;
        IF FOUND THEN
            RETURN jsonb_build_object('state', 'claimed', 'turn', made.id);
        END IF;
        RETURN '{"state": "none"}';
    END IF;

    SELECT count(*) INTO open_turns
    FROM (SELECT FROM turns AS t WHERE t.tenant_id = tenant AND t.status = 'open'
          LIMIT (req ->> 'max_open')::integer) AS counted;
    -- A turn that was made and never went on has its place already: its burst must not wait.
    IF open_turns >= (req ->> 'max_open')::integer
       AND NOT EXISTS (SELECT FROM messages AS m JOIN turns AS t ON t.tenant_id = tenant AND t.id = m.turn_id
                       WHERE m.tenant_id = tenant AND m.id = ANY (wanted) AND t.status = 'open'
                         AND NOT EXISTS (SELECT FROM steps AS s WHERE s.tenant_id = tenant AND s.turn_id = t.id)) THEN
        RETURN '{"state": "too_many"}';
    END IF;

    SELECT * INTO first FROM messages AS m
    WHERE m.tenant_id = tenant AND m.conversation_id = c.id AND m.turn_id IS NULL AND m.direction = 'in'
      AND m.kind = 'message' AND m.seq > c.handled_seq
    ORDER BY m.seq LIMIT 1;
    SELECT max(m.seq) INTO newest FROM messages AS m
    WHERE m.tenant_id = tenant AND m.conversation_id = c.id AND m.turn_id IS NULL AND m.direction = 'in'
      AND m.kind = 'message' AND m.seq > c.handled_seq;

    INSERT INTO turns (tenant_id, id, conversation_id, first_message_id, first_seq, last_seq, first_at, epoch,
                       created_at)
    VALUES (tenant, hash_uuid('turn', c.id::text, first.id::text), c.id, first.id, first.seq, newest,
            first.appended_at, c.epoch, moment)
    RETURNING * INTO made;
    UPDATE messages AS m SET turn_id = made.id
    WHERE m.tenant_id = tenant AND m.conversation_id = c.id AND m.turn_id IS NULL AND m.direction = 'in'
      AND m.kind = 'message' AND m.seq > c.handled_seq;

    SELECT * INTO previous FROM turns AS t
    WHERE t.tenant_id = tenant AND t.conversation_id = c.id AND t.last_seq < made.first_seq
      AND (t.status = 'open'
           OR t.status = 'answered'
              AND EXISTS (SELECT FROM replies AS r WHERE r.tenant_id = tenant AND r.turn_id = t.id
                          AND r.status = 'pending'
                          AND NOT EXISTS (SELECT FROM deliveries AS d WHERE d.tenant_id = tenant
                                          AND d.reply_id = r.id AND d.status = 'intent')))
    ORDER BY t.last_seq DESC LIMIT 1;
    -- A turn of this very burst that nobody has looked at yet: its claimer may have died before it told anyone,
    -- and then only this turn can answer its messages.
    IF FOUND AND (may_be_superseded(previous, moment)
                  OR previous.status = 'open'
                     AND EXISTS (SELECT FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (wanted)
                                                             AND m.turn_id = previous.id)
                     AND NOT EXISTS (SELECT FROM steps AS s WHERE s.tenant_id = tenant
                                                              AND s.turn_id = previous.id)) THEN
        UPDATE turns AS t SET status = 'superseded', superseded_by = made.id, closed_at = moment
        WHERE t.tenant_id = tenant AND t.id = previous.id;
        PERFORM drop_unsent(previous.id, 'superseded');
        UPDATE turns AS t SET supersedes = previous.id, supersedes_count = previous.supersedes_count + 1,
                              first_at = previous.first_at
        WHERE t.tenant_id = tenant AND t.id = made.id;
    END IF;
    RETURN jsonb_build_object('state', 'claimed', 'turn', made.id);
END $$;

-- The turn and those that it superseded: their messages are what it answers.
CREATE FUNCTION answered_turns(turn uuid) RETURNS uuid[] LANGUAGE sql STABLE AS $$
    WITH RECURSIVE chain AS (
        SELECT t.id, t.supersedes FROM turns AS t WHERE t.tenant_id = app_tenant() AND t.id = turn
        UNION ALL
        SELECT t.id, t.supersedes FROM chain JOIN turns AS t ON t.tenant_id = app_tenant() AND t.id = chain.supersedes
    )
    SELECT array_agg(id) FROM chain
$$;

CREATE FUNCTION op_turn_text(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    tenant bigint := app_tenant();
    t turns;
    said text;
BEGIN
    SELECT * INTO t FROM turns AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'turn')::uuid;
    IF NOT FOUND THEN
        RETURN '{"state": "erased"}';
    END IF;
    SELECT string_agg(m.text, E'\n' ORDER BY m.seq) INTO said
    FROM (SELECT x.text, x.seq FROM messages AS x
          WHERE x.tenant_id = tenant AND x.turn_id = ANY (answered_turns(t.id)) AND x.direction = 'in'
          ORDER BY x.seq DESC LIMIT 100) AS m;
    RETURN jsonb_build_object(
        'state', CASE WHEN said IS NULL THEN 'erased' WHEN t.status = 'open' THEN 'live' ELSE 'over' END,
        'text', coalesce(said, ''));
END $$;

-- Passages that have any of the text's words or of the shop's synonyms for them, best first. Words are compared as
-- the configuration writes them: without accents, by their stem.
CREATE FUNCTION op_search(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    tenant bigint := app_tenant();
    words tsvector := to_tsvector('public.relevo_spanish', req ->> 'text');
    query tsquery;
    passages jsonb;
BEGIN
    SELECT words || coalesce(to_tsvector('public.relevo_spanish', string_agg(meaning, ' ')), '') INTO words
    FROM tenants AS t, jsonb_each(t.synonyms) AS s(said, meant), jsonb_array_elements_text(s.meant) AS meaning
    WHERE t.id = tenant AND plainto_tsquery('public.relevo_spanish', s.said) @@ words
      AND numnode(plainto_tsquery('public.relevo_spanish', s.said)) > 0;
    SELECT string_agg(quote_literal(lexeme), ' | ')::tsquery INTO query FROM unnest(words);
    IF query IS NULL THEN
        RETURN '[]';
    END IF;
    SELECT jsonb_agg(jsonb_build_object('source', p.source, 'title', p.title, 'text', p.text, 'score', p.score)
                     ORDER BY p.score DESC, p.id)
    INTO passages
    FROM (SELECT k.id, s.name AS source, k.title, k.text, ts_rank(k.tsv, query, 1) AS score
          FROM chunks AS k JOIN sources AS s ON s.tenant_id = tenant AND s.id = k.source_id
          WHERE k.tenant_id = tenant AND k.tsv @@ query
          ORDER BY score DESC, k.id LIMIT (req ->> 'limit')::integer) AS p;
    RETURN coalesce(passages, '[]');
END $$;

-- Step 0's request. Earlier turns that live beside this one have bubbles on their way: they are part of what the
-- customer will have read.
CREATE FUNCTION op_freeze_step(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
        'cutoff', c.last_seq,
        'pending', (SELECT coalesce(jsonb_agg(r.id ORDER BY r.order_seq, r.order_index), '[]') FROM replies AS r
                    WHERE r.tenant_id = tenant AND r.conversation_id = c.id AND r.status = 'pending'
                      AND r.order_seq < t.first_seq),
        'passages', req -> 'passages'), from_millis((req ->> 'now')::bigint))
    ON CONFLICT DO NOTHING;
    RETURN 'null';
END $$;

-- [{"author", "text", "in_turn"}, …], oldest first: what was said up to the cut-off. The turn's own messages always
-- have their place; of the rest the last 40 lines.
CREATE FUNCTION history_lines(t turns, cutoff bigint, pending uuid[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH own AS (
        SELECT m.seq, 0 AS place, 'contact' AS author, m.text, true AS in_turn
        FROM messages AS m
        WHERE m.tenant_id = t.tenant_id AND m.turn_id = ANY (answered_turns(t.id)) AND m.direction = 'in'
        ORDER BY m.seq DESC LIMIT 100
    ), before AS (
        SELECT m.seq, 0 AS place, CASE m.author WHEN 'contact' THEN 'contact' WHEN 'human' THEN 'human'
                                                ELSE 'agent' END AS author, m.text, false AS in_turn
        FROM messages AS m
        WHERE m.tenant_id = t.tenant_id AND m.conversation_id = t.conversation_id
          AND CASE m.direction
              WHEN 'in' THEN m.kind = 'message' AND m.seq <= t.last_seq
                             AND (m.turn_id IS NULL OR m.turn_id <> ALL (answered_turns(t.id)))
              ELSE m.seq <= cutoff
                   AND NOT EXISTS (SELECT FROM replies AS r WHERE r.tenant_id = m.tenant_id AND r.id = m.reply_id
                                                              AND r.status = 'failed') END
        ORDER BY m.seq DESC LIMIT 40
    ), coming AS (
        SELECT r.order_seq AS seq, 1 + r.order_index AS place,
               CASE r.author WHEN 'human' THEN 'human' ELSE 'agent' END AS author, r.text, false AS in_turn
        FROM replies AS r WHERE r.tenant_id = t.tenant_id AND r.id = ANY (pending)
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object('author', author, 'text', text, 'in_turn', in_turn)
                              ORDER BY seq, place), '[]')
    FROM (SELECT * FROM own UNION ALL SELECT * FROM before UNION ALL SELECT * FROM coming) AS lines
$$;

CREATE FUNCTION reply_ids(turn uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(r.id ORDER BY r.index), '[]') FROM replies AS r
    WHERE r.tenant_id = app_tenant() AND r.turn_id = turn
$$;

CREATE FUNCTION op_load_inference(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
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
        'passages', coalesce(s.request -> 'passages', '[]'),
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

CREATE FUNCTION agent_snapshot(a agents) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN jsonb_build_object(
    'name', a.name, 'role', a.role, 'provider', a.provider, 'base_url', a.base_url, 'model', a.model,
    'prompt', a.prompt, 'disclosure', a.disclosure, 'temperature', a.temperature,
    'max_output_tokens', a.max_output_tokens, 'enabled_tools', a.enabled_tools);

-- Locks the turn's conversation, then reads both.
CREATE FUNCTION lock_turn(turn uuid, OUT t turns, OUT c conversations) LANGUAGE plpgsql AS $$
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant()
      AND x.id = (SELECT y.conversation_id FROM turns AS y WHERE y.tenant_id = app_tenant() AND y.id = turn)
    FOR NO KEY UPDATE;
    SELECT * INTO t FROM turns AS x WHERE x.tenant_id = app_tenant() AND x.id = turn;
END $$;

-- {"replies": [ids]}: of the answer that won; none where there is nothing to say any more.
CREATE FUNCTION op_commit_answer(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    number integer := (req ->> 'step')::integer;
    locked record;
    t turns;
    c conversations;
BEGIN
    SELECT * INTO locked FROM lock_turn((req ->> 'turn')::uuid);
    t := locked.t;
    c := locked.c;
    IF t.id IS NULL THEN
        RETURN '{"replies": []}';
    END IF;
    -- the call was made and will be billed, whatever becomes of its answer
    INSERT INTO steps AS s (tenant_id, turn_id, step, response, created_at, answered_at)
    VALUES (tenant, t.id, number, req -> 'completion', moment, moment)
    ON CONFLICT (tenant_id, turn_id, step) DO UPDATE SET response = excluded.response, answered_at = moment
    WHERE s.response IS NULL;
    IF t.status = 'answered' THEN
        RETURN jsonb_build_object('replies', reply_ids(t.id));
    ELSIF t.status <> 'open' THEN
        RETURN '{"replies": []}';
    ELSIF c.mode = 'human' OR c.epoch <> t.epoch THEN
        UPDATE turns AS x SET status = 'dropped', reason = 'human', closed_at = moment
        WHERE x.tenant_id = tenant AND x.id = t.id;
        RETURN '{"replies": []}';
    END IF;
    INSERT INTO answers (tenant_id, turn_id, step, bubbles, created_at)
    VALUES (tenant, t.id, number, jsonb_array_length(req -> 'bubbles'), moment);
    INSERT INTO replies (tenant_id, id, conversation_id, turn_id, index, author, text, epoch, order_seq,
                         order_index, created_at)
    SELECT tenant, (b.bubble ->> 'id')::uuid, c.id, t.id, b.nth - 1, 'agent', b.bubble ->> 'text', t.epoch,
           t.last_seq, b.nth - 1, moment
    FROM jsonb_array_elements(req -> 'bubbles') WITH ORDINALITY AS b(bubble, nth);
    UPDATE turns AS x SET status = 'answered', closed_at = moment WHERE x.tenant_id = tenant AND x.id = t.id;
    RETURN jsonb_build_object('replies', reply_ids(t.id));
END $$;

CREATE FUNCTION op_fail_turn(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    locked record;
    t turns;
    c conversations;
BEGIN
    SELECT * INTO locked FROM lock_turn((req ->> 'turn')::uuid);
    t := locked.t;
    c := locked.c;
    IF t.id IS NULL THEN
        RETURN '{"replies": []}';
    ELSIF t.status IN ('answered', 'failed') THEN
        RETURN jsonb_build_object('replies', reply_ids(t.id));
    ELSIF t.status <> 'open' THEN
        RETURN '{"replies": []}';
    ELSIF c.mode = 'human' OR c.epoch <> t.epoch THEN
        UPDATE turns AS x SET status = 'dropped', reason = 'human', closed_at = moment
        WHERE x.tenant_id = tenant AND x.id = t.id;
        RETURN '{"replies": []}';
    END IF;
    INSERT INTO replies (tenant_id, id, conversation_id, turn_id, index, author, text, epoch, order_seq,
                         order_index, created_at)
    VALUES (tenant, (req ->> 'fallback')::uuid, c.id, t.id, 0, 'system',
            (SELECT x.fallback_text FROM tenants AS x WHERE x.id = tenant), t.epoch, t.last_seq, 0, moment);
    UPDATE turns AS x SET status = 'failed', reason = req ->> 'code', closed_at = moment
    WHERE x.tenant_id = tenant AND x.id = t.id;
    RETURN jsonb_build_object('replies', reply_ids(t.id));
END $$;

GRANT EXECUTE ON FUNCTION may_be_superseded, drop_unsent, op_claim_turn, answered_turns, op_turn_text, op_search,
    op_freeze_step, history_lines, reply_ids, op_load_inference, agent_snapshot, lock_turn, op_commit_answer,
    op_fail_turn TO relevo_app;
