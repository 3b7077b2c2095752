-- Relay and settle: may this bubble be sent, how did it end, what became of it.

-- Whether a message that no turn has claimed keeps an agent's bubble back: the next turn may take this one's place.
-- Reactions open no turn and hold nothing.
CREATE FUNCTION is_held(t turns, c conversations, moment timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT may_be_superseded(t, moment)
           AND EXISTS (SELECT FROM messages AS m
                       WHERE m.tenant_id = t.tenant_id AND m.conversation_id = t.conversation_id
                         AND m.turn_id IS NULL AND m.direction = 'in' AND m.kind = 'message'
                         AND m.seq > greatest(c.handled_seq, t.last_seq))
$$;

-- When what goes before this bubble is closed; null where nothing is open. An unknown one counts as closed once its
-- receipt came or after its minute; one whose nudge must have been lost (10 minutes without an attempt) stops nobody.
CREATE FUNCTION earlier_open_until(r replies, moment timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT max(CASE e.status WHEN 'unknown' THEN d.due_at
                             ELSE greatest(moment + interval '1 second', e.due_at) END)
    FROM replies AS e
    LEFT JOIN LATERAL (SELECT x.status, x.receipt, x.due_at, x.at FROM deliveries AS x
                       WHERE x.tenant_id = e.tenant_id AND x.reply_id = e.id
                       ORDER BY x.attempt DESC LIMIT 1) AS d ON true
    WHERE e.tenant_id = r.tenant_id AND e.conversation_id = r.conversation_id
      AND e.status IN ('pending', 'unknown')
      AND (e.order_seq, e.order_index) < (r.order_seq, r.order_index)
      AND CASE e.status
          WHEN 'unknown' THEN d.due_at > moment AND d.receipt IS NULL
          ELSE greatest(e.due_at, e.created_at, e.asked_at, CASE d.status WHEN 'intent' THEN d.at END)
               > moment - interval '10 minutes' END
$$;

CREATE FUNCTION close_reply(reply uuid, new_status text, why text) RETURNS void LANGUAGE sql AS $$
    UPDATE replies AS r SET status = new_status, reason = why
    WHERE r.tenant_id = app_tenant() AND r.id = reply
$$;

-- `traits` is {channel: {"spacing_ms", "resend"}}; `token` names the asking process and `granted` says whether it
-- was ever given the permit for this bubble: an intent of its own that it never got is not a send that was begun.
CREATE FUNCTION op_claim_reply(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    r replies;
    c conversations;
    t turns;
    d deliveries;
    traits jsonb;
    attempt integer := 1;
    open_until timestamptz;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = tenant AND x.id = (SELECT y.conversation_id FROM replies AS y
                                           WHERE y.tenant_id = tenant AND y.id = (req ->> 'reply')::uuid)
    FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN '{"state": "closed", "reason": "erased"}';
    END IF;
    traits := coalesce(req -> 'traits' -> c.channel, '{"spacing_ms": 4000, "resend": false}');
    SELECT * INTO STRICT r FROM replies AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'reply')::uuid;
    SELECT * INTO d FROM deliveries AS x WHERE x.tenant_id = tenant AND x.reply_id = r.id
    ORDER BY x.attempt DESC LIMIT 1;

    IF r.status = 'sent' THEN
        RETURN '{"state": "delivered"}';
    ELSIF r.status IN ('dropped', 'failed') THEN
        RETURN jsonb_build_object('state', 'closed', 'reason', r.reason);
    END IF;
    IF d.status = 'intent' AND d.claimed_by = req ->> 'token' AND NOT (req ->> 'granted')::boolean THEN
        RETURN permit_of(r, c, d.attempt);
    END IF;
    IF d.status = 'intent' THEN
        -- who made it died or lost its way between the intent and the note: it may have been sent
        UPDATE deliveries AS x SET status = 'unknown', due_at = moment + interval '60 seconds'
        WHERE x.tenant_id = tenant AND x.reply_id = r.id AND x.attempt = d.attempt;
        PERFORM close_reply(r.id, 'unknown', 'unknown');
        r.status := 'unknown';
    END IF;
    IF r.status = 'unknown' AND NOT coalesce((traits ->> 'resend')::boolean AND d.receipt IS NULL
                                             AND d.attempt < 5, false) THEN
        RETURN '{"state": "closed", "reason": "unknown"}';
    END IF;
    attempt := coalesce(d.attempt, 0) + 1;

    IF r.turn_id IS NOT NULL THEN
        SELECT * INTO STRICT t FROM turns AS x WHERE x.tenant_id = tenant AND x.id = r.turn_id;
        IF c.mode = 'human' OR c.epoch <> r.epoch THEN
            RETURN give_up_reply(r, 'human');
        ELSIF t.status NOT IN ('answered', 'failed') THEN
            RETURN give_up_reply(r, t.status);
        ELSIF r.author = 'agent' AND is_held(t, c, moment) THEN
            RETURN jsonb_build_object('state', 'held', 'reason', 'newer message',
                                      'until', to_millis(moment + interval '5 seconds'));
        END IF;
    END IF;

    open_until := earlier_open_until(r, moment);
    IF open_until IS NOT NULL THEN
        -- it still waits, so it still goes before what follows it
        UPDATE replies AS x SET asked_at = moment WHERE x.tenant_id = tenant AND x.id = r.id;
        RETURN jsonb_build_object('state', 'wait', 'reason', 'earlier bubble', 'until', to_millis(open_until));
    ELSIF r.due_at > moment THEN
        RETURN jsonb_build_object('state', 'wait', 'reason', 'pause', 'until', to_millis(r.due_at));
    ELSIF c.next_send_at > moment THEN
        RETURN jsonb_build_object('state', 'wait', 'reason', 'spacing', 'until', to_millis(c.next_send_at));
    END IF;

    INSERT INTO deliveries (tenant_id, reply_id, attempt, account_id, status, claimed_by, at)
    VALUES (tenant, r.id, attempt, c.account_id, 'intent', req ->> 'token', moment);
    UPDATE replies AS x SET status = 'pending', reason = '', due_at = NULL
    WHERE x.tenant_id = tenant AND x.id = r.id;
    UPDATE conversations AS x
    SET next_send_at = moment + (traits ->> 'spacing_ms')::bigint * interval '1 millisecond'
    WHERE x.tenant_id = tenant AND x.id = c.id;
    RETURN permit_of(r, c, attempt);
END $$;

CREATE FUNCTION permit_of(r replies, c conversations, attempt integer) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'state', 'send', 'attempt', attempt, 'channel', c.channel, 'account', a.external_id,
        'to', jsonb_build_object('kind', c.address_kind, 'value', c.address_value), 'text', r.text)
    FROM accounts AS a WHERE a.tenant_id = c.tenant_id AND a.id = c.account_id
$$;

-- The bubble is not sent any more; what may have been sent already stays unknown.
CREATE FUNCTION give_up_reply(r replies, why text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF r.status = 'pending' THEN
        PERFORM close_reply(r.id, 'dropped', why);
    END IF;
    RETURN jsonb_build_object('state', 'closed', 'reason', CASE r.status WHEN 'pending' THEN why ELSE 'unknown' END);
END $$;

-- The customer has the bubble: it takes its place in the conversation, once. The caller holds the conversation's lock.
CREATE FUNCTION confirm_reply(r replies, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c conversations;
    placed integer;
BEGIN
    PERFORM close_reply(r.id, 'sent', '');
    SELECT * INTO STRICT c FROM conversations AS x WHERE x.tenant_id = r.tenant_id AND x.id = r.conversation_id;
    INSERT INTO messages (tenant_id, id, conversation_id, account_id, seq, direction, author, kind, text, event_id,
                          at, appended_at, turn_id, reply_id)
    VALUES (r.tenant_id, hash_uuid('message', r.tenant_id::text, c.account_id::text, 'reply:' || r.id), c.id,
            c.account_id, c.last_seq + 1, 'out', r.author, 'message', r.text, 'reply:' || r.id, moment, moment,
            r.turn_id, r.id)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS placed = ROW_COUNT;
    UPDATE conversations AS x SET last_seq = c.last_seq + placed, updated_at = moment
    WHERE x.tenant_id = c.tenant_id AND x.id = c.id;
END $$;

-- Locks the reply's conversation, then reads both.
CREATE FUNCTION lock_reply(reply uuid, OUT r replies, OUT c conversations) LANGUAGE plpgsql AS $$
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant()
      AND x.id = (SELECT y.conversation_id FROM replies AS y WHERE y.tenant_id = app_tenant() AND y.id = reply)
    FOR NO KEY UPDATE;
    SELECT * INTO r FROM replies AS x WHERE x.tenant_id = app_tenant() AND x.id = reply;
END $$;

CREATE FUNCTION op_finish_reply(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    due timestamptz := from_millis((req ->> 'due')::bigint);
    ended text := req ->> 'state';
    locked record;
    r replies;
    c conversations;
    d deliveries;
BEGIN
    SELECT * INTO locked FROM lock_reply((req ->> 'reply')::uuid);
    r := locked.r;
    c := locked.c;
    SELECT * INTO d FROM deliveries AS x
    WHERE x.tenant_id = tenant AND x.reply_id = r.id AND x.attempt = (req ->> 'attempt')::integer;
    -- confirmed or failed is final; a certain answer may still come after `unknown`
    IF NOT FOUND OR d.status NOT IN ('intent', 'unknown') OR ended = 'unknown' AND d.status = 'unknown' THEN
        IF FOUND AND ended = 'accepted' AND d.provider_id = '' THEN
            UPDATE deliveries AS x SET provider_id = req ->> 'provider_id'
            WHERE x.tenant_id = tenant AND x.reply_id = r.id AND x.attempt = d.attempt;
        END IF;
        IF d.status IS NOT NULL AND ended = 'accepted' THEN
            -- the receipt was quicker than we: the next bubble still keeps its distance from now
            UPDATE conversations AS x SET next_send_at = greatest(x.next_send_at, moment
                + coalesce((req -> 'traits' -> c.channel ->> 'spacing_ms')::bigint, 4000) * interval '1 millisecond')
            WHERE x.tenant_id = tenant AND x.id = c.id;
        END IF;
        RETURN 'null';
    END IF;
    UPDATE deliveries AS x
    SET status = CASE ended WHEN 'accepted' THEN 'confirmed' WHEN 'refused' THEN 'failed' ELSE 'unknown' END,
        provider_id = req ->> 'provider_id', code = req ->> 'code', text = req ->> 'text', at = moment,
        due_at = CASE ended WHEN 'unknown' THEN moment + interval '60 seconds' WHEN 'refused' THEN due END
    WHERE x.tenant_id = tenant AND x.reply_id = r.id AND x.attempt = d.attempt;
    IF ended = 'accepted' THEN
        PERFORM confirm_reply(r, moment);
    ELSIF r.status = 'sent' OR EXISTS (SELECT FROM deliveries AS x WHERE x.tenant_id = tenant
                                       AND x.reply_id = r.id AND x.attempt > d.attempt) THEN
        RETURN 'null';  -- a later attempt decides
    ELSIF ended = 'unknown' THEN
        PERFORM close_reply(r.id, 'unknown', 'unknown');
    ELSIF d.status = 'unknown' OR due IS NULL THEN
        PERFORM close_reply(r.id, 'failed', req ->> 'code');
    ELSE
        UPDATE replies AS x SET due_at = due WHERE x.tenant_id = tenant AND x.id = r.id;
    END IF;
    -- what was certainly not sent needs no distance to the next one
    UPDATE conversations AS x
    SET next_send_at = CASE ended WHEN 'refused' THEN moment
        ELSE moment + coalesce((req -> 'traits' -> c.channel ->> 'spacing_ms')::bigint, 4000)
                      * interval '1 millisecond' END
    WHERE x.tenant_id = tenant AND x.id = c.id;
    RETURN 'null';
END $$;

-- {"state": "moved" with "conversation", "stale" or "not_ours"}. Receipts come late, twice and out of order: sent < delivered < read, and `failed`
-- only before the customer's device had it.
CREATE FUNCTION op_settle(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    ranks text[] := ARRAY['sent', 'delivered', 'read'];
    told text := req ->> 'status';
    locked record;
    d deliveries;
    r replies;
BEGIN
    d := delivery_of(req);
    IF d.reply_id IS NULL THEN
        RETURN '{"state": "not_ours"}';
    END IF;
    SELECT * INTO locked FROM lock_reply(d.reply_id);
    r := locked.r;
    SELECT * INTO STRICT d FROM deliveries AS x
    WHERE x.tenant_id = tenant AND x.reply_id = d.reply_id AND x.attempt = d.attempt;
    IF d.receipt = 'failed'
       OR told = 'failed' AND d.receipt IN ('delivered', 'read')
       OR array_position(ranks, told) <= coalesce(array_position(ranks, d.receipt), 0) THEN
        RETURN '{"state": "stale"}';
    END IF;
    UPDATE deliveries AS x
    SET receipt = told, receipt_at = coalesce(from_millis((req ->> 'at')::bigint), moment),
        provider_id = CASE x.provider_id WHEN '' THEN req ->> 'provider_id' ELSE x.provider_id END,
        status = CASE WHEN told = 'failed' THEN 'failed' ELSE 'confirmed' END,
        code = CASE told WHEN 'failed' THEN req ->> 'code' ELSE x.code END,
        text = CASE told WHEN 'failed' THEN req ->> 'text' ELSE x.text END
    WHERE x.tenant_id = tenant AND x.reply_id = d.reply_id AND x.attempt = d.attempt;
    IF told <> 'failed' THEN
        IF r.status <> 'sent' THEN
            PERFORM confirm_reply(r, moment);
        END IF;
    ELSIF NOT EXISTS (SELECT FROM deliveries AS x WHERE x.tenant_id = tenant AND x.reply_id = r.id
                                                    AND x.attempt <> d.attempt
                                                    AND x.status IN ('confirmed', 'intent')) THEN
        PERFORM close_reply(r.id, 'failed', req ->> 'code');
    END IF;
    RETURN jsonb_build_object('state', 'moved', 'conversation', r.conversation_id);
END $$;

-- By our reply id (the attempt that the provider's id names, else the newest), else by the provider's id.
CREATE FUNCTION delivery_of(req jsonb) RETURNS deliveries LANGUAGE sql STABLE AS $$
    SELECT found.* FROM (
        (SELECT d.* FROM deliveries AS d
         WHERE d.tenant_id = app_tenant() AND d.reply_id = nullif(req ->> 'reply', '')::uuid
           AND d.account_id = (req ->> 'account')::uuid
         ORDER BY d.provider_id = req ->> 'provider_id' DESC, d.attempt DESC LIMIT 1)
        UNION ALL
        (SELECT d.* FROM deliveries AS d
         WHERE d.tenant_id = app_tenant() AND d.account_id = (req ->> 'account')::uuid
           AND d.provider_id = req ->> 'provider_id' AND d.provider_id <> ''
         ORDER BY d.at DESC LIMIT 1)
    ) AS found LIMIT 1
$$;

GRANT EXECUTE ON FUNCTION is_held, earlier_open_until, close_reply, op_claim_reply, permit_of, give_up_reply,
    confirm_reply, lock_reply, op_finish_reply, op_settle, delivery_of TO relevo_app;
