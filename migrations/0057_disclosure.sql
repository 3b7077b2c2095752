-- What an agent discloses of itself begins its first answer in a conversation: decided where the answer is committed,
-- under the conversation's lock.

-- The turn whose answer was the first. None where nobody answered yet, or did before there was this column: which of the two
-- the replies tell, so that no row has to be rewritten.
ALTER TABLE conversations ADD COLUMN first_answer uuid;

-- Whether the answer whose bubbles stand at this place is the first one. It is, too, where the first bubble of the one
-- before, which discloses, reached nobody and never will: it was superseded, taken over, expired or refused. One that was
-- forgotten did. And where that bubble still waits and stands behind this place: bubbles go out by their places, so this
-- answer may be read before it. Whether that one is being sent just now does not matter: it may yet be refused, and to
-- disclose twice is better than too late.
CREATE FUNCTION is_first_answer(c conversations, place bigint) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN c.first_answer IS NULL THEN
        NOT EXISTS (SELECT FROM replies AS r
                    WHERE r.tenant_id = c.tenant_id AND r.conversation_id = c.id AND r.turn_id IS NOT NULL
                      AND r.status IN ('pending', 'sent', 'unknown'))
    ELSE
        EXISTS (SELECT FROM replies AS r
                WHERE r.tenant_id = c.tenant_id AND r.turn_id = c.first_answer AND r.index = 0
                  AND (r.status IN ('dropped', 'failed') OR r.status = 'pending' AND r.order_seq > place))
    END
$$;

