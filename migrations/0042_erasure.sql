-- A person is erased, or gets to see what is kept; a shop's conversations are forgotten after as many days as it wants.
--
-- What is left of an erasure names nobody: marks are HMACs of names and of providers' ids under a key of the tenant's, which
-- the vault seals, so that a copy of the database tells nothing of whom they are. What was written before an erasure and comes
-- again (a provider's retry, a replay, a worker that is late) has such a mark, and is dropped.

-- Where people's data are, in the order in which rows go: what refers to others goes first. Every table with a tenant's rows
-- and room for words is here: with the condition for a row x of a person, or with why it has none.
CREATE TABLE personal_tables (
    name name PRIMARY KEY,
    place integer UNIQUE,
    -- $1 tenant, $2 contact, $3 its conversations, $4 the keys of its records
    whose text CHECK ((whose IS NULL) = (place IS NULL)),
    tenantless boolean NOT NULL DEFAULT false,  -- has rows of which nobody knew yet whose they are
    instead text,                               -- rows stay, with this of them replaced: numbers that others are summed up from
    why text NOT NULL DEFAULT '' CHECK (whose IS NOT NULL OR why <> '')
);
INSERT INTO personal_tables (name, place, whose) VALUES
    ('deliveries', 1, 'x.reply_id IN (SELECT r.id FROM replies AS r WHERE r.tenant_id = $1 AND r.conversation_id = ANY ($3))'),
    ('replies', 2, 'x.conversation_id = ANY ($3)'),
    ('answers', 3, 'x.turn_id IN (SELECT t.id FROM turns AS t WHERE t.tenant_id = $1 AND t.conversation_id = ANY ($3))'),
    ('tool_calls', 4, 'x.turn_id IN (SELECT t.id FROM turns AS t WHERE t.tenant_id = $1 AND t.conversation_id = ANY ($3))'),
    ('steps', 5, 'x.turn_id IN (SELECT t.id FROM turns AS t WHERE t.tenant_id = $1 AND t.conversation_id = ANY ($3))'),
    ('messages', 6, 'x.conversation_id = ANY ($3)'),
    ('turns', 7, 'x.conversation_id = ANY ($3)'),
    ('conversations', 10, 'x.contact_id = $2'),
    ('aliases', 11, 'x.contact_id = $2'),
    ('contacts', 12, 'x.id = $2');
INSERT INTO personal_tables (name, place, whose, tenantless) VALUES
    ('timers', 8, 'md5(x.key) = ANY (ARRAY(SELECT md5(k) FROM unnest($4) AS k))', true),
    ('dead_letters', 9, 'md5(x.record_key) = ANY (ARRAY(SELECT md5(convert_to(k, ''UTF8'')) FROM unnest($4) AS k))', true);
INSERT INTO personal_tables (name, why) VALUES
    ('archive', 'names nobody: op_find_archived looks for names in what it holds'),
    ('tenants', 'the shop itself'), ('agents', 'the shop''s'), ('agent_versions', 'the shop''s'),
    ('endpoints', 'the shop''s addresses'), ('former_endpoints', 'the shop''s addresses'),
    ('accounts', 'the shop''s numbers, bots and pages'),
    ('credentials', 'the shop''s, sealed'), ('tenant_keys', 'wrapped'), ('catalogue_entries', 'the shop''s products'),
    ('sources', 'what the shop knows'), ('chunks', 'what the shop knows'), ('pauses', 'an operator''s'),
    ('erasures', 'numbers and times'), ('erased_aliases', 'marks'), ('erased_events', 'marks'), ('erased_messages', 'numbers');
-- Ids of conversations and turns are computed from names: who knows a name can tell whose a row is that has one.
INSERT INTO personal_tables (name, place, whose, instead)
VALUES ('model_calls', 13, 'x.conversation_id = ANY ($3)',
        -- an open one is found by it when it ends, and gets another then
        'conversation_id = gen_random_uuid(), turn_id = CASE x.status WHEN ''open'' THEN x.turn_id ELSE gen_random_uuid() END');
INSERT INTO personal_tables (name, why)
SELECT t.name, t.why
FROM (VALUES ('users', 'the shop''s people'), ('user_identities', 'the shop''s people'), ('user_passwords', 'the shop''s people'),
             ('user_tickets', 'the shop''s people'), ('user_roles', 'the shop''s people'), ('sessions', 'the shop''s people'),
             ('sign_in_attempts', 'the shop''s people'), ('roles', 'the shop''s'), ('api_keys', 'the shop''s'),
             ('audit_log', 'what the shop''s people changed'), ('api_requests', 'what the shop''s people changed, for a day'),
             ('budgets', 'numbers'), ('budget_events', 'numbers')) AS t(name, why)
WHERE to_regclass(t.name) IS NOT NULL;
GRANT SELECT ON personal_tables TO relevo_app, relevo_operator_text;

-- One row an erasure. Without done_at it goes on, or was cut off: it is finished by whoever starts next.
CREATE TABLE erasures (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    erased_at timestamptz NOT NULL,  -- what was written up to then does not come back
    erased_by text NOT NULL,
    done_at timestamptz,
    counts jsonb NOT NULL DEFAULT '{}',  -- rows by table
    PRIMARY KEY (tenant_id, id)
);
SELECT protect_tenant_rows('erasures');

CREATE TABLE erased_aliases (
    tenant_id bigint NOT NULL,
    mark text NOT NULL,
    erasure_id uuid NOT NULL,
    erased_at timestamptz NOT NULL,
    PRIMARY KEY (mark, tenant_id),
    FOREIGN KEY (tenant_id, erasure_id) REFERENCES erasures
);
SELECT protect_tenant_rows('erased_aliases');

-- Events that no time is known of, or whose time lies: for as long as anybody may bring them again (op_forget_rest).
CREATE TABLE erased_events (
    tenant_id bigint NOT NULL REFERENCES tenants,
    mark text NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (mark, tenant_id)
);
CREATE INDEX erased_events_noted ON erased_events (noted_at);
SELECT protect_tenant_rows('erased_events');

-- How inbound messages had ended that are here no more, so that the books still balance.
CREATE TABLE erased_messages (
    tenant_id bigint NOT NULL REFERENCES tenants,
    hour timestamptz NOT NULL,  -- in which they came in
    ended text NOT NULL,
    reason text NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (tenant_id, hour, ended, reason)
);
SELECT protect_tenant_rows('erased_messages');

-- Of parts that nobody understood, which name people only in what they hold.
CREATE INDEX dead_letters_archived ON dead_letters (id) WHERE about ->> 'kind' = 'archived';
CREATE INDEX timers_archived ON timers (id) WHERE about ->> 'kind' = 'archived';

-- One row: when the next sweep of what is too old may begin, of one process.
CREATE TABLE sweeps (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    next_at timestamptz NOT NULL DEFAULT '-infinity'
);
INSERT INTO sweeps DEFAULT VALUES;

GRANT SELECT, INSERT, UPDATE ON erasures, erased_aliases, erased_messages TO relevo_app;
GRANT SELECT, INSERT, DELETE ON erased_events TO relevo_app;
GRANT SELECT, UPDATE ON sweeps TO relevo_app;
GRANT DELETE ON contacts, aliases, conversations, messages, turns, steps, tool_calls, answers, replies, deliveries, archive,
    dead_letters TO relevo_app;
GRANT EXECUTE ON FUNCTION message_end TO relevo_app;
GRANT SELECT ON erasures, erased_messages TO relevo_operator;
CREATE POLICY operator_reads ON erasures FOR SELECT TO relevo_operator USING (true);
CREATE POLICY operator_reads ON erased_messages FOR SELECT TO relevo_operator USING (true);

-- ---- nothing comes back

-- Most tenants have erased nobody: then this is all that is looked up.
CREATE FUNCTION has_erased() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM erasures AS e WHERE e.tenant_id = app_tenant());
END $$;

