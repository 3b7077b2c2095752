-- A person may be several contacts of a shop: the one whom a channel knows, and those whom its CRM told of. An erasure takes all
-- of them, an export has all of them, and the API asks for both.

-- ---- who is the same person

-- What WhatsApp may call a phone number, as channels/whatsapp_parse.cpp has it: of Argentina and Brazil without the nine of
-- mobile phones too. Fewer than seven digits are nobody's own.
CREATE FUNCTION phone_names(phone text) RETURNS text[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT array_agg(DISTINCT n.digits)
    FROM (SELECT regexp_replace(regexp_replace(phone, '[^0-9]', '', 'g'), '^00', '') AS digits) AS p
    CROSS JOIN LATERAL (VALUES (p.digits),
                               (CASE WHEN p.digits ~ '^549[0-9]{10}$' THEN '54' || substr(p.digits, 4)
                                     WHEN p.digits ~ '^55[0-9]{2}9[6-9][0-9]{7}$' THEN left(p.digits, 4) || substr(p.digits, 6)
                                     ELSE p.digits END)) AS n(digits)
    WHERE length(p.digits) >= 7
$$;

CREATE FUNCTION plain_email(email text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT nullif(lower(btrim(email)), '')
$$;

-- The phone numbers and e-mail addresses that the CRM stated, as aliases are: no index on what a function makes of a column is
-- used under a policy.
CREATE TABLE contact_names (
    tenant_id bigint NOT NULL,
    value text NOT NULL,
    contact_id uuid NOT NULL,
    PRIMARY KEY (value, contact_id, tenant_id)  -- at the end of this file it refers to contacts
);
CREATE INDEX contact_names_of_contact ON contact_names (tenant_id, contact_id);
SELECT protect_tenant_rows('contact_names');
GRANT SELECT, INSERT, DELETE ON contact_names TO relevo_app;
GRANT SELECT ON contact_names TO relevo_operator_text;
CREATE POLICY operator_reads ON contact_names FOR SELECT TO relevo_operator_text USING (true);
INSERT INTO personal_tables (name, place, whose, copies) VALUES ('contact_names', 44, 'x.contact_id = $2', true);

CREATE FUNCTION stated_names(phone text, email text) RETURNS SETOF text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT unnest(phone_names(phone)) UNION SELECT plain_email(email) WHERE plain_email(email) IS NOT NULL
$$;

CREATE FUNCTION keep_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM contact_names AS n WHERE n.tenant_id = NEW.tenant_id AND n.contact_id = NEW.id;
    INSERT INTO contact_names (tenant_id, value, contact_id)
    SELECT NEW.tenant_id, v, NEW.id FROM stated_names(NEW.phone, NEW.email) AS v;
    RETURN NULL;
END $$;

-- What the contacts are called by anybody, as aliases are: an erasure has a mark of each, so that a restored database finds them
-- by any, and whoever repeats it by the contact's id too.
CREATE FUNCTION known_names(tenant bigint, people uuid[]) RETURNS TABLE (kind text, value text) LANGUAGE sql STABLE AS $$
    SELECT a.kind, a.value FROM aliases AS a WHERE a.tenant_id = tenant AND a.contact_id = ANY (people)
    UNION
    SELECT n.kind, n.value
    FROM contacts AS c
    CROSS JOIN LATERAL (SELECT 'contact', c.id::text
                        UNION ALL SELECT 'wa_id', p FROM unnest(phone_names(c.phone)) AS p
                        UNION ALL SELECT 'email', c.email
                        UNION ALL SELECT 'email', plain_email(c.email)) AS n(kind, value)
    WHERE c.tenant_id = tenant AND c.id = ANY (people) AND n.value <> ''
$$;

-- A number or an address of more contacts is a company's, and nobody's own: domain/person_book.hpp has the same.
CREATE FUNCTION most_contacts() RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT 10 $$;

-- The contact, and whoever has a phone number or an e-mail address of theirs, or is known by it to WhatsApp; and so on. But for
-- those who were met after that moment. Of more than one person can be, one more than that.
CREATE FUNCTION same_person(tenant bigint, contact uuid, upto timestamptz DEFAULT 'infinity') RETURNS uuid[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    people uuid[] := ARRAY(SELECT c.id FROM contacts AS c WHERE c.tenant_id = tenant AND c.id = contact);
    names text[];
    more uuid[];
BEGIN
    WHILE cardinality(people) <= most_contacts() LOOP
        names := ARRAY(SELECT n.value FROM known_names(tenant, people) AS n WHERE n.kind IN ('wa_id', 'email'));
        EXIT WHEN cardinality(names) = 0;
        more := ARRAY(
            SELECT c.id
            FROM (SELECT a.contact_id FROM aliases AS a
                  WHERE a.tenant_id = tenant AND a.kind = 'wa_id' AND a.value = ANY (names)
                  UNION
                  SELECT n.contact_id FROM contact_names AS n WHERE n.tenant_id = tenant AND n.value = ANY (names)) AS k
            JOIN contacts AS c ON c.tenant_id = tenant AND c.id = k.contact_id
            WHERE c.created_at <= upto AND c.id <> ALL (people)
            LIMIT most_contacts() + 1 - cardinality(people));
        EXIT WHEN cardinality(more) = 0;
        people := ARRAY(SELECT p FROM unnest(people || more) AS p ORDER BY p);
    END LOOP;
    RETURN people;
END $$;

-- From here on $2 is a person's contacts.
UPDATE personal_tables SET whose = replace(replace(whose, '= $2::text', '= ANY ($2::text[])'), '= $2', '= ANY ($2)')
WHERE whose LIKE '%= $2%';

CREATE FUNCTION conversations_of(tenant bigint, people uuid[]) RETURNS uuid[] LANGUAGE sql STABLE AS $$
    SELECT ARRAY(SELECT c.id FROM conversations AS c WHERE c.tenant_id = tenant AND c.contact_id = ANY (people) ORDER BY c.id)
$$;

-- What the statement does to the person's rows of a table, those too of which nobody knew yet whose they are: how many. In it
-- stand %1$I for the table, called x, and %2$s for which rows.
CREATE FUNCTION of_person(t personal_tables, statement text, tenant bigint, people uuid[], conversation_ids uuid[], keys text[])
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    theirs bigint;
    nobodys bigint := 0;
BEGIN
    EXECUTE format(statement, t.name, format('x.tenant_id = $1 AND (%s)', t.whose))
        INTO theirs USING tenant, people, conversation_ids, keys;
    IF t.tenantless THEN
        PERFORM set_config('app.tenant_id', '', true);
        EXECUTE format(statement, t.name, format('x.tenant_id IS NULL AND (%s)', t.whose))
            INTO nobodys USING tenant, people, conversation_ids, keys;
        PERFORM set_config('app.tenant_id', tenant::text, true);
    END IF;
    RETURN theirs + nobodys;
END $$;

-- {"contact"} or {"value", "digits", "channel"}: {"contacts": [ids]}, more than one where several are meant who are not the same.
CREATE OR REPLACE FUNCTION op_find_contacts(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH known AS (
        SELECT c.id FROM contacts AS c WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'contact')::uuid
        UNION
        SELECT a.contact_id FROM aliases AS a
        WHERE a.tenant_id = app_tenant() AND a.value IN (req ->> 'value', nullif(req ->> 'digits', ''))
          AND split_part(a.kind, '_', 1) = CASE req ->> 'channel' WHEN 'whatsapp' THEN 'wa' ELSE req ->> 'channel' END),
    told AS (  -- whom only the CRM knows
        SELECT n.contact_id AS id FROM contact_names AS n
        WHERE n.tenant_id = app_tenant() AND req ->> 'channel' = 'whatsapp'
          AND n.value = ANY (phone_names(req ->> 'digits')) AND NOT EXISTS (SELECT FROM known)
        ORDER BY n.contact_id LIMIT 1),
    named AS (SELECT k.id FROM known AS k UNION ALL SELECT t.id FROM told AS t)
    SELECT jsonb_build_object('contacts', coalesce(jsonb_agg(n.id ORDER BY n.id), '[]'))
    FROM named AS n
    WHERE NOT EXISTS (SELECT FROM named AS o WHERE o.id < n.id AND n.id = ANY (same_person(app_tenant(), o.id)))
$$;

-- {"aliases": [{"kind", "value"}], "contacts": that are they too, "created"}; null where there is no such contact.
CREATE OR REPLACE FUNCTION op_read_person(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('created', to_millis(c.created_at), 'contacts', to_jsonb(p.people), 'aliases', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('kind', n.kind, 'value', n.value) ORDER BY n.kind DESC, n.value), '[]')
            FROM known_names(c.tenant_id, p.people) AS n))
        FROM contacts AS c CROSS JOIN LATERAL same_person(c.tenant_id, c.id) AS p(people)
        WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'contact')::uuid), 'null')
