-- Dead letters that an operator reads, mends, and sends back into their topic or gives up. A letter never goes away.
--
-- A letter is redriven as a timer that is due: its row and the letter's new state are one transaction, wake publishes it, and
-- a crash in between only publishes it again, with the same ids.

-- What the record speaks of, without its words. {} where it cannot be read.
CREATE FUNCTION about_record(value bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    record jsonb;
BEGIN
    record := convert_from(value, 'UTF8')::jsonb;
    IF jsonb_typeof(record) <> 'object' THEN
        RETURN '{}';
    ELSIF record ? 'topic' AND record ? 'value' THEN  -- a timer
        RETURN about_record(convert_to(record ->> 'value', 'UTF8'))
            || jsonb_build_object('wakes', left(record ->> 'topic', 200));
    END IF;
    -- bounded: these are indexed
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'channel', left(record ->> 'channel', 200), 'scope', left(record ->> 'scope', 20),
        'account', CASE WHEN record ? 'channel' THEN coalesce(left(record ->> 'account', 200), '') END,
        'kind', left(record ->> 'kind', 200), 'event_id', left(record ->> 'event_id', 200),
        'contact', left(record #>> '{aliases,0,value}', 200), 'provider_id', left(record ->> 'provider_id', 200),
        'status', left(record ->> 'status', 200), 'conversation', left(record ->> 'conversation', 36),
        'message', left(record ->> 'message', 36), 'turn', left(record ->> 'turn', 36),
        'reply', left(record ->> 'reply', 36)));
EXCEPTION WHEN OTHERS THEN
    RETURN '{}';  -- no text, no JSON, too deep: it is a dead letter all the more
END $$;

