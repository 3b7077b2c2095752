-- While a provider is away, or has taken all that it takes for now, bubbles rest as rows: no intent, no attempt.

-- When to ask again whether what goes before this bubble is closed; null where nothing is open. An unknown one counts as
-- closed after its minute or once its receipt came, which wakes nobody: ask soon. One that rests asks when it says, and who
-- waits for it a moment later: woken together after a long outage they go in their order. One whose nudge must have been
-- lost (10 minutes past its time) stops nobody.
CREATE OR REPLACE FUNCTION earlier_open_until(r replies, moment timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT max(CASE e.status WHEN 'unknown' THEN least(d.due_at, moment + interval '5 seconds')
                             ELSE greatest(moment + interval '1 second', greatest(e.due_at, e.asked_at) + interval '1 millisecond')
               END)
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

-- `traits` is {channel: {"spacing_ms", "resend", "limited"}}; a bubble of a limited channel is only sent once it is
-- `admitted` (a process of the version before is not asked). `token` names the asking process and `granted` says whether it
-- was ever given the permit for this bubble: an intent of its own that it never got is not a send that was begun.
CREATE OR REPLACE FUNCTION op_claim_reply(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
        -- what is said when a human is called is said in the human's epoch
        IF c.mode = 'human' AND r.author = 'agent' OR c.epoch <> r.epoch THEN
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
        -- it still waits, so it still goes before what follows it: it will ask again then
        UPDATE replies AS x SET asked_at = open_until WHERE x.tenant_id = tenant AND x.id = r.id;
        RETURN jsonb_build_object('state', 'wait', 'reason', 'earlier bubble', 'until', to_millis(open_until));
    ELSIF r.due_at > moment THEN
        RETURN jsonb_build_object('state', 'wait', 'reason', 'pause', 'until', to_millis(r.due_at));
    ELSIF c.next_send_at > moment THEN
        RETURN jsonb_build_object('state', 'wait', 'reason', 'spacing', 'until', to_millis(c.next_send_at));
    ELSIF (traits ->> 'limited')::boolean AND NOT coalesce((req ->> 'admitted')::boolean, true) THEN
        RETURN jsonb_build_object('state', 'ready', 'channel', c.channel, 'account', (
            SELECT a.external_id FROM accounts AS a WHERE a.tenant_id = tenant AND a.id = c.account_id));
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

-- Not before `due`. What is in flight or over is left alone.
CREATE FUNCTION op_postpone_reply(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_reply((req ->> 'reply')::uuid);
    UPDATE replies AS r SET due_at = from_millis((req ->> 'due')::bigint)
    WHERE r.tenant_id = app_tenant() AND r.id = (req ->> 'reply')::uuid AND r.status = 'pending'
      AND NOT EXISTS (SELECT FROM deliveries AS d
                      WHERE d.tenant_id = r.tenant_id AND d.reply_id = r.id AND d.status = 'intent');
    RETURN 'null';
END $$;

GRANT EXECUTE ON FUNCTION op_postpone_reply TO relevo_app;