$$;

-- {"contact" or null, "aliases"}: rows by table.
CREATE OR REPLACE FUNCTION op_count_person(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    people uuid[] := same_person(tenant, (req ->> 'contact')::uuid);
    conversation_ids uuid[] := conversations_of(tenant, people);
    keys text[] := person_keys(tenant, names_of(req -> 'aliases'), conversation_ids);
    t personal_tables;
    counts jsonb := '{}';
BEGIN
    FOR t IN SELECT * FROM personal_tables WHERE place IS NOT NULL ORDER BY place LOOP
        counts := counts || jsonb_build_object(t.name, of_person(t, 'SELECT count(*) FROM %1$I AS x WHERE %2$s',
                                                                 tenant, people, conversation_ids, keys));
    END LOOP;
    RETURN counts;
END $$;

-- ---- an erasure

-- As in 0042. One that is new here is noted once, with who asked for it, under what the log calls each of their contacts; nobody
-- is given such a name for it to stay: who has one is the CRM's, and kept.
ALTER FUNCTION op_begin_erasure RENAME TO begin_erasure;
CREATE FUNCTION op_begin_erasure(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    was_there boolean := EXISTS (SELECT FROM erasures AS e WHERE e.tenant_id = tenant AND e.id = (req ->> 'erasure')::uuid);
    begun jsonb := begin_erasure(req);
    after jsonb := jsonb_build_object('erasure', begun -> 'erasure');
BEGIN
    IF NOT was_there AND begun -> 'erasure' = req -> 'erasure' THEN
        PERFORM note_change(acting(), 'contact.erase', 'contact:' || coalesce(c.log_name, gen_random_uuid()), NULL, after)
        FROM contacts AS c WHERE c.tenant_id = tenant AND c.id = ANY (same_person(tenant, (req ->> 'contact')::uuid));
        IF NOT FOUND THEN
            PERFORM note_change(acting(), 'contact.erase', 'erasure:' || (req ->> 'erasure'), NULL, after);
        END IF;
    END IF;
    RETURN begun;
END $$;

-- {"mark": of a name}: the newest erasure of whoever had it, {"erasure", "erased_at", "counts"}; null where nobody was.
CREATE FUNCTION op_find_erasure(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('erasure', e.id, 'erased_at', to_millis(e.erased_at), 'counts', e.counts)
        FROM erased_aliases AS a JOIN erasures AS e ON e.tenant_id = a.tenant_id AND e.id = a.erasure_id
        WHERE a.tenant_id = app_tenant() AND a.mark = req ->> 'mark'), 'null')
$$;

-- {"aliases", "events"} that the request has no mark of; null where it has all.
DROP FUNCTION unmarked_of;
CREATE FUNCTION unmarked_of(people uuid[], conversation_ids uuid[], req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    new_aliases jsonb;
    new_events jsonb;
    marked uuid[] := ARRAY(SELECT (e ->> 'message')::uuid FROM jsonb_array_elements(req -> 'events') AS e);
BEGIN
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', n.kind, 'value', n.value)), '[]') INTO new_aliases
    FROM known_names(app_tenant(), people) AS n WHERE n.value <> ALL (names_of(req -> 'aliases'));
    SELECT coalesce(jsonb_agg(jsonb_build_object('message', m.id, 'account', m.account_id, 'event_id', m.event_id)), '[]')
    INTO new_events
    FROM messages AS m LEFT JOIN unnest(marked) AS k(id) ON k.id = m.id
    WHERE m.tenant_id = app_tenant() AND m.conversation_id = ANY (conversation_ids) AND m.reply_id IS NULL AND k.id IS NULL;
    RETURN CASE WHEN new_aliases <> '[]' OR new_events <> '[]'
                THEN jsonb_build_object('aliases', new_aliases, 'events', new_events) END;
END $$;

-- Who writes for the first time under one of the names waits, as ensure_contact does.
CREATE FUNCTION hold_names(aliases jsonb) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(lock.key)
    FROM (SELECT DISTINCT hashtextextended(format('%s/%s/%s', app_tenant(), w ->> 'kind', w ->> 'value'), 0) AS key
          FROM jsonb_array_elements(aliases) AS w ORDER BY 1) AS lock
$$;

-- Whom the aliases have become meanwhile.
CREATE FUNCTION met_meanwhile(erasure uuid, aliases jsonb) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT a.contact_id FROM aliases AS a
    JOIN contacts AS c ON c.tenant_id = a.tenant_id AND c.id = a.contact_id
    JOIN erasures AS e ON e.tenant_id = a.tenant_id AND e.id = erasure AND c.created_at <= e.erased_at
    WHERE a.tenant_id = app_tenant() AND a.value = ANY (names_of($2)) LIMIT 1
$$;

-- The person's contacts, held: of those who are named, who is there; else all of the contact's. Whoever is new since the erasure
-- is somebody else. Of more than one person can be none is held.
CREATE FUNCTION hold_person(contact uuid, named uuid[], erasure uuid) RETURNS uuid[] LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    upto timestamptz := (SELECT e.erased_at FROM erasures AS e WHERE e.tenant_id = tenant AND e.id = erasure);
    held uuid[];
    people uuid[] := coalesce(named, same_person(tenant, contact, upto));
BEGIN
    LOOP
        EXIT WHEN named IS NULL AND cardinality(people) > most_contacts();
        held := people;
        -- before the conversations, as who settles them does
        PERFORM FROM model_calls AS k JOIN conversations AS c ON c.tenant_id = tenant AND c.id = k.conversation_id
        WHERE k.tenant_id = tenant AND c.contact_id = ANY (held) FOR UPDATE OF k;
        PERFORM FROM contacts AS c WHERE c.tenant_id = tenant AND c.id = ANY (held) ORDER BY c.id FOR UPDATE;
        EXIT WHEN named IS NOT NULL;
        people := same_person(tenant, contact, upto);  -- a phone number may have changed meanwhile
        EXIT WHEN people <@ held;
    END LOOP;
    PERFORM FROM conversations AS c WHERE c.tenant_id = tenant AND c.contact_id = ANY (people) ORDER BY c.id FOR UPDATE;
    RETURN people;
END $$;

-- What is about to go, into the books; and until when it was written, into the erasure.
CREATE FUNCTION count_erasure(erasure uuid, conversation_ids uuid[], keys text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    unstored jsonb;
    newest timestamptz;
BEGIN
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
    WHERE a.tenant_id = tenant AND a.erasure_id = erasure AND a.erased_at < newest;
    UPDATE erasures AS e SET erased_at = newest WHERE e.tenant_id = tenant AND e.id = erasure AND e.erased_at < newest;
    PERFORM count_ends(ARRAY(SELECT m.id FROM messages AS m
                             WHERE m.tenant_id = tenant AND m.conversation_id = ANY (conversation_ids)), 'erased');
END $$;

-- How many went, by table.
CREATE FUNCTION drop_person(tenant bigint, people uuid[], conversation_ids uuid[], keys text[]) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    t personal_tables;
    gone jsonb := '{}';
BEGIN
    FOR t IN SELECT * FROM personal_tables WHERE place IS NOT NULL ORDER BY place LOOP
        gone := gone || jsonb_build_object(t.name, of_person(
            t, CASE WHEN t.instead IS NULL THEN 'WITH gone AS (DELETE FROM %1$I AS x WHERE %2$s RETURNING 1)'
                    ELSE 'WITH gone AS (UPDATE %1$I AS x SET ' || replace(t.instead, '%', '%%') || ' WHERE %2$s RETURNING 1)' END
               || ' SELECT count(*) FROM gone', tenant, people, conversation_ids, keys));
    END LOOP;
    RETURN gone;
END $$;

-- Everything of the person at once: {"erasure", "contact" or null, "contacts": those that an erasure named that was cut off, and
-- no others, "aliases": [{"kind", "value"}], "events": [{"message", "mark"}], "archived": parts that went before}. {"unmarked"}
-- where marks are missing, {"contact"} where the alias has become a contact meanwhile, {"contacts": how many} where they have become
-- more than one person can be: nothing was done then. Else {"counts", "erased_at"}. It holds the locks of this person's rows only.
CREATE OR REPLACE FUNCTION op_erase_person(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    its_id uuid := (req ->> 'erasure')::uuid;
    contact uuid := (req ->> 'contact')::uuid;
    named uuid[] := CASE WHEN req ? 'contacts'
                         THEN ARRAY(SELECT c::uuid FROM jsonb_array_elements_text(req -> 'contacts') AS c) END;
    met uuid;
    people uuid[];
    conversation_ids uuid[];
    keys text[];
    missing jsonb;
    gone jsonb;
BEGIN
    PERFORM hold_names(req -> 'aliases');
    IF contact IS NULL AND named IS NULL THEN
        met := met_meanwhile(its_id, req -> 'aliases');
        IF met IS NOT NULL THEN
            RETURN jsonb_build_object('contact', met);
        END IF;
    END IF;
    people := hold_person(contact, named, its_id);
    IF named IS NULL AND cardinality(people) > most_contacts() THEN
        RETURN jsonb_build_object('contacts', cardinality(people));
    END IF;
    conversation_ids := conversations_of(tenant, people);
    missing := unmarked_of(people, conversation_ids, req);
    IF missing IS NOT NULL THEN
        RETURN jsonb_build_object('unmarked', missing);
    END IF;
    keys := person_keys(tenant, names_of(req -> 'aliases'), conversation_ids);
    INSERT INTO erased_events (tenant_id, mark)
    SELECT tenant, e ->> 'mark' FROM jsonb_array_elements(req -> 'events') AS e ON CONFLICT DO NOTHING;
    PERFORM count_erasure(its_id, conversation_ids, keys);
    gone := drop_person(tenant, people, conversation_ids, keys)
            || jsonb_build_object('archive', coalesce((req ->> 'archived')::bigint, 0));
    -- another process may have looked for the person in between, and closed it
    UPDATE erasures AS e SET done_at = coalesce(e.done_at, clock_timestamp()), counts = gone
    WHERE e.tenant_id = tenant AND e.id = its_id AND (e.done_at IS NULL OR e.counts = '{}');
    RETURN jsonb_build_object('counts', gone, 'erased_at', (
        SELECT to_millis(e.erased_at) FROM erasures AS e WHERE e.tenant_id = tenant AND e.id = its_id));
END $$;

-- {"contacts": that an erasure named}: their names, as op_read_person has them.
CREATE FUNCTION op_read_names(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', n.kind, 'value', n.value)), '[]')
    FROM known_names(app_tenant(), ARRAY(SELECT c::uuid FROM jsonb_array_elements_text(req -> 'contacts') AS c)) AS n
$$;

-- ---- what names somebody

-- As in 0042; and an address is not part of a longer one, and the same however it is written. Raw text is JSON mostly: \n before
-- an address is no letter of it.
CREATE OR REPLACE FUNCTION is_named(raw text, names text[]) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT EXISTS (SELECT FROM unnest(names) AS n(name)
                   WHERE length(n.name) > 3 AND CASE
                       WHEN position('@' IN n.name) > 0
                       THEN position(lower(n.name) IN lower(raw)) > 0
                            AND lower(raw) ~ ('(^|[^a-z0-9._%+-]|\\[bfnrt]|\\u00[0-3][0-9a-f])'
                                              || regexp_replace(lower(n.name), '[][\\*+?(){}|^$.]', '\\\&', 'g')
                                              || '(?![a-z0-9-]|[.][a-z0-9])')
                       ELSE position(n.name IN raw) > 0
                            AND (n.name !~ '^[0-9]+$' OR raw ~ ('(^|[^0-9])' || n.name || '([^0-9]|$)')) END)
$$;

-- ---- an export

-- Bytes as people read them.
CREATE FUNCTION readable_row(its_table name, its_row jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE its_table WHEN 'dead_letters' THEN its_row || jsonb_build_object(
        'record_key', bytes_text((its_row ->> 'record_key')::bytea), 'value', bytes_text((its_row ->> 'value')::bytea),
        'original', bytes_text((its_row ->> 'original')::bytea)) ELSE its_row END
$$;

-- [{"key", "row"}]: the person's rows of a table by their keys, at most so many after that one. Keys stay as they are while rows
-- change, so that who asks page by page misses none.
CREATE FUNCTION person_rows(t personal_tables, tenant bigint, people uuid[], conversation_ids uuid[], keys text[], after text,
                            most integer) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    before text := coalesce(current_setting('app.tenant_id', true), '');
    statement text := format(
        $query$
            SELECT coalesce(jsonb_agg(jsonb_build_object('key', r.key, 'row', readable_row(%L, r.row))
                                      ORDER BY r.key COLLATE "C"), '[]')
            FROM (SELECT k.key, to_jsonb(x) - 'tenant_id' AS row
                  FROM %I AS x CROSS JOIN LATERAL (SELECT concat_ws('/', %s) AS key) AS k
                  WHERE %%s AND (%s) AND k.key COLLATE "C" > $5
                  ORDER BY k.key COLLATE "C" LIMIT $6) AS r
        $query$, t.name, t.name, (
            SELECT string_agg(format('x.%I::text', a.attname), ', ' ORDER BY a.attnum)
            FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
            WHERE i.indrelid = t.name::text::regclass AND i.indisprimary AND a.attname <> 'tenant_id'),
        replace(t.whose, '%', '%%'));
    theirs jsonb;
    nobodys jsonb := '[]';
BEGIN
    EXECUTE format(statement, 'x.tenant_id = $1') INTO theirs USING tenant, people, conversation_ids, keys, after, most;
    IF t.tenantless THEN
        PERFORM set_config('app.tenant_id', '', true);
        EXECUTE format(statement, 'x.tenant_id IS NULL') INTO nobodys USING tenant, people, conversation_ids, keys, after, most;
        PERFORM set_config('app.tenant_id', before, true);
    END IF;
    RETURN (SELECT coalesce(jsonb_agg(b.item ORDER BY b.item ->> 'key' COLLATE "C"), '[]')
            FROM (SELECT i.item FROM jsonb_array_elements(theirs || nobodys) AS i(item)
                  ORDER BY i.item ->> 'key' COLLATE "C" LIMIT most) AS b);
END $$;

-- By the command line, as relevo_operator_text. {"tenant", "contact", "table", "after", "limit"}: the table's rows of the person,
-- {"rows", "after"}; the latter is null at the end.
DROP FUNCTION op_export_rows;
CREATE FUNCTION op_export_page(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := (req ->> 'tenant')::bigint;
    people uuid[] := same_person(tenant, (req ->> 'contact')::uuid);
    names text[] := ARRAY(SELECT DISTINCT n.value FROM known_names(tenant, people) AS n);
    conversation_ids uuid[] := conversations_of(tenant, people);
    most integer := (req ->> 'limit')::integer;
    t personal_tables;
    page jsonb;
BEGIN
    SELECT * INTO STRICT t FROM personal_tables AS p WHERE p.name = req ->> 'table' AND p.place IS NOT NULL;
    page := person_rows(t, tenant, people, conversation_ids, person_keys(tenant, names, conversation_ids),
                        coalesce(req ->> 'after', ''), most);
    RETURN jsonb_build_object('rows', (SELECT coalesce(jsonb_agg(r.item -> 'row' ORDER BY r.nth), '[]')
                                       FROM jsonb_array_elements(page) WITH ORDINALITY AS r(item, nth)),
                              'after', CASE WHEN jsonb_array_length(page) = most THEN page -> -1 -> 'key' END);
END $$;

CREATE OR REPLACE FUNCTION op_export_person(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'pages', pg_relation_size('archive') / current_setting('block_size')::bigint,
        'tables', (SELECT jsonb_agg(p.name ORDER BY p.place DESC) FROM personal_tables AS p
                   WHERE p.place IS NOT NULL AND NOT p.copies),
        'contacts', to_jsonb(s.people),
        'aliases', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', n.kind, 'value', n.value)), '[]')
                    FROM known_names((req ->> 'tenant')::bigint, s.people) AS n))
    FROM same_person((req ->> 'tenant')::bigint, (req ->> 'contact')::uuid) AS s(people)
$$;

-- As the shop's people may see it: what the web widget calls a visitor opens their chat (shown_alias).
CREATE FUNCTION without_keys(items jsonb, tenant bigint, people uuid[]) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    visitor text;
    said text := items::text;
BEGIN
    FOR visitor IN SELECT a.value FROM aliases AS a
                   WHERE a.tenant_id = tenant AND a.contact_id = ANY (people) AND a.kind = 'web_visitor'
                     AND a.value ~ '^[A-Za-z0-9_-]{8,}$' LOOP
        said := replace(said, visitor, shown_alias('web_visitor', visitor));
    END LOOP;
    RETURN said::jsonb;
END $$;

-- Of parts that nobody understood, those that name the person, from a place in the table on: [{"key", "row"}], and in "upto"
-- how far it was looked, which is not far: null at the end.
CREATE FUNCTION person_archive(tenant bigint, names text[], after text, most integer) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    start text := CASE WHEN after ~ '^\([0-9]{1,9},[0-9]{1,4}\)$' THEN after ELSE '(0,0)' END;
    page bigint := split_part(btrim(start, '()'), ',', 1)::bigint + 1000;
    found jsonb;
BEGIN
    -- EXECUTE: planned for this range
    EXECUTE $query$
        SELECT coalesce(jsonb_agg(jsonb_build_object('key', r.ctid, 'row', r.row) ORDER BY r.ctid), '[]')
        FROM (SELECT a.ctid, to_jsonb(a) - 'tenant_id' AS row FROM archive AS a
              WHERE a.tenant_id = $1 AND a.ctid > $2 AND a.ctid < $3 AND is_named(a.raw, $4) ORDER BY a.ctid LIMIT $5) AS r
    $query$ INTO found USING tenant, start::tid, format('(%s,0)', page)::tid, names, most;
    RETURN jsonb_build_object('rows', found, 'upto', CASE
        WHEN jsonb_array_length(found) = most THEN found -> -1 -> 'key'
        WHEN page < pg_relation_size('archive') / current_setting('block_size')::bigint
        THEN to_jsonb(format('(%s,0)', page)) END);
END $$;

CREATE FUNCTION export_items(its_table name, page jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('table', its_table, 'row', r.item -> 'row') ORDER BY r.nth), '[]')
    FROM jsonb_array_elements(page) WITH ORDINALITY AS r(item, nth)
$$;

-- By the API, as the shop. {"contact", "limit", "after": where the page before ended}: {"items": [{"table", "row"}], "next",
-- "log_subject": under which it was noted, as every page is: who keeps a place may begin there}; {"contacts": how many} where they are
-- more than one person can be; null where there is no such contact.
CREATE FUNCTION op_export_contact(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    people uuid[] := same_person(tenant, (req ->> 'contact')::uuid);
    conversation_ids uuid[] := conversations_of(tenant, people);
    names text[] := ARRAY(SELECT DISTINCT n.value FROM known_names(tenant, people) AS n);
    keys text[] := person_keys(tenant, names, conversation_ids);
    most integer := least((req ->> 'limit')::integer, 1000);
    its_table text := split_part(coalesce(req ->> 'after', ''), '|', 1);
    its_key text := substr(coalesce(req ->> 'after', ''), length(its_table) + 2);
    from_place integer := CASE its_table WHEN 'archive' THEN 0 ELSE coalesce(
        (SELECT p.place FROM personal_tables AS p WHERE p.name = its_table), 2147483647) END;
    t personal_tables;
    page jsonb;
    items jsonb := '[]';
    next text;
    subject text;
BEGIN
    IF cardinality(people) = 0 THEN
        RETURN 'null';
    ELSIF cardinality(people) > most_contacts() THEN
        RETURN jsonb_build_object('contacts', cardinality(people));
    END IF;
    SELECT 'contact:' || coalesce(c.log_name, gen_random_uuid()) INTO subject
    FROM contacts AS c WHERE c.tenant_id = tenant AND c.id = (req ->> 'contact')::uuid;
    PERFORM note_change(acting(), 'contact.export', subject, NULL, NULL);
    FOR t IN SELECT * FROM personal_tables AS p
             WHERE p.place <= from_place AND NOT p.copies ORDER BY p.place DESC LOOP
        page := person_rows(t, tenant, people, conversation_ids, keys, CASE t.name WHEN its_table THEN its_key ELSE '' END,
                            most - jsonb_array_length(items));
        items := items || export_items(t.name, page);
        IF jsonb_array_length(items) >= most THEN
            next := t.name || '|' || (page -> -1 ->> 'key');
            EXIT;
        END IF;
    END LOOP;
    IF next IS NULL THEN
        page := person_archive(tenant, names, CASE its_table WHEN 'archive' THEN its_key ELSE '' END,
                               most - jsonb_array_length(items));
        items := items || export_items('archive', page -> 'rows');
        next := 'archive|' || (page ->> 'upto');
    END IF;
    RETURN jsonb_strip_nulls(jsonb_build_object('next', next, 'log_subject', subject))
           || jsonb_build_object('items', without_keys(items, tenant, people));
END $$;

GRANT EXECUTE ON FUNCTION phone_names, plain_email, stated_names, keep_names, known_names, most_contacts, same_person,
    conversations_of, of_person, op_find_contacts, op_begin_erasure, op_find_erasure, unmarked_of, hold_names,
    met_meanwhile, hold_person, count_erasure, drop_person, op_read_names, readable_row, person_rows, export_items,
    without_keys, person_archive, op_export_contact
    TO relevo_app;
GRANT EXECUTE ON FUNCTION phone_names, plain_email, known_names, most_contacts, same_person, conversations_of, readable_row,
    person_rows, op_export_page TO relevo_operator_text;

-- ---- those who are there already, while everybody goes on

-- Shop by shop, as the policies want it: by contacts_listed and contacts_deleted.
CREATE FUNCTION name_contacts(since timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint;
BEGIN
    FOR tenant IN SELECT t.id FROM list_tenants() AS t LOOP
        PERFORM set_config('app.tenant_id', tenant::text, true);
        DELETE FROM contact_names AS n
        WHERE n.tenant_id = tenant AND NOT EXISTS (
            SELECT FROM (SELECT x.id FROM contacts AS x
                         WHERE x.tenant_id = tenant AND x.deleted_at IS NULL AND x.updated_at < since
                         UNION ALL
                         SELECT x.id FROM contacts AS x
                         WHERE x.tenant_id = tenant AND x.deleted_at IS NOT NULL AND x.updated_at < since) AS c
            WHERE c.id = n.contact_id);
        INSERT INTO contact_names (tenant_id, value, contact_id)
        SELECT tenant, v, c.id
        FROM (SELECT x.id, x.phone, x.email FROM contacts AS x
              WHERE x.tenant_id = tenant AND x.deleted_at IS NULL AND x.updated_at >= since
              UNION ALL
              SELECT x.id, x.phone, x.email FROM contacts AS x
              WHERE x.tenant_id = tenant AND x.deleted_at IS NOT NULL AND x.updated_at >= since) AS c
        CROSS JOIN LATERAL stated_names(c.phone, c.email) AS v
        WHERE c.phone IS NOT NULL OR c.email IS NOT NULL;
    END LOOP;
    PERFORM set_config('app.tenant_id', '', true);
END $$;
SELECT name_contacts('-infinity');
ANALYZE contact_names;

-- From here on whoever writes to contacts waits: what changed meanwhile, and who is gone.
LOCK TABLE contacts IN SHARE ROW EXCLUSIVE MODE;
SELECT name_contacts(now() - interval '1 hour');
ALTER TABLE contact_names ADD FOREIGN KEY (contact_id, tenant_id) REFERENCES contacts (id, tenant_id) ON DELETE CASCADE;
CREATE TRIGGER named_first AFTER INSERT ON contacts FOR EACH ROW WHEN (NEW.phone IS NOT NULL OR NEW.email IS NOT NULL)
    EXECUTE FUNCTION keep_names();
CREATE TRIGGER named AFTER UPDATE OF phone, email ON contacts
    FOR EACH ROW WHEN ((OLD.phone, OLD.email) IS DISTINCT FROM (NEW.phone, NEW.email)) EXECUTE FUNCTION keep_names();
DROP FUNCTION name_contacts;
