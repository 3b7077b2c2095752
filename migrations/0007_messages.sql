-- Resolve: accounts, contacts, conversations, and the place of each message.

CREATE FUNCTION op_find_account(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    named record;
    agent agents;
BEGIN
    SELECT * INTO named FROM resolve_account(req ->> 'channel', req ->> 'external_id', (req ->> 'scope')::bigint);
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    -- the rest is read as that tenant, under its policies
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    SELECT * INTO STRICT agent FROM agents AS a WHERE a.tenant_id = named.tenant_id AND a.id = named.agent_id;
    RETURN jsonb_build_object(
        'tenant', named.tenant_id, 'id', named.id, 'channel', named.channel, 'external_id', named.external_id,
        'endpoint', named.endpoint_id, 'quiet_ms', agent.quiet_ms, 'max_wait_ms', agent.max_wait_ms,
        'max_messages', agent.max_messages);
END $$;

-- The contact that has one of the aliases [{"kind", "value"}, …], the oldest where several have; `missing` says whether
-- some are nobody's yet. One look-up each: there are one or two.
CREATE FUNCTION contact_by_alias(wanted jsonb, OUT contact uuid, OUT missing boolean) LANGUAGE plpgsql STABLE AS $$
DECLARE
    alias jsonb;
    known uuid;
    candidates uuid[] := '{}';
BEGIN
    missing := false;
    FOR alias IN SELECT jsonb_array_elements(wanted) LOOP
        SELECT a.contact_id INTO known FROM aliases AS a
        WHERE a.tenant_id = app_tenant() AND a.kind = alias ->> 'kind' AND a.value = alias ->> 'value';
        IF known IS NULL THEN
            missing := true;
        ELSIF known <> ALL (candidates) THEN
            candidates := candidates || known;
        END IF;
    END LOOP;
    contact := candidates[1];
    IF cardinality(candidates) > 1 THEN
        SELECT c.id INTO contact FROM contacts AS c
        WHERE c.tenant_id = app_tenant() AND c.id = ANY (candidates) ORDER BY c.created_at, c.id LIMIT 1;
    END IF;
END $$;

-- The contact of a request, made where none has any of its aliases; aliases that are missing are added.
CREATE FUNCTION ensure_contact(req jsonb) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    known record;
    contact uuid;
BEGIN
    SELECT * INTO known FROM contact_by_alias(req -> 'aliases');
    IF NOT known.missing THEN
        RETURN known.contact;
    END IF;
    -- Somebody new: whoever meets the same alias at the same time waits here, then finds the contact. Otherwise two
    -- messages of one person could make two.
    PERFORM pg_advisory_xact_lock(lock.key)
    FROM (SELECT DISTINCT hashtextextended(format('%s/%s/%s', tenant, w ->> 'kind', w ->> 'value'), 0) AS key
          FROM jsonb_array_elements(req -> 'aliases') AS w ORDER BY 1) AS lock;
    SELECT * INTO known FROM contact_by_alias(req -> 'aliases');
    contact := known.contact;
    IF contact IS NULL THEN
        contact := (req ->> 'contact')::uuid;
        INSERT INTO contacts (tenant_id, id, name) VALUES (tenant, contact, req ->> 'name') ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO aliases (tenant_id, kind, value, contact_id)
    SELECT DISTINCT tenant, w ->> 'kind', w ->> 'value', contact FROM jsonb_array_elements(req -> 'aliases') AS w
    ON CONFLICT DO NOTHING;
    RETURN contact;
END $$;

-- The conversation of the contact with the account, locked. Its address becomes the request's first alias.
CREATE FUNCTION ensure_conversation(req jsonb) RETURNS conversations LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    contact uuid := ensure_contact(req);
    account uuid := (req ->> 'account')::uuid;
    conversation conversations;
BEGIN
    SELECT * INTO conversation FROM conversations AS c
    WHERE c.tenant_id = tenant AND c.contact_id = contact AND c.account_id = account FOR NO KEY UPDATE;
    IF FOUND THEN
        RETURN conversation;
    END IF;
    INSERT INTO conversations (tenant_id, id, contact_id, account_id, channel, address_kind, address_value)
    VALUES (tenant, hash_uuid('conversation', tenant::text, contact::text, account::text), contact, account,
            req ->> 'channel', req #>> '{aliases,0,kind}', req #>> '{aliases,0,value}')
    ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT conversation FROM conversations AS c
    WHERE c.tenant_id = tenant AND c.contact_id = contact AND c.account_id = account FOR NO KEY UPDATE;
    RETURN conversation;
END $$;

-- What resolve goes on with. A message that no turn claimed and that lies below the watermark was left to a human.
CREATE FUNCTION stored_message(m messages) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('conversation', m.conversation_id, 'message', m.id, 'seq', m.seq,
                              'human', m.turn_id IS NULL AND m.seq <= c.handled_seq)
    FROM conversations AS c WHERE c.tenant_id = m.tenant_id AND c.id = m.conversation_id
$$;

CREATE FUNCTION op_store_message(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    account uuid := (req ->> 'account')::uuid;
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
    UPDATE conversations AS x
    SET last_seq = c.last_seq + 1,
        handled_seq = CASE WHEN c.mode = 'human' THEN c.last_seq + 1 ELSE x.handled_seq END,
        address_kind = req #>> '{aliases,0,kind}', address_value = req #>> '{aliases,0,value}',
        updated_at = from_millis((req ->> 'appended')::bigint)
    WHERE x.tenant_id = tenant AND x.id = c.id;
    RETURN jsonb_build_object('conversation', c.id, 'message', req ->> 'message', 'seq', c.last_seq + 1,
                              'human', c.mode = 'human');
END $$;

-- A human speaks from now on: what the agent had in hand is void. One bubble may be in flight: it has its intent.
CREATE FUNCTION silence_agent(conversation uuid, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE conversations AS c
    SET mode = 'human', epoch = c.epoch + 1, handled_seq = c.last_seq, updated_at = moment
    WHERE c.tenant_id = app_tenant() AND c.id = conversation;
    UPDATE turns AS t SET status = 'dropped', reason = 'human', closed_at = moment
    WHERE t.tenant_id = app_tenant() AND t.conversation_id = conversation AND t.status = 'open';
    UPDATE replies AS r SET status = 'dropped', reason = 'human'
    WHERE r.tenant_id = app_tenant() AND r.conversation_id = conversation AND r.status = 'pending'
      AND r.turn_id IS NOT NULL
      AND NOT EXISTS (SELECT FROM deliveries AS d
                      WHERE d.tenant_id = r.tenant_id AND d.reply_id = r.id AND d.status = 'intent');
END $$;

-- The owner's own message. Ours come back as echoes too: known by the provider's id or, while the answer to our send
-- is still on its way, by an open attempt with the same text.
CREATE FUNCTION op_store_echo(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    account uuid := (req ->> 'account')::uuid;
    c conversations;
    m messages;
BEGIN
    c := ensure_conversation(req);
    SELECT * INTO m FROM messages AS x
    WHERE x.tenant_id = tenant AND x.account_id = account AND x.event_id = req ->> 'event_id';
    IF FOUND THEN
        RETURN stored_message(m);
    END IF;
    IF EXISTS (SELECT FROM deliveries AS d JOIN replies AS r ON r.tenant_id = d.tenant_id AND r.id = d.reply_id
               WHERE d.tenant_id = tenant AND d.account_id = account
                 AND (d.provider_id = req ->> 'event_id'
                      OR r.conversation_id = c.id AND r.status IN ('pending', 'unknown')
                         AND d.status IN ('intent', 'unknown') AND d.provider_id = '' AND r.text = req ->> 'text')) THEN
        RETURN jsonb_build_object('conversation', c.id, 'message', req ->> 'message', 'seq', c.last_seq,
                                  'human', c.mode = 'human');
    END IF;
    INSERT INTO messages (tenant_id, id, conversation_id, account_id, seq, direction, author, kind, type, text,
                          event_id, in_reply_to, at, appended_at, metadata, trace)
    VALUES (tenant, (req ->> 'message')::uuid, c.id, account, c.last_seq + 1, 'out', 'human', 'echo', req ->> 'type',
            req ->> 'text', req ->> 'event_id', req ->> 'in_reply_to', from_millis((req ->> 'at')::bigint),
            from_millis((req ->> 'appended')::bigint), req -> 'metadata', req ->> 'trace');
    UPDATE conversations AS x SET last_seq = c.last_seq + 1 WHERE x.tenant_id = tenant AND x.id = c.id;
    PERFORM silence_agent(c.id, from_millis((req ->> 'appended')::bigint));
    RETURN jsonb_build_object('conversation', c.id, 'message', req ->> 'message', 'seq', c.last_seq + 1,
                              'human', true);
END $$;

CREATE FUNCTION op_rename_contact(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    contact uuid := (contact_by_alias(jsonb_build_array(req -> 'from'))).contact;
BEGIN
    IF contact IS NULL THEN
        RETURN 'null';
    END IF;
    INSERT INTO aliases (tenant_id, kind, value, contact_id)
    VALUES (tenant, req #>> '{to,kind}', req #>> '{to,value}', contact) ON CONFLICT DO NOTHING;
    UPDATE conversations AS c SET address_kind = req #>> '{to,kind}', address_value = req #>> '{to,value}'
    WHERE c.tenant_id = tenant AND c.contact_id = contact AND c.account_id = (req ->> 'account')::uuid
      AND c.address_kind = req #>> '{from,kind}' AND c.address_value = req #>> '{from,value}';
    RETURN 'null';
END $$;

CREATE FUNCTION op_archive(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO archive (tenant_id, account_id, event_id, type, raw, appended_at)
    VALUES (app_tenant(), (req ->> 'account')::uuid, req ->> 'event_id', req ->> 'type', req ->> 'raw',
            from_millis((req ->> 'appended')::bigint))
    ON CONFLICT DO NOTHING;
    RETURN 'null';
END $$;

GRANT EXECUTE ON FUNCTION op_find_account, contact_by_alias, ensure_contact, ensure_conversation, stored_message,
    op_store_message, silence_agent, op_store_echo, op_rename_contact, op_archive TO relevo_app;