-- The account that a record was for, as one name. A record that names none means its address's only one.
CREATE FUNCTION wanted_account(channel text, account text, scope text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN channel || '/' || CASE account WHEN '' THEN ':' || scope ELSE account END;
GRANT EXECUTE ON FUNCTION about_record, wanted_account TO relevo_app;

ALTER TABLE dead_letters
    ADD COLUMN status text NOT NULL DEFAULT 'dead' CHECK (status IN ('dead', 'redriven', 'dropped')),
    ADD COLUMN status_at timestamptz,
    ADD COLUMN status_by text NOT NULL DEFAULT '',
    ADD COLUMN reason text NOT NULL DEFAULT '',  -- of a drop
    ADD COLUMN edited_at timestamptz,
    ADD COLUMN edited_by text NOT NULL DEFAULT '',
    ADD COLUMN original bytea,                   -- before the first edit
    ADD COLUMN bytes integer GENERATED ALWAYS AS (octet_length(value)) STORED,
    ADD COLUMN about jsonb GENERATED ALWAYS AS (about_record(value)) STORED,
    -- the account that nobody had. A column, because row-level security keeps an expression from its index.
    ADD COLUMN wants text GENERATED ALWAYS AS (
        CASE WHEN code = 'resolve.unknown_account'
             THEN wanted_account(about_record(value) ->> 'channel', about_record(value) ->> 'account',
                                 about_record(value) ->> 'scope') END) STORED;
CREATE INDEX dead_letters_open ON dead_letters (id) WHERE status = 'dead';
-- of a key, which may be longer than an index takes
CREATE INDEX dead_letters_of_key ON dead_letters (md5(record_key), topic);
CREATE INDEX dead_letters_of_account ON dead_letters (wants, topic, partition, record_offset, id)
    WHERE wants IS NOT NULL AND status = 'dead';
CREATE INDEX dead_letters_of_event ON dead_letters ((about ->> 'event_id')) WHERE about ? 'event_id';
CREATE INDEX dead_letters_of_contact ON dead_letters ((about ->> 'contact')) WHERE about ? 'contact';
GRANT UPDATE ON dead_letters TO relevo_app;
GRANT SELECT (status, status_at, status_by, reason, edited_at, edited_by, bytes, about, wants) ON dead_letters
    TO relevo_operator;
GRANT SELECT (original) ON dead_letters TO relevo_operator_text;

ALTER TABLE timers
    ADD COLUMN letter bigint,  -- the dead letter that it redrives
    ADD COLUMN after uuid,     -- the redriven one of the same key that goes first
    ADD COLUMN line text;      -- the topic and key that it goes first in, hashed
CREATE INDEX timers_of_key ON timers (md5(key));
CREATE INDEX timers_in_line ON timers (line, life) WHERE line IS NOT NULL;
GRANT SELECT (letter, after, line) ON timers TO relevo_operator;

-- Also in order: whichever process asks, a redriven letter waits until the one before it is in the log.
CREATE OR REPLACE FUNCTION lease_timers(moment timestamptz, lease interval, most integer)
RETURNS TABLE (tenant_id bigint, id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    UPDATE timers AS t SET leased_until = moment + lease
    WHERE t.id = ANY (ARRAY(
        SELECT d.id FROM timers AS d
        WHERE d.due_at <= moment AND (d.leased_until IS NULL OR d.leased_until <= moment)
          AND (d.after IS NULL OR NOT EXISTS (SELECT FROM timers AS e WHERE e.id = d.after))
        ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED))
    RETURNING t.tenant_id, t.id
$$;

CREATE FUNCTION moment_of(iso text) RETURNS timestamptz LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN iso::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

-- null, or why it cannot be redriven. `fresh` is the record's new expiry, null where it keeps its own.
CREATE FUNCTION redrive_letter(l dead_letters, actor text, moment timestamptz, fresh timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    record jsonb;  -- {topic, key, value, headers}, as a timer's value has it
    before uuid;
    its_line text;
BEGIN
    IF l.status = 'redriven' AND l.status_by = actor AND l.status_at = moment THEN
        RETURN NULL;  -- by this very call, whose answer was lost
    ELSIF l.status <> 'dead' THEN
        RETURN 'it is ' || l.status || ' already';
    END IF;
    BEGIN
        IF l.topic = 'timers' THEN
            record := convert_from(l.value, 'UTF8')::jsonb;
        ELSE
            record := jsonb_build_object(
                'topic', l.topic, 'key', convert_from(l.record_key, 'UTF8'), 'value', convert_from(l.value, 'UTF8'),
                'headers', jsonb_build_object(
                    'id', coalesce(l.headers ->> 'ce_id', ''), 'type', coalesce(l.headers ->> 'ce_type', ''),
                    'source', coalesce(l.headers ->> 'ce_source', ''),
                    'subject', coalesce(l.headers ->> 'ce_subject', ''),
                    'traceparent', coalesce(l.headers ->> 'traceparent', ''),
                    'installation', coalesce(l.headers ->> 'installation', ''),
                    'time', to_millis(moment_of(l.headers ->> 'ce_time')),
                    'expires', to_millis(moment_of(l.headers ->> 'expires'))));
        END IF;
        IF record ->> 'topic' IS NULL OR record ->> 'key' IS NULL OR record ->> 'value' IS NULL
           OR jsonb_typeof(record -> 'headers') IS DISTINCT FROM 'object' THEN
            RETURN 'it is no record: edit or drop it';
        END IF;
    EXCEPTION WHEN data_exception OR statement_too_complex THEN
        RETURN 'its bytes are no text: edit or drop it';
    END;
    IF fresh IS NOT NULL THEN
        record := jsonb_set(record, '{headers,expires}', to_jsonb(to_millis(fresh)));
    END IF;
    its_line := md5(record ->> 'topic' || ' ' || (record ->> 'key'));
    SELECT t.id INTO before FROM timers AS t
    WHERE t.tenant_id IS NOT DISTINCT FROM l.tenant_id AND t.line = its_line
    ORDER BY t.life DESC LIMIT 1;
    INSERT INTO timers (id, tenant_id, due_at, topic, key, value, headers, letter, after, line)
    VALUES (hash_uuid('redrive', l.id::text), l.tenant_id, moment, record ->> 'topic', record ->> 'key',
            record ->> 'value', record -> 'headers', l.id, before, its_line);
    UPDATE dead_letters AS x SET status = 'redriven', status_at = moment, status_by = actor
    WHERE x.tenant_id IS NOT DISTINCT FROM l.tenant_id AND x.id = l.id;
    RETURN NULL;
END $$;

-- [{"id", "why"}, …]: those that were not. In the order in which they were written, whatever the order of the ids.
CREATE FUNCTION redrive_letters(ids bigint[], actor text, moment timestamptz, fresh timestamptz) RETURNS jsonb
LANGUAGE plpgsql AS $$
DECLARE
    l dead_letters;
    why text;
    refused jsonb := '[]';
    stuck text[] := '{}';  -- the keys of which one stays
BEGIN
    FOR l IN SELECT x.* FROM dead_letters AS x
             WHERE x.tenant_id IS NOT DISTINCT FROM app_tenant() AND x.id = ANY (ids)
             ORDER BY x.topic, x.partition, x.record_offset, x.id FOR UPDATE
    LOOP
        why := CASE WHEN l.status = 'dead' AND md5(l.record_key) || l.topic = ANY (stuck)
                    THEN 'an earlier one of its key stays'
                    ELSE redrive_letter(l, actor, moment, fresh) END;
        IF why IS NOT NULL THEN
            refused := refused || jsonb_build_object('id', l.id, 'why', why);
            IF l.status = 'dead' THEN
                stuck := stuck || (md5(l.record_key) || l.topic);
            END IF;
        END IF;
    END LOOP;
    RETURN refused;
END $$;

-- {"ids", "by", "now"} and, for a fresh expiry, "expires".
CREATE FUNCTION op_redrive_letters(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT redrive_letters(ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::bigint), req ->> 'by',
                           from_millis((req ->> 'now')::bigint), from_millis((req ->> 'expires')::bigint))
$$;

-- {"ids", "by", "reason", "now"}; the ids that were dropped, by this call or by itself before its answer was lost. What the
-- letter held open ends with it, for that reason.
CREATE FUNCTION op_drop_letters(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    uuid_form text := '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
    l record;
    dropped jsonb := '[]';
BEGIN
    FOR l IN SELECT x.id, x.about, x.status, x.status_by, x.status_at FROM dead_letters AS x
             WHERE x.tenant_id IS NOT DISTINCT FROM app_tenant() AND x.status IN ('dead', 'dropped')
               AND x.id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::bigint))
             ORDER BY x.id
    LOOP
        IF l.status = 'dropped' THEN
            IF l.status_by = req ->> 'by' AND l.status_at = moment THEN
                dropped := dropped || to_jsonb(l.id);
            END IF;
            CONTINUE;
        ELSIF l.about ->> 'reply' ~ uuid_form THEN
            PERFORM lock_reply((l.about ->> 'reply')::uuid);
            UPDATE replies AS r SET status = 'dropped', reason = req ->> 'reason'
            WHERE r.tenant_id = app_tenant() AND r.id = (l.about ->> 'reply')::uuid AND r.status = 'pending'
              AND NOT EXISTS (SELECT FROM deliveries AS d
                              WHERE d.tenant_id = r.tenant_id AND d.reply_id = r.id AND d.status = 'intent');
        ELSIF l.about ->> 'turn' ~ uuid_form THEN
            PERFORM op_drop_turn(jsonb_build_object('turn', l.about ->> 'turn', 'reason', req ->> 'reason',
                                                    'now', req -> 'now'));
        END IF;
        UPDATE dead_letters AS x
        SET status = 'dropped', status_at = moment, status_by = req ->> 'by', reason = req ->> 'reason'
        WHERE x.tenant_id IS NOT DISTINCT FROM app_tenant() AND x.id = l.id AND x.status = 'dead';
        IF FOUND THEN
            dropped := dropped || to_jsonb(l.id);
        END IF;
    END LOOP;
    RETURN dropped;
END $$;

-- {"id", "value_base64", "by", "now"}; true where the letter is there and still dead. Its key and headers stay: they say in
-- which order and for whom it is handled.
CREATE FUNCTION op_edit_letter(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    WITH edited AS (
        UPDATE dead_letters AS x
        SET value = decode(req ->> 'value_base64', 'base64'), original = coalesce(x.original, x.value),
            edited_at = from_millis((req ->> 'now')::bigint), edited_by = req ->> 'by'
        WHERE x.tenant_id IS NOT DISTINCT FROM app_tenant() AND x.status = 'dead' AND x.id = (req ->> 'id')::bigint
        RETURNING x.id)
    SELECT to_jsonb(EXISTS (SELECT FROM edited))
$$;

-- Letters of accounts that nobody had are no tenant's. An account and a letter that are made at the same time see each
-- other: whoever comes second waits here for the first.
CREATE FUNCTION lock_account_letters(channel text, account text, scope text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('unknown account ' || wanted_account(channel, account, scope), 0))
$$;

-- The oldest `most` of what came in for an account that nobody had; how many. As no tenant.
CREATE FUNCTION redrive_account_letters(wanted text, most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    ids bigint[] := ARRAY(SELECT x.id FROM dead_letters AS x
                          WHERE x.tenant_id IS NULL AND x.status = 'dead' AND x.wants = wanted
                          ORDER BY x.topic, x.partition, x.record_offset, x.id LIMIT most);
BEGIN
    RETURN cardinality(ids) - jsonb_array_length(redrive_letters(ids, 'account created', now(), NULL));
END $$;

-- What came in for an account before it was there is handled now: the first of it, because the account is not made until
-- that is done. op_redrive_account goes on with the rest.
CREATE FUNCTION wake_account_letters() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    tenant text := current_setting('app.tenant_id', true);
    most integer := 1000;
BEGIN
    PERFORM lock_account_letters(NEW.channel, NEW.external_id, '');
    PERFORM lock_account_letters(NEW.channel, '', NEW.endpoint_id::text);
    PERFORM set_config('app.tenant_id', '', true);
    most := most - redrive_account_letters(wanted_account(NEW.channel, NEW.external_id, ''), most);
    PERFORM redrive_account_letters(wanted_account(NEW.channel, '', NEW.endpoint_id::text), most);
    PERFORM set_config('app.tenant_id', coalesce(tenant, ''), true);
    RETURN NULL;
END $$;
CREATE TRIGGER wake_account_letters AFTER INSERT ON accounts FOR EACH ROW EXECUTE FUNCTION wake_account_letters();

-- {"channel", "account", "endpoint", "limit"}, as no tenant: how many of those that wait for this account were redriven. Fewer
-- than the limit: none is left.
CREATE FUNCTION op_redrive_account(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    most integer := (req ->> 'limit')::integer;
    named text;
    redriven integer := 0;
BEGIN
    FOREACH named IN ARRAY ARRAY[req ->> 'account', ''] LOOP
        IF EXISTS (SELECT FROM resolve_account(req ->> 'channel', named, (req ->> 'endpoint')::bigint)) THEN
            redriven := redriven + redrive_account_letters(
                wanted_account(req ->> 'channel', named, req ->> 'endpoint'), most - redriven);
        END IF;
    END LOOP;
    RETURN to_jsonb(redriven);
END $$;

CREATE OR REPLACE FUNCTION op_bury(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    carried jsonb;
    l dead_letters;
BEGIN
    BEGIN
        carried := (req ->> 'headers')::jsonb;
    EXCEPTION WHEN data_exception THEN
        carried := to_jsonb(req ->> 'headers');  -- a letter is not lost over its headers
    END;
    INSERT INTO dead_letters (tenant_id, stage, topic, partition, record_offset, record_key, value, headers, code, text,
                              attempts)
    VALUES (app_tenant(), req ->> 'stage', req ->> 'topic', (req ->> 'partition')::integer,
            (req ->> 'offset')::bigint, decode(req ->> 'key_base64', 'base64'),
            decode(req ->> 'value_base64', 'base64'), carried, req ->> 'code', req ->> 'text',
            (req ->> 'attempts')::integer)
    ON CONFLICT DO NOTHING
    RETURNING * INTO l;
    IF l.code = 'resolve.unknown_account' AND l.tenant_id IS NULL AND l.about ? 'channel' THEN
        -- the account may have come since somebody looked for it
        PERFORM lock_account_letters(l.about ->> 'channel', l.about ->> 'account', l.about ->> 'scope');
        IF EXISTS (SELECT FROM resolve_account(l.about ->> 'channel', l.about ->> 'account',
                                               coalesce((l.about ->> 'scope')::bigint, 0))) THEN
            PERFORM redrive_letter(l, 'account created', now(), NULL);
        END IF;
    END IF;
    RETURN 'null';
END $$;

GRANT EXECUTE ON FUNCTION moment_of, redrive_letter, redrive_letters, op_redrive_letters, op_drop_letters, op_edit_letter,
    lock_account_letters, redrive_account_letters, wake_account_letters, op_redrive_account TO relevo_app;

-- {"ids", "stage", "code", "tenant" (a slug), "topic", "key", "since", "until", "status", "unknown_accounts", "after", "limit"},
-- each of which may be left out. As the operator's role; by id. `earlier` counts the dead ones of its key that go before it.
CREATE FUNCTION op_list_letters(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.id), '[]')
    FROM (SELECT k.id, coalesce(k.tenant_id, 0) AS tenant, coalesce(t.slug, '') AS slug, k.stage, k.topic, k.partition,
                 k.record_offset AS "offset", encode(k.record_key, 'escape') AS key, k.code, k.text, k.attempts,
                 to_millis(k.at) AS at, k.status, to_millis(k.status_at) AS status_at, k.status_by, k.reason,
                 to_millis(k.edited_at) AS edited_at, k.edited_by, k.bytes, k.about,
                 k.headers ->> 'traceparent' AS traceparent, k.headers ->> 'expires' AS expires,
                 (SELECT count(*) FROM dead_letters AS e
                  WHERE md5(e.record_key) = md5(k.record_key) AND e.topic = k.topic AND e.status = 'dead'
                    AND (e.partition, e.record_offset, e.id) < (k.partition, k.record_offset, k.id)) AS earlier
          FROM dead_letters AS k LEFT JOIN tenants AS t ON t.id = k.tenant_id
          WHERE (NOT req ? 'ids' OR k.id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::bigint)))
            AND (NOT req ? 'stage' OR k.stage = req ->> 'stage')
            AND (NOT req ? 'code' OR k.code = req ->> 'code')
            AND (NOT req ? 'tenant' OR t.slug = req ->> 'tenant')
            AND (NOT req ? 'topic' OR k.topic = req ->> 'topic')
            AND (NOT req ? 'key' OR k.record_key = convert_to(req ->> 'key', 'UTF8'))
            AND (NOT req ? 'since' OR k.at >= from_millis((req ->> 'since')::bigint))
            AND (NOT req ? 'until' OR k.at < from_millis((req ->> 'until')::bigint))
            AND (NOT req ? 'status' OR k.status = req ->> 'status')
            AND (NOT req ? 'unknown_accounts' OR k.code = 'resolve.unknown_account')
            AND k.id > coalesce((req ->> 'after')::bigint, 0)
          ORDER BY k.id LIMIT (req ->> 'limit')::integer) AS l
$$;

-- Accounts that nobody has, with what waits for them.
CREATE FUNCTION op_unknown_accounts(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.letters DESC, a.channel, a.account), '[]')
    FROM (SELECT coalesce(k.about ->> 'channel', '') AS channel, coalesce(k.about ->> 'account', '') AS account,
                 count(*) AS letters, count(DISTINCT k.about ->> 'contact') AS contacts,
                 to_millis(min(k.at)) AS first, to_millis(max(k.at)) AS last
          FROM dead_letters AS k WHERE k.code = 'resolve.unknown_account' AND k.status = 'dead'
          GROUP BY 1, 2) AS a
$$;

-- The record's value, for the role that may read it: [value_base64, original_base64 or null].
CREATE FUNCTION op_letter_value(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT jsonb_build_array(encode(k.value, 'base64'), encode(k.original, 'base64'))
                     FROM dead_letters AS k WHERE k.id = (req ->> 'id')::bigint), 'null')
$$;

GRANT EXECUTE ON FUNCTION op_list_letters, op_unknown_accounts, op_letter_value TO relevo_operator;