-- A sentence of the shop's own with what its agent discloses before it, unless the shop wrote it there: "Soy Anabel" does
-- not begin with "Soy Ana". What a model wrote comes in both ways: see src/domain/disclosure.hpp.
CREATE FUNCTION disclosed(sentence text, disclosure text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN length(d.said) = 0
                  OR starts_with(lower(sentence), lower(d.said))
                     AND substr(lower(sentence), length(lower(d.said)), 2) !~ '[[:alnum:]]{2}' THEN sentence
                ELSE d.said || E'\n\n' || sentence END
    FROM (SELECT coalesce(btrim(disclosure, E' \t\r\n'), '') AS said) AS d
$$;

-- As in 0043, and "is_first_answer": as it looks now. The draft is shown by it; the commit decides.
CREATE OR REPLACE FUNCTION op_load_inference(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    told jsonb := load_inference(req);
BEGIN
    RETURN CASE told ->> 'state'
           WHEN 'live' THEN
               told || frozen_context((req ->> 'turn')::uuid) || jsonb_build_object('is_first_answer', (
                   SELECT is_first_answer(c, t.last_seq) FROM turns AS t
                   JOIN conversations AS c ON c.tenant_id = t.tenant_id AND c.id = t.conversation_id
                   WHERE t.tenant_id = app_tenant() AND t.id = (req ->> 'turn')::uuid))
           ELSE told END;
END $$;

-- As in 0008; {"disclosing": the bubbles of a conversation's first answer, where they are others}.
CREATE OR REPLACE FUNCTION commit_answer(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    number integer := (req ->> 'step')::integer;
    locked record;
    t turns;
    c conversations;
    is_first boolean;
    said jsonb := req -> 'bubbles';
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
    is_first := is_first_answer(c, t.last_seq);
    IF is_first THEN
        -- without it the model's text begins so, or the agent discloses nothing
        said := coalesce(req -> 'disclosing', said);
    END IF;
    INSERT INTO answers (tenant_id, turn_id, step, bubbles, created_at)
    VALUES (tenant, t.id, number, jsonb_array_length(said), moment);
    INSERT INTO replies (tenant_id, id, conversation_id, turn_id, index, author, text, epoch, order_seq,
                         order_index, created_at)
    SELECT tenant, (b.bubble ->> 'id')::uuid, c.id, t.id, b.nth - 1, 'agent', b.bubble ->> 'text', t.epoch,
           t.last_seq, b.nth - 1, moment
    FROM jsonb_array_elements(said) WITH ORDINALITY AS b(bubble, nth);
    UPDATE turns AS x SET status = 'answered', closed_at = moment WHERE x.tenant_id = tenant AND x.id = t.id;
    IF is_first AND jsonb_array_length(said) > 0 THEN
        UPDATE conversations AS x SET first_answer = t.id WHERE x.tenant_id = tenant AND x.id = c.id;
    END IF;
    RETURN jsonb_build_object('replies', reply_ids(t.id));
END $$;

-- As in 0043; the sentence discloses too where it is the first answer.
CREATE OR REPLACE FUNCTION op_fail_turn(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    closed boolean := req ->> 'code' = 'agent.closed';
    locked record;
    t turns;
    c conversations;
    persona jsonb;
    how text;
    sentence text;
    speaks bigint;  -- the epoch in which the sentence is said
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
    UPDATE turns AS x SET status = 'failed', reason = req ->> 'code', closed_at = moment
    WHERE x.tenant_id = tenant AND x.id = t.id;
    persona := agent_of(t, c);
    how := persona ->> CASE WHEN closed THEN 'on_closed' ELSE 'on_failure' END;
    IF how = 'handoff' THEN
        PERFORM silence_agent(c.id, moment);
    END IF;
    SELECT x.epoch INTO STRICT speaks FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = c.id;
    sentence := coalesce(CASE WHEN closed THEN nullif(persona ->> 'closed_text', '') END,
                         (SELECT x.fallback_text FROM tenants AS x WHERE x.id = tenant));
    -- after silence_agent, which may have dropped the bubble that disclosed
    IF is_first_answer(c, t.last_seq) THEN
        sentence := disclosed(sentence, persona ->> 'disclosure');
        UPDATE conversations AS x SET first_answer = t.id WHERE x.tenant_id = tenant AND x.id = c.id;
    END IF;
    INSERT INTO replies (tenant_id, id, conversation_id, turn_id, index, author, text, epoch, order_seq,
                         order_index, created_at)
    VALUES (tenant, (req ->> 'fallback')::uuid, c.id, t.id, 0, 'system',
            sentence, speaks, t.last_seq, 0, moment);
    RETURN jsonb_build_object('replies', reply_ids(t.id));
END $$;

-- As in 0047; a first answer that reached nobody is forgotten as if nobody had made it, and where only the replies told
-- that there was one, it is noted.
CREATE OR REPLACE FUNCTION forget_in(conversation uuid, cutoff timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    c conversations;
    old_turns uuid[];
    old_replies uuid[];
    old_messages uuid[];
BEGIN
    SELECT * INTO c FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = conversation FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    old_turns := ARRAY(SELECT t.id FROM turns AS t
                       WHERE t.tenant_id = tenant AND t.conversation_id = c.id
                         AND greatest(t.created_at, t.closed_at) < cutoff
                       ORDER BY t.last_seq LIMIT 50);
    old_replies := ARRAY(SELECT r.id FROM replies AS r WHERE r.tenant_id = tenant AND r.turn_id = ANY (old_turns)
                         UNION ALL
                         (SELECT r.id FROM replies AS r
                          WHERE r.tenant_id = tenant AND r.conversation_id = c.id AND r.turn_id IS NULL
                            AND r.created_at < cutoff
                          ORDER BY r.order_seq, r.order_index LIMIT 200));
    old_messages := ARRAY(SELECT m.id FROM messages AS m WHERE m.tenant_id = tenant AND m.turn_id = ANY (old_turns)
                          UNION ALL
                          (SELECT m.id FROM messages AS m
                           WHERE m.tenant_id = tenant AND m.conversation_id = c.id AND m.turn_id IS NULL
                             AND m.appended_at < cutoff
                           ORDER BY m.seq LIMIT 200));
    PERFORM count_ends(old_messages, 'forgotten');
    -- without the bubbles nobody could tell whether one reached anybody
    UPDATE conversations AS x
    SET first_answer = CASE WHEN is_first_answer(c, c.last_seq) THEN NULL
                            ELSE coalesce(c.first_answer, old_turns[1]) END
    WHERE x.tenant_id = tenant AND x.id = c.id AND cardinality(old_turns) > 0
      AND (c.first_answer IS NULL OR c.first_answer = ANY (old_turns));
    DELETE FROM deliveries AS d WHERE d.tenant_id = tenant AND d.reply_id = ANY (old_replies);
    DELETE FROM replies AS r WHERE r.tenant_id = tenant AND r.id = ANY (old_replies);
    DELETE FROM answers AS a WHERE a.tenant_id = tenant AND a.turn_id = ANY (old_turns);
    DELETE FROM tool_calls AS k WHERE k.tenant_id = tenant AND k.turn_id = ANY (old_turns);
    DELETE FROM steps AS s WHERE s.tenant_id = tenant AND s.turn_id = ANY (old_turns);
    DELETE FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (old_messages);
    DELETE FROM turns AS t WHERE t.tenant_id = tenant AND t.id = ANY (old_turns);
    IF c.updated_at < cutoff AND c.created_at < cutoff
       AND NOT EXISTS (SELECT FROM messages AS m WHERE m.tenant_id = tenant AND m.conversation_id = c.id)
       AND NOT EXISTS (SELECT FROM turns AS t WHERE t.tenant_id = tenant AND t.conversation_id = c.id)
       AND NOT EXISTS (SELECT FROM replies AS r WHERE r.tenant_id = tenant AND r.conversation_id = c.id) THEN
        PERFORM FROM contacts AS k WHERE k.tenant_id = tenant AND k.id = c.contact_id FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN cardinality(old_messages);
        END IF;
        -- as an erasure does: whose names are gone could not be found by one later
        UPDATE model_calls AS x SET conversation_id = gen_random_uuid(), turn_id = gen_random_uuid()
        WHERE x.tenant_id = tenant AND x.conversation_id = c.id;
        DELETE FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = c.id;
        IF NOT EXISTS (SELECT FROM conversations AS x WHERE x.tenant_id = tenant AND x.contact_id = c.contact_id)
           AND NOT EXISTS (SELECT FROM contacts AS k WHERE k.tenant_id = tenant AND k.id = c.contact_id
                           AND k.log_name IS NOT NULL AND k.deleted_at IS NULL)
           AND NOT EXISTS (SELECT FROM opportunities AS o WHERE o.tenant_id = tenant AND o.contact_id = c.contact_id) THEN
            DELETE FROM aliases AS a WHERE a.tenant_id = tenant AND a.contact_id = c.contact_id;
            DELETE FROM contacts AS k WHERE k.tenant_id = tenant AND k.id = c.contact_id;
        END IF;
    END IF;
    RETURN cardinality(old_messages);
END $$;

GRANT EXECUTE ON FUNCTION is_first_answer, disclosed TO relevo_app;
