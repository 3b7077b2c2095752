-- Messages that can no longer be answered end in a turn that is dropped: they are accounted for, and hold nothing.

CREATE FUNCTION op_drop_turn(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_turn((req ->> 'turn')::uuid);
    UPDATE turns AS t
    SET status = 'dropped', reason = req ->> 'reason', closed_at = from_millis((req ->> 'now')::bigint)
    WHERE t.tenant_id = app_tenant() AND t.id = (req ->> 'turn')::uuid AND t.status = 'open';
    RETURN 'null';
END $$;

-- The messages of the conversation that wait for a turn, up to one of them.
CREATE FUNCTION waiting_messages(c conversations, newest bigint) RETURNS SETOF messages LANGUAGE sql STABLE AS $$
    SELECT m.* FROM messages AS m
    WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.id AND m.turn_id IS NULL AND m.direction = 'in'
      AND m.kind = 'message' AND m.seq > c.handled_seq AND m.seq <= newest
$$;

-- A record may stand for older messages too (a burst that was parked comes back with one), never for newer ones.
CREATE FUNCTION op_expire_messages(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    wanted uuid[] := ARRAY(SELECT jsonb_array_elements_text(req -> 'messages')::uuid);
    c conversations;
    newest bigint;
    first messages;
    made uuid;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = tenant AND x.id = (req ->> 'conversation')::uuid FOR NO KEY UPDATE;
    SELECT max(m.seq) INTO newest FROM messages AS m
    WHERE m.tenant_id = tenant AND m.id = ANY (wanted) AND m.conversation_id = c.id;

    -- made of them before, and perhaps never told to anyone
    UPDATE turns AS t SET status = 'dropped', reason = 'expired', closed_at = moment
    WHERE t.tenant_id = tenant AND t.conversation_id = c.id AND t.status = 'open' AND t.last_seq <= newest
      AND EXISTS (SELECT FROM messages AS m
                  WHERE m.tenant_id = tenant AND m.id = ANY (wanted) AND m.turn_id = t.id);

    SELECT * INTO first FROM waiting_messages(c, newest) AS m ORDER BY m.seq LIMIT 1;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    INSERT INTO turns (tenant_id, id, conversation_id, first_message_id, first_seq, last_seq, first_at, status, epoch,
                       reason, created_at, closed_at)
    VALUES (tenant, hash_uuid('turn', c.id::text, first.id::text), c.id, first.id, first.seq,
            (SELECT max(m.seq) FROM waiting_messages(c, newest) AS m), first.appended_at, 'dropped', c.epoch,
            'expired', moment, moment)
    RETURNING id INTO made;
    UPDATE messages AS m SET turn_id = made
    WHERE m.tenant_id = tenant AND m.id IN (SELECT w.id FROM waiting_messages(c, newest) AS w);
    RETURN 'null';
END $$;

GRANT EXECUTE ON FUNCTION op_drop_turn, waiting_messages, op_expire_messages TO relevo_app;