-- {"at", "marks": {"event", "aliases"}}, of a tenant that has erased somebody: {"erased"}, {"marks": "wanted"} where they are
-- null, or null: it may be stored. A process of the version before knows of no marks, and waits until it is replaced.
CREATE FUNCTION refuse_erased(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    tenant bigint := app_tenant();
BEGIN
    IF NOT req ? 'marks' THEN
        RAISE lock_not_available USING MESSAGE = 'somebody was erased: a newer version is needed';
    ELSIF req -> 'marks' = 'null' THEN
        RETURN '{"marks": "wanted"}';
    ELSIF EXISTS (SELECT FROM erased_events AS e WHERE e.tenant_id = tenant AND e.mark = req #>> '{marks,event}')
          OR EXISTS (SELECT FROM erased_aliases AS e
                     WHERE e.tenant_id = tenant AND e.erased_at >= from_millis((req ->> 'at')::bigint)
                       AND e.mark = ANY (ARRAY(SELECT jsonb_array_elements_text(req #> '{marks,aliases}')))) THEN
        RETURN '{"erased": true}';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION count_erased(moment timestamptz, its_end text, why text, many bigint) RETURNS void LANGUAGE sql AS $$
    INSERT INTO erased_messages AS b (tenant_id, hour, ended, reason, count)
    SELECT app_tenant(), date_bin('1 hour', moment, 'epoch'), its_end, why, many WHERE many > 0
    ON CONFLICT (tenant_id, hour, ended, reason) DO UPDATE SET count = b.count + excluded.count
$$;

-- What was stored while nobody was erased. An erasure that came in between either waits for our locks and finds the row, or was
-- there first, and then the call is tried again.
CREATE FUNCTION stored_unless_erased(stored jsonb, req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF stored IS NULL OR has_erased() AND refuse_erased(req) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = 'the person was erased meanwhile';
    END IF;
    RETURN stored;
END $$;

ALTER FUNCTION op_store_message RENAME TO store_message;
CREATE FUNCTION op_store_message(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    refused jsonb := CASE WHEN has_erased() THEN refuse_erased(req) END;
BEGIN
    IF refused IS NULL THEN
        RETURN stored_unless_erased(store_message(req), req);
    ELSIF refused ? 'erased' AND NOT EXISTS (SELECT FROM messages AS m  -- of an erasure that goes on
                                             WHERE m.tenant_id = app_tenant() AND m.account_id = (req ->> 'account')::uuid
                                               AND m.event_id = req ->> 'event_id') THEN
        -- one that is in the books already has its mark
        INSERT INTO erased_events (tenant_id, mark) VALUES (app_tenant(), req #>> '{marks,event}') ON CONFLICT DO NOTHING;
        IF FOUND THEN
            PERFORM count_erased(from_millis((req ->> 'appended')::bigint), 'dropped', 'erased', 1);
        END IF;
    END IF;
    RETURN refused;
END $$;

ALTER FUNCTION op_store_echo RENAME TO store_echo;
CREATE FUNCTION op_store_echo(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    refused jsonb := CASE WHEN has_erased() THEN refuse_erased(req) END;
BEGIN
    RETURN coalesce(refused, stored_unless_erased(store_echo(req), req));
END $$;

-- Nobody knows whom it is about: of what is older than some erasure only that it came is kept.
ALTER FUNCTION op_archive RENAME TO archive_part;
CREATE FUNCTION op_archive(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    refused jsonb := CASE WHEN has_erased() THEN refuse_erased(req) END;
BEGIN
    IF refused IS NOT NULL THEN
        RETURN refused;
    END IF;
    RETURN archive_part(CASE WHEN EXISTS (SELECT FROM erasures AS e WHERE e.tenant_id = app_tenant()
                                          AND e.erased_at >= from_millis((req ->> 'appended')::bigint))
                             THEN jsonb_set(req, '{raw}', '""') ELSE req END);
END $$;

-- Somebody new, or somebody who was erased and is new again: an id of another life, so that nothing that is still under way
-- from the last one meets this one's rows.
ALTER FUNCTION ensure_contact RENAME TO ensure_first_contact;
CREATE FUNCTION ensure_contact(req jsonb) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    life timestamptz;
BEGIN
    IF coalesce(req -> 'marks', 'null') = 'null' THEN
        RETURN ensure_first_contact(req);
    END IF;
    SELECT max(e.erased_at) INTO life FROM erased_aliases AS e
    WHERE e.tenant_id = app_tenant()
      AND e.mark = ANY (ARRAY(SELECT jsonb_array_elements_text(req #> '{marks,aliases}')));
    RETURN ensure_first_contact(CASE WHEN life IS NULL THEN req ELSE jsonb_set(
        req, '{contact}', to_jsonb(hash_uuid('contact', req ->> 'contact', to_millis(life)::text))) END);
END $$;

GRANT EXECUTE ON FUNCTION has_erased, refuse_erased, stored_unless_erased, count_erased, op_store_message, op_store_echo,
    op_archive, ensure_contact TO relevo_app;

-- The tenant's key of marks is drawn once, and stays: another one would forget whom the marks are of.
CREATE FUNCTION keep_erasure_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the key of the erasures stays: without it the erased could come back';
END $$;
CREATE TRIGGER keep_erasure_key BEFORE DELETE OR UPDATE OF updated_at ON credentials
    FOR EACH ROW WHEN (OLD.category = 'relevo') EXECUTE FUNCTION keep_erasure_key();

-- As in 0035, but for that key, which stays when a shop leaves: it may be back.
CREATE OR REPLACE FUNCTION op_shop_standing(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'retired', (SELECT t.retired_at IS NOT NULL FROM tenants AS t WHERE t.id = app_tenant()),
        'guests', has_guests(),
        'accounts', (SELECT count(*) FROM accounts AS a WHERE a.tenant_id = app_tenant() AND a.retired_at IS NULL),
        'conversations', open_conversations(),
        'replies', (SELECT count(*) FROM replies AS r WHERE r.tenant_id = app_tenant() AND r.status = 'pending'),
        'credentials', (SELECT count(*) FROM credentials AS c
                        WHERE c.tenant_id = app_tenant() AND c.category <> 'relevo'))
$$;
CREATE OR REPLACE FUNCTION op_retire_shop(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    standing jsonb := op_shop_standing('{}');
    closed timestamptz := (SELECT max(a.retired_at) FROM accounts AS a WHERE a.tenant_id = app_tenant());
BEGIN
    IF (standing ->> 'guests')::boolean THEN
        RETURN standing;
    END IF;
    UPDATE accounts AS a SET retired_at = now() WHERE a.tenant_id = app_tenant() AND a.retired_at IS NULL;
    IF (standing ->> 'accounts')::bigint > 0 THEN
        UPDATE vault SET changes = changes + 1;  -- addresses are cached with their secrets
    END IF;
    IF (standing ->> 'accounts')::bigint > 0 OR (standing ->> 'conversations')::bigint > 0
       OR closed > now() - interval '2 minutes' THEN
        RETURN standing;
    END IF;
    DELETE FROM credentials AS c WHERE c.tenant_id = app_tenant() AND c.category <> 'relevo';
    UPDATE tenants AS t SET retired_at = now() WHERE t.id = app_tenant() AND t.retired_at IS NULL;
    RETURN standing || '{"retired": true}';
END $$;

-- As op_put_credentials, but what is there stays.
CREATE FUNCTION op_add_credentials(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT hold_newest_key(req -> 'credentials') THEN
        RETURN '{"stale": true}';
    END IF;
    INSERT INTO credentials (tenant_id, category, name, sealed, key_version)
    SELECT app_tenant(), c ->> 'category', c ->> 'name', decode(c ->> 'sealed', 'hex'), (c ->> 'key')::integer
    FROM jsonb_array_elements(req -> 'credentials') AS c
    ON CONFLICT DO NOTHING;
    RETURN 'null';
END $$;
GRANT EXECUTE ON FUNCTION keep_erasure_key, op_add_credentials TO relevo_app;

-- ---- a person

-- {"contact"} or {"value", "digits", "channel"}: {"contacts": [ids]}, more than one where several are meant.
CREATE FUNCTION op_find_contacts(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('contacts', coalesce(jsonb_agg(p.id ORDER BY p.id), '[]'))
    FROM (SELECT c.id FROM contacts AS c WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'contact')::uuid
          UNION
          SELECT a.contact_id FROM aliases AS a
          WHERE a.tenant_id = app_tenant() AND a.value IN (req ->> 'value', nullif(req ->> 'digits', ''))
            AND split_part(a.kind, '_', 1) = CASE req ->> 'channel' WHEN 'whatsapp' THEN 'wa' ELSE req ->> 'channel' END) AS p
$$;

-- {"aliases": [{"kind", "value"}], "name", "created"}; null where there is no such contact.
CREATE FUNCTION op_read_person(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('created', to_millis(c.created_at), 'aliases', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('kind', a.kind, 'value', a.value) ORDER BY a.created_at, a.value), '[]')
            FROM aliases AS a WHERE a.tenant_id = c.tenant_id AND a.contact_id = c.id))
        FROM contacts AS c WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'contact')::uuid), 'null')
$$;

CREATE FUNCTION bytes_text(bytes bytea) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN convert_from(bytes, 'UTF8');
EXCEPTION WHEN data_exception THEN
    RETURN encode(bytes, 'escape');
END $$;

-- A number is not part of a longer one.
CREATE FUNCTION is_named(raw text, names text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT EXISTS (SELECT FROM unnest(names) AS n(name)
                   WHERE length(n.name) > 3 AND position(n.name IN raw) > 0
                     AND (n.name !~ '^[0-9]+$' OR raw ~ ('(^|[^0-9])' || n.name || '([^0-9]|$)')))
$$;

-- Those of records whose parts nobody understood and that name one of them: dead letters, and what waits. They are nobody's, of
-- the tenant's accounts or from its addresses.
CREATE FUNCTION archived_keys(tenant bigint, names text[]) RETURNS text[] LANGUAGE plpgsql AS $$
DECLARE
    accounts_of text[] := ARRAY(SELECT a.channel || '/' || a.external_id FROM accounts AS a WHERE a.tenant_id = tenant);
    endpoints_of text[] := ARRAY(SELECT e.channel || '/' || e.id FROM endpoints AS e WHERE e.tenant_id = tenant);
    before text := coalesce(current_setting('app.tenant_id', true), '');
    keys text[];
BEGIN
    PERFORM set_config('app.tenant_id', '', true);
    SELECT coalesce(array_agg(r.key), '{}') INTO keys
    FROM (SELECT bytes_text(k.record_key) AS key, bytes_text(k.value) AS value, k.about
          FROM dead_letters AS k WHERE k.tenant_id IS NULL AND k.about ->> 'kind' = 'archived'
          UNION ALL
          SELECT t.key, t.value, t.about FROM timers AS t WHERE t.tenant_id IS NULL AND t.about ->> 'kind' = 'archived') AS r
    WHERE ((r.about ->> 'channel') || '/' || (r.about ->> 'account') = ANY (accounts_of)
           OR (r.about ->> 'channel') || '/' || (r.about ->> 'scope') = ANY (endpoints_of))
      AND is_named(r.value, names);
    PERFORM set_config('app.tenant_id', before, true);
    RETURN keys;
END $$;

-- The keys that records about the person have: until its conversation is known a record names the account and the alias, a
-- receipt the provider's id.
CREATE FUNCTION person_keys(tenant bigint, names text[], conversation_ids uuid[]) RETURNS text[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(DISTINCT k.key), '{}') FROM (
        SELECT unnest(archived_keys(tenant, names)) AS key
        UNION ALL
        SELECT format('%s:%s', tenant, c) FROM unnest(conversation_ids) AS c
        UNION ALL
        SELECT format('%s/%s:%s', a.channel, a.external_id, n)
        FROM accounts AS a, unnest(names) AS n WHERE a.tenant_id = tenant
        UNION ALL
        SELECT format('%s/%s:%s', e.channel, e.id, n) FROM endpoints AS e, unnest(names) AS n WHERE e.tenant_id = tenant
        UNION ALL
        SELECT format('%s/%s:%s', a.channel, a.external_id, d.provider_id)
        FROM replies AS r
        JOIN deliveries AS d ON d.tenant_id = tenant AND d.reply_id = r.id AND d.provider_id <> ''
        JOIN accounts AS a ON a.tenant_id = tenant AND a.id = d.account_id
        WHERE r.tenant_id = tenant AND r.conversation_id = ANY (conversation_ids)) AS k
$$;

CREATE FUNCTION names_of(aliases jsonb) RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(array_agg(DISTINCT a ->> 'value'), '{}') FROM jsonb_array_elements(aliases) AS a
$$;

-- {"contact" or null, "aliases"}: rows by table.
CREATE FUNCTION op_count_person(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    conversation_ids uuid[] := ARRAY(SELECT c.id FROM conversations AS c
                                     WHERE c.tenant_id = tenant AND c.contact_id = (req ->> 'contact')::uuid);
    keys text[] := person_keys(tenant, names_of(req -> 'aliases'), conversation_ids);
    t personal_tables;
    found bigint;
    foreign_rows bigint;
    counts jsonb := '{}';
BEGIN
    FOR t IN SELECT * FROM personal_tables WHERE place IS NOT NULL ORDER BY place LOOP
        EXECUTE format('SELECT count(*) FROM %I AS x WHERE x.tenant_id = $1 AND (%s)', t.name, t.whose)
            INTO found USING tenant, (req ->> 'contact')::uuid, conversation_ids, keys;
        IF t.tenantless THEN
            PERFORM set_config('app.tenant_id', '', true);
            EXECUTE format('SELECT count(*) FROM %I AS x WHERE x.tenant_id IS NULL AND (%s)', t.name, t.whose)
                INTO foreign_rows USING tenant, (req ->> 'contact')::uuid, conversation_ids, keys;
            PERFORM set_config('app.tenant_id', tenant::text, true);
            found := found + foreign_rows;
        END IF;
        counts := counts || jsonb_build_object(t.name, found);
    END LOOP;
    RETURN counts;
END $$;

-- {"erasure", "erased_at", "by", "marks": of the aliases}: from its commit on nothing older is stored. {"erasure", "erased_at"}:
-- one of the same person that was cut off goes on under its own id.
CREATE FUNCTION op_begin_erasure(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    marks text[] := ARRAY(SELECT jsonb_array_elements_text(req -> 'marks'));
    begun uuid;
    moment timestamptz := from_millis((req ->> 'erased_at')::bigint);
BEGIN
    SELECT e.id INTO begun FROM erased_aliases AS a
    JOIN erasures AS e ON e.tenant_id = tenant AND e.id = a.erasure_id AND e.done_at IS NULL
    WHERE a.tenant_id = tenant AND a.mark = ANY (marks) ORDER BY e.id LIMIT 1;
    begun := coalesce(begun, (req ->> 'erasure')::uuid);
    INSERT INTO erasures AS e (tenant_id, id, erased_at, erased_by) VALUES (tenant, begun, moment, req ->> 'by')
    ON CONFLICT (tenant_id, id) DO UPDATE SET erased_at = greatest(e.erased_at, excluded.erased_at)
    RETURNING e.erased_at INTO moment;
    INSERT INTO erased_aliases AS a (tenant_id, mark, erasure_id, erased_at)
    SELECT DISTINCT tenant, m, begun, moment FROM unnest(marks) AS m
    ON CONFLICT (mark, tenant_id) DO UPDATE
    SET erasure_id = excluded.erasure_id, erased_at = greatest(a.erased_at, excluded.erased_at);
    RETURN jsonb_build_object('erasure', begun, 'erased_at', to_millis(moment));
END $$;

-- Writers of the archive that began before the erasure did are through.
CREATE FUNCTION op_wait_for_archive(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE archive IN SHARE ROW EXCLUSIVE MODE;
    RETURN to_jsonb(pg_relation_size('archive') / current_setting('block_size')::bigint);
END $$;

-- {"from", "to": pages, "names"}: [{"account", "event_id"}, …] of what names one of them.
CREATE FUNCTION op_find_archived(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    found jsonb;
BEGIN
    -- EXECUTE: planned for this range
    EXECUTE $query$
        SELECT coalesce(jsonb_agg(jsonb_build_object('account', a.account_id, 'event_id', a.event_id)), '[]')
        FROM archive AS a
        WHERE a.tenant_id = $4 AND a.ctid >= $1 AND a.ctid < $2
          AND is_named(a.raw, $3)
    $query$ INTO found
    USING format('(%s,0)', req ->> 'from')::tid, format('(%s,0)', req ->> 'to')::tid,
          ARRAY(SELECT jsonb_array_elements_text(req -> 'names')), app_tenant();
    RETURN found;
END $$;

-- {"rows": [{"account", "event_id", "mark"}]}; how many went.
CREATE FUNCTION op_drop_archived(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    gone bigint;
BEGIN
    INSERT INTO erased_events (tenant_id, mark)
    SELECT app_tenant(), r ->> 'mark' FROM jsonb_array_elements(req -> 'rows') AS r ON CONFLICT DO NOTHING;
    DELETE FROM archive AS a USING jsonb_array_elements(req -> 'rows') AS r
    WHERE a.tenant_id = app_tenant() AND a.account_id = (r ->> 'account')::uuid AND a.event_id = r ->> 'event_id';
    GET DIAGNOSTICS gone = ROW_COUNT;
    RETURN to_jsonb(gone);
END $$;

-- How the messages ended, into the books. What was still open ends here.
CREATE FUNCTION count_ends(ids uuid[], why text) RETURNS void LANGUAGE sql AS $$
    SELECT count_erased(j.hour, j.ended, j.reason, j.many)
    FROM (SELECT date_bin('1 hour', m.appended_at, 'epoch') AS hour, k.ended, k.reason, count(*) AS many
          FROM messages AS m
          CROSS JOIN LATERAL message_end(m.tenant_id, m.conversation_id, m.seq, m.kind, m.appended_at, m.turn_id) AS e
          CROSS JOIN LATERAL (SELECT CASE e.ended WHEN 'open' THEN 'dropped' ELSE e.ended END AS ended,
                                     CASE e.ended WHEN 'open' THEN why ELSE coalesce(e.reason, '') END AS reason) AS k
          WHERE m.tenant_id = app_tenant() AND m.id = ANY (ids) AND m.direction = 'in'
          GROUP BY 1, 2, 3) AS j
$$;

-- The same for messages that never became a row: their dead letters and parked records, as no tenant. [{"record", "event_id",
-- "at"}, …], each record once.
CREATE FUNCTION unstored_messages(letters bigint[], parked uuid[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('event_id', u.event_id, 'channel', u.channel, 'account', u.account,
                                                 'at', to_millis(u.at))), '[]')
    FROM (SELECT DISTINCT ON (r.record) r.record, r.about ->> 'event_id' AS event_id, r.about ->> 'channel' AS channel,
                 r.about ->> 'account' AS account, r.at
          FROM (SELECT coalesce(nullif(k.headers ->> 'ce_id', ''), 'letter ' || k.id) AS record, k.about, k.at
                FROM dead_letters AS k
                WHERE k.id = ANY (letters) AND k.tenant_id IS NOT DISTINCT FROM app_tenant()
                  AND (k.topic = 'messages.received' OR k.about ->> 'wakes' = 'messages.received')
                UNION ALL
                SELECT coalesce(nullif(t.headers ->> 'id', ''), t.id::text), about_record(convert_to(t.value, 'UTF8')),
                       t.created_at
                FROM timers AS t
                WHERE t.id = ANY (parked) AND t.tenant_id IS NOT DISTINCT FROM app_tenant()
                  AND t.topic = 'messages.received' AND t.letter IS NULL) AS r
          WHERE coalesce(r.about ->> 'kind', 'message') IN ('message', 'reaction')
          ORDER BY r.record, r.at) AS u
$$;
CREATE FUNCTION count_unstored(unstored jsonb, why text) RETURNS void LANGUAGE sql AS $$
    SELECT count_erased(from_millis((u ->> 'at')::bigint), 'dropped', why, 1)
    FROM jsonb_array_elements(unstored) AS u
    WHERE NOT EXISTS (SELECT FROM messages AS m JOIN accounts AS a ON a.tenant_id = m.tenant_id AND a.id = m.account_id
                      WHERE m.tenant_id = app_tenant() AND m.event_id = u ->> 'event_id' AND a.channel = u ->> 'channel'
                        AND coalesce(u ->> 'account', '') IN ('', a.external_id))
$$;

-- {"aliases", "events"} that the request has no mark of; null where it has all.
CREATE FUNCTION unmarked_of(contact uuid, conversation_ids uuid[], req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    new_aliases jsonb;
    new_events jsonb;
    marked uuid[] := ARRAY(SELECT (e ->> 'message')::uuid FROM jsonb_array_elements(req -> 'events') AS e);
BEGIN
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', a.kind, 'value', a.value)), '[]') INTO new_aliases
    FROM aliases AS a
    WHERE a.tenant_id = app_tenant() AND a.contact_id = contact AND a.value <> ALL (names_of(req -> 'aliases'));
    SELECT coalesce(jsonb_agg(jsonb_build_object('message', m.id, 'account', m.account_id, 'event_id', m.event_id)), '[]')
    INTO new_events
    FROM messages AS m LEFT JOIN unnest(marked) AS k(id) ON k.id = m.id
    WHERE m.tenant_id = app_tenant() AND m.conversation_id = ANY (conversation_ids) AND m.reply_id IS NULL AND k.id IS NULL;
    RETURN CASE WHEN new_aliases <> '[]' OR new_events <> '[]'
                THEN jsonb_build_object('aliases', new_aliases, 'events', new_events) END;
END $$;

-- Everything of the person at once: {"erasure", "contact" or null, "aliases": [{"kind", "value"}], "events": [{"message",
-- "mark"}]}. {"unmarked"} where marks are missing, {"contact"} where the alias has become a contact meanwhile: nothing was done
-- then. Else {"counts", "erased_at"}. It holds the locks of this person's rows only, and finds each by an index.
CREATE FUNCTION op_erase_person(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    contact uuid := (req ->> 'contact')::uuid;
    met uuid;
    conversation_ids uuid[];
    keys text[];
    missing jsonb;
    unstored jsonb;
    newest timestamptz;
    t personal_tables;
    gone bigint;
    gone_foreign bigint;
    rows jsonb := '{}';  -- by table
BEGIN
    -- as ensure_contact does for who is new
    PERFORM pg_advisory_xact_lock(lock.key)
    FROM (SELECT DISTINCT hashtextextended(format('%s/%s/%s', tenant, w ->> 'kind', w ->> 'value'), 0) AS key
          FROM jsonb_array_elements(req -> 'aliases') AS w ORDER BY 1) AS lock;
    IF contact IS NULL THEN
        SELECT a.contact_id INTO met FROM aliases AS a
        JOIN contacts AS c ON c.tenant_id = tenant AND c.id = a.contact_id
        JOIN erasures AS e ON e.tenant_id = tenant AND e.id = (req ->> 'erasure')::uuid AND c.created_at <= e.erased_at
        WHERE a.tenant_id = tenant AND a.value = ANY (names_of(req -> 'aliases')) LIMIT 1;
        IF FOUND THEN
            RETURN jsonb_build_object('contact', met);
        END IF;
    END IF;
    -- before the conversations, as who settles them does
    PERFORM FROM model_calls AS k JOIN conversations AS c ON c.tenant_id = tenant AND c.id = k.conversation_id
    WHERE k.tenant_id = tenant AND c.contact_id = contact FOR UPDATE OF k;
    PERFORM FROM contacts AS c WHERE c.tenant_id = tenant AND c.id = contact FOR UPDATE;
    conversation_ids := ARRAY(SELECT c.id FROM conversations AS c
                              WHERE c.tenant_id = tenant AND c.contact_id = contact ORDER BY c.id FOR UPDATE);
    missing := unmarked_of(contact, conversation_ids, req);
    IF missing IS NOT NULL THEN
        RETURN jsonb_build_object('unmarked', missing);
    END IF;

    keys := person_keys(tenant, names_of(req -> 'aliases'), conversation_ids);
    INSERT INTO erased_events (tenant_id, mark)
    SELECT tenant, e ->> 'mark' FROM jsonb_array_elements(req -> 'events') AS e ON CONFLICT DO NOTHING;
    PERFORM set_config('app.tenant_id', '', true);
    unstored := unstored_messages(
        ARRAY(SELECT k.id FROM dead_letters AS k WHERE k.tenant_id IS NULL
              AND md5(k.record_key) = ANY (ARRAY(SELECT md5(convert_to(x, 'UTF8')) FROM unnest(keys) AS x))),
        ARRAY(SELECT w.id FROM timers AS w WHERE w.tenant_id IS NULL
              AND md5(w.key) = ANY (ARRAY(SELECT md5(x) FROM unnest(keys) AS x))));
    PERFORM set_config('app.tenant_id', tenant::text, true);
    PERFORM count_unstored(unstored, 'erased');
    -- what was written while the archive was looked through goes with the rest, and counts as older
    SELECT max(least(m.at, clock_timestamp())) INTO newest FROM messages AS m
    WHERE m.tenant_id = tenant AND m.conversation_id = ANY (conversation_ids) AND m.direction = 'in';
    UPDATE erased_aliases AS a SET erased_at = newest
    WHERE a.tenant_id = tenant AND a.erasure_id = (req ->> 'erasure')::uuid AND a.erased_at < newest;
    UPDATE erasures AS e SET erased_at = newest
    WHERE e.tenant_id = tenant AND e.id = (req ->> 'erasure')::uuid AND e.erased_at < newest;
    PERFORM count_ends(ARRAY(SELECT m.id FROM messages AS m
                             WHERE m.tenant_id = tenant AND m.conversation_id = ANY (conversation_ids)), 'erased');

    FOR t IN SELECT * FROM personal_tables WHERE place IS NOT NULL ORDER BY place LOOP
        EXECUTE format(CASE WHEN t.instead IS NULL THEN 'DELETE FROM %I AS x ' ELSE 'UPDATE %I AS x SET ' || t.instead END
                       || ' WHERE x.tenant_id = $1 AND (%s)', t.name, t.whose)
            USING tenant, contact, conversation_ids, keys;
        GET DIAGNOSTICS gone = ROW_COUNT;
        IF t.tenantless THEN
            PERFORM set_config('app.tenant_id', '', true);
            EXECUTE format('DELETE FROM %I AS x WHERE x.tenant_id IS NULL AND (%s)', t.name, t.whose)
                USING tenant, contact, conversation_ids, keys;
            GET DIAGNOSTICS gone_foreign = ROW_COUNT;
            PERFORM set_config('app.tenant_id', tenant::text, true);
            gone := gone + gone_foreign;
        END IF;
        rows := rows || jsonb_build_object(t.name, gone);
    END LOOP;
    UPDATE erasures AS e SET done_at = clock_timestamp(), counts = rows
    WHERE e.tenant_id = tenant AND e.id = (req ->> 'erasure')::uuid AND e.done_at IS NULL;
    RETURN jsonb_build_object('counts', rows, 'erased_at', (
        SELECT to_millis(e.erased_at) FROM erasures AS e WHERE e.tenant_id = tenant AND e.id = (req ->> 'erasure')::uuid));
END $$;

GRANT EXECUTE ON FUNCTION op_find_contacts, op_read_person, person_keys, names_of, op_count_person, op_begin_erasure,
    op_wait_for_archive, bytes_text, is_named, archived_keys, op_find_archived, op_drop_archived, count_ends,
    unstored_messages, count_unstored, unmarked_of, op_erase_person TO relevo_app;
GRANT EXECUTE ON FUNCTION archived_keys, person_keys, names_of TO relevo_operator_text;

-- ---- after a restore

-- [{"erasure", "erased_at"}]: those that this database knows nothing of, though it had the tenant already: another
-- installation's that once used these topics are nothing to it.
CREATE FUNCTION op_unknown_erasures(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(k -> 'erasure'), '[]') FROM jsonb_array_elements(req -> 'erasures') AS k
    WHERE NOT EXISTS (SELECT FROM erasures AS e WHERE e.tenant_id = app_tenant() AND e.id = (k ->> 'erasure')::uuid
                                                  AND e.erased_at >= from_millis((k ->> 'erased_at')::bigint))
      AND from_millis((k ->> 'erased_at')::bigint) >= (SELECT t.created_at FROM tenants AS t WHERE t.id = app_tenant())
$$;

CREATE FUNCTION op_open_erasures(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'erasure', e.id, 'erased_at', to_millis(e.erased_at), 'by', e.erased_by,
        'marks', (SELECT coalesce(jsonb_agg(a.mark), '[]') FROM erased_aliases AS a
                  WHERE a.tenant_id = e.tenant_id AND a.erasure_id = e.id)) ORDER BY e.erased_at), '[]')
    FROM erasures AS e WHERE e.tenant_id = app_tenant() AND e.done_at IS NULL
$$;

-- {"after": [value, kind], "limit"}: the next aliases, with the moments at which their contacts were met.
CREATE FUNCTION op_list_aliases(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', a.kind, 'value', a.value, 'contact', a.contact_id,
                                                 'created', to_millis(a.created_at)) ORDER BY a.value, a.kind), '[]')
    FROM (SELECT x.kind, x.value, x.contact_id, c.created_at FROM aliases AS x
          JOIN contacts AS c ON c.tenant_id = x.tenant_id AND c.id = x.contact_id
          WHERE x.tenant_id = app_tenant()
            AND (NOT req ? 'after' OR (x.value, x.kind) > (req #>> '{after,0}', req #>> '{after,1}'))
          ORDER BY x.value, x.kind LIMIT (req ->> 'limit')::integer) AS a
$$;

-- Nobody of it is here any more.
CREATE FUNCTION op_end_erasure(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    UPDATE erasures AS e SET done_at = clock_timestamp()
    WHERE e.tenant_id = app_tenant() AND e.id = (req ->> 'erasure')::uuid AND e.done_at IS NULL RETURNING 'null'::jsonb
$$;
GRANT EXECUTE ON FUNCTION op_unknown_erasures, op_open_erasures, op_list_aliases, op_end_erasure TO relevo_app;

-- ---- the books

ALTER FUNCTION op_audit_letters RENAME TO audit_letters;
CREATE FUNCTION op_audit_letters(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_set(l.audited, '{counts}', (l.audited -> 'counts') || (
        SELECT coalesce(jsonb_agg(to_jsonb(n)), '[]')
        FROM (SELECT b.ended, b.reason, sum(b.count) AS count FROM erased_messages AS b
              WHERE (NOT req ? 'tenant' OR b.tenant_id = (SELECT t.id FROM tenants AS t WHERE t.slug = req ->> 'tenant'))
                AND (NOT req ? 'since' OR b.hour + interval '1 hour' > from_millis((req ->> 'since')::bigint))
              GROUP BY 1, 2) AS n))
    FROM audit_letters(req) AS l(audited)
$$;
GRANT EXECUTE ON FUNCTION op_audit_letters TO relevo_operator;

-- ---- how long a shop keeps what people wrote

-- Whether the caller is to sweep: one process does, every so often.
CREATE FUNCTION op_take_sweep(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sweeps SET next_at = from_millis((req ->> 'now')::bigint) + (req ->> 'every_ms')::bigint * interval '1 millisecond'
    WHERE next_at <= from_millis((req ->> 'now')::bigint);
    RETURN to_jsonb(FOUND);
END $$;

-- What is older in one conversation, and the conversation with its contact where nothing is left; how many messages. What is
-- still open then has expired long ago. At most some hundred rows: others wait for the conversation meanwhile. What is busy
-- now is looked at the next time.
CREATE FUNCTION forget_in(conversation uuid, cutoff timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
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
        IF NOT EXISTS (SELECT FROM conversations AS x WHERE x.tenant_id = tenant AND x.contact_id = c.contact_id) THEN
            DELETE FROM aliases AS a WHERE a.tenant_id = tenant AND a.contact_id = c.contact_id;
            DELETE FROM contacts AS k WHERE k.tenant_id = tenant AND k.id = c.contact_id;
        END IF;
    END IF;
    RETURN cardinality(old_messages);
END $$;

-- {"now", "after": a conversation, "look": how many at most, "most": messages}: {"messages": that went, "after": where to go on,
-- "more"}. The oldest message of each tells whether there is anything to do: no other index is needed.
CREATE FUNCTION op_forget(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    cutoff timestamptz := forget_before(from_millis((req ->> 'now')::bigint));
    after uuid := (req ->> 'after')::uuid;
    looked integer := 0;
    gone integer := 0;
    its integer;
    c record;
BEGIN
    FOR c IN SELECT x.id, x.updated_at FROM conversations AS x
             WHERE cutoff IS NOT NULL AND x.tenant_id = app_tenant() AND (after IS NULL OR x.id > after)
             ORDER BY x.id LIMIT (req ->> 'look')::integer
    LOOP
        IF coalesce((SELECT m.appended_at FROM messages AS m
                     WHERE m.tenant_id = app_tenant() AND m.conversation_id = c.id ORDER BY m.seq LIMIT 1),
                    c.updated_at) < cutoff THEN
            LOOP
                its := forget_in(c.id, cutoff);
                gone := gone + its;
                IF gone >= (req ->> 'most')::integer THEN
                    RETURN jsonb_build_object('messages', gone, 'after', after, 'more', true);  -- with the same one
                END IF;
                EXIT WHEN its = 0;
            END LOOP;
        END IF;
        after := c.id;
        looked := looked + 1;
    END LOOP;
    RETURN jsonb_build_object('messages', gone, 'after', after, 'more', looked = (req ->> 'look')::integer);
END $$;

-- {"now", "most"}: {"events", "archived", "letters"} that went. A letter that is still dead ends first, as a drop; those of
-- accounts that nobody has are nobody's, and stay.
CREATE FUNCTION op_forget_rest(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    most integer := (req ->> 'most')::integer;
    cutoff timestamptz := forget_before(from_millis((req ->> 'now')::bigint));
    accounts_of jsonb := (SELECT coalesce(jsonb_agg(a.channel || '/' || a.external_id), '[]') FROM accounts AS a
                          WHERE a.tenant_id = tenant);
    events bigint;
    archived bigint;
    own bigint[];
    nobodys bigint[];
    unstored jsonb;
BEGIN
    -- longer than the log and every provider bring something again
    DELETE FROM erased_events AS e WHERE e.tenant_id = tenant AND e.mark = ANY (ARRAY(
        SELECT x.mark FROM erased_events AS x
        WHERE x.tenant_id = tenant AND x.noted_at < from_millis((req ->> 'now')::bigint) - interval '30 days' LIMIT most));
    GET DIAGNOSTICS events = ROW_COUNT;
    DELETE FROM archive AS a WHERE a.tenant_id = tenant AND a.ctid = ANY (ARRAY(
        SELECT x.ctid FROM archive AS x WHERE x.tenant_id = tenant AND x.appended_at < cutoff ORDER BY x.appended_at LIMIT most));
    GET DIAGNOSTICS archived = ROW_COUNT;

    own := ARRAY(SELECT k.id FROM dead_letters AS k WHERE k.tenant_id = tenant AND k.at < cutoff ORDER BY k.at LIMIT most);
    PERFORM op_drop_letters(jsonb_build_object('ids', to_jsonb(own), 'by', 'relevo', 'reason', 'forgotten', 'now', req -> 'now'));
    DELETE FROM dead_letters AS k WHERE k.tenant_id = tenant AND k.id = ANY (own) AND k.status <> 'dead';

    PERFORM set_config('app.tenant_id', '', true);
    nobodys := ARRAY(SELECT k.id FROM dead_letters AS k
                     WHERE k.tenant_id IS NULL AND k.at < cutoff
                       AND accounts_of ? ((k.about ->> 'channel') || '/' || (k.about ->> 'account'))
                     ORDER BY k.at LIMIT most FOR UPDATE SKIP LOCKED);
    unstored := unstored_messages(nobodys, '{}');
    DELETE FROM dead_letters AS k WHERE k.tenant_id IS NULL AND k.id = ANY (nobodys);
    PERFORM set_config('app.tenant_id', tenant::text, true);
    PERFORM count_unstored(unstored, 'forgotten');
    RETURN jsonb_build_object('events', events, 'archived', archived,
                              'letters', cardinality(own) + cardinality(nobodys));
END $$;
GRANT EXECUTE ON FUNCTION op_take_sweep, forget_in, op_forget, op_forget_rest TO relevo_app;

-- ---- export, as relevo_operator_text

GRANT SELECT ON contacts, archive, timers, dead_letters TO relevo_operator_text;
GRANT SELECT (tenant_id, id, channel) ON endpoints TO relevo_operator_text;
CREATE POLICY operator_reads ON endpoints FOR SELECT TO relevo_operator_text USING (true);

-- {"tenant", "contact", "aliases", "table", "after", "limit"}: the table's rows of the person, {"rows", "after"}; the latter is
-- null at the end.
CREATE FUNCTION op_export_rows(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := (req ->> 'tenant')::bigint;
    contact uuid := (req ->> 'contact')::uuid;
    most integer := (req ->> 'limit')::integer;
    conversation_ids uuid[] := ARRAY(SELECT c.id FROM conversations AS c WHERE c.tenant_id = tenant AND c.contact_id = contact);
    t personal_tables;
    found jsonb;
BEGIN
    SELECT * INTO STRICT t FROM personal_tables AS p WHERE p.name = req ->> 'table' AND p.place IS NOT NULL;
    EXECUTE format($query$
        SELECT coalesce(jsonb_agg(r.row ORDER BY r.nth), '[]')
        FROM (SELECT to_jsonb(x) - 'tenant_id' AS row, row_number() OVER (ORDER BY x.ctid) AS nth
              FROM %I AS x WHERE (x.tenant_id = $1 OR %L AND x.tenant_id IS NULL) AND (%s)) AS r
        WHERE r.nth > $5 AND r.nth <= $5 + $6$query$, t.name, t.tenantless, t.whose)
        INTO found
        USING tenant, contact, conversation_ids, person_keys(tenant, names_of(req -> 'aliases'), conversation_ids),
              coalesce((req ->> 'after')::bigint, 0), most;
    IF t.name = 'dead_letters' THEN  -- bytes as people read them
        SELECT coalesce(jsonb_agg(l.letter || jsonb_build_object(
                   'record_key', bytes_text((l.letter ->> 'record_key')::bytea), 'value', bytes_text((l.letter ->> 'value')::bytea),
                   'original', bytes_text((l.letter ->> 'original')::bytea))), '[]')
        INTO found FROM jsonb_array_elements(found) AS l(letter);
    END IF;
    RETURN jsonb_build_object('rows', found, 'after', CASE WHEN jsonb_array_length(found) = most
                                                           THEN coalesce((req ->> 'after')::bigint, 0) + most END);
END $$;

-- {"tenant", "names", "from", "to": pages}: archived parts that name the person.
CREATE FUNCTION op_export_archived(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(a) - 'tenant_id'), '[]') FROM archive AS a
    WHERE a.tenant_id = (req ->> 'tenant')::bigint
      AND a.ctid >= format('(%s,0)', req ->> 'from')::tid AND a.ctid < format('(%s,0)', req ->> 'to')::tid
      AND is_named(a.raw, ARRAY(SELECT jsonb_array_elements_text(req -> 'names')))
$$;

CREATE FUNCTION op_export_person(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'pages', pg_relation_size('archive') / current_setting('block_size')::bigint,
        'tables', (SELECT jsonb_agg(p.name ORDER BY p.place DESC) FROM personal_tables AS p WHERE p.place IS NOT NULL),
        'aliases', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', a.kind, 'value', a.value)), '[]') FROM aliases AS a
                    WHERE a.tenant_id = (req ->> 'tenant')::bigint AND a.contact_id = (req ->> 'contact')::uuid))
$$;
GRANT EXECUTE ON FUNCTION bytes_text, op_export_rows, op_export_archived, op_export_person, is_named TO relevo_operator_text;

-- ---- last: every stage reads the row of its shop, and waits from here on

CREATE INDEX archive_appended ON archive (appended_at);
ALTER TABLE tenants ADD COLUMN keep_days integer CHECK (keep_days BETWEEN 30 AND 3650);  -- null: for ever

CREATE FUNCTION op_set_keep_days(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    UPDATE tenants AS t SET keep_days = (req ->> 'days')::integer WHERE t.id = app_tenant() RETURNING 'null'::jsonb
$$;

-- What the tenant no longer keeps is older; null where it keeps all.
CREATE FUNCTION forget_before(moment timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT moment - t.keep_days * interval '1 day' FROM tenants AS t WHERE t.id = app_tenant()
$$;
GRANT EXECUTE ON FUNCTION op_set_keep_days, forget_before TO relevo_app;
