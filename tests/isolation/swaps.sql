-- Calls every operation as one tenant with what belongs to another in its request: ids, numbers, names, tokens, wherever the
-- operation reads something. Run by a superuser in a database that holds two shops; each call is undone. What counts:
--   wrote    a row of another tenant was inserted, changed or deleted, whatever the policies say
--   read     the result holds an id or a word of another tenant's that was not in the request
--   told     the result is another one than with an id that nobody has: something was counted, or branched on
-- Operations and what they read come from the catalogue: one that a migration adds is called too.

CREATE SCHEMA swaps;

-- What each tenant has: every id, number and name of every row.
CREATE TABLE swaps.known (tenant bigint, source text, field text, type text, value text);

CREATE FUNCTION swaps.look() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c record;
BEGIN
    TRUNCATE swaps.known;
    FOR c IN SELECT t.relname, a.attname, format_type(a.atttypid, NULL) AS type,
                    CASE t.relname WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END AS tenant
             FROM pg_class AS t JOIN pg_attribute AS a ON a.attrelid = t.oid
             WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped
               AND a.attname <> 'tenant_id' AND format_type(a.atttypid, NULL) IN ('uuid', 'bigint', 'text')
               AND (t.relname = 'tenants' OR EXISTS (SELECT FROM pg_attribute AS x
                                                     WHERE x.attrelid = t.oid AND x.attname = 'tenant_id')) LOOP
        EXECUTE format('INSERT INTO swaps.known SELECT DISTINCT %I, %L, %L, %L, %I::text FROM %I '
                       'WHERE %I IS NOT NULL AND %I IS NOT NULL AND length(%I::text) < 300',
                       c.tenant, c.relname, c.attname, c.type, c.attname, c.relname, c.tenant, c.attname, c.attname);
    END LOOP;
    -- words that both have say nothing
    DELETE FROM swaps.known AS k
    WHERE k.type = 'text' AND (k.value = '' OR (SELECT count(DISTINCT o.tenant) FROM swaps.known AS o
                                                WHERE o.type = k.type AND o.value = k.value) > 1);
END $$;
CREATE INDEX ON swaps.known (tenant, type, field);
CREATE INDEX ON swaps.known (value);

-- Sees each row that changes, beside the policies.
CREATE FUNCTION swaps.watch() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    acting text := nullif(current_setting('swaps.tenant', true), '');
    changed text;
BEGIN
    FOREACH changed IN ARRAY ARRAY[CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) ->> TG_ARGV[0] END,
                                   CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) ->> TG_ARGV[0] END] LOOP
        IF acting IS NOT NULL AND changed <> acting THEN
            RAISE EXCEPTION '% of tenant % by tenant %: %', TG_OP, changed, acting, TG_TABLE_NAME USING ERRCODE = 'SW001';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
GRANT USAGE ON SCHEMA swaps TO relevo_app, relevo_router;
GRANT EXECUTE ON FUNCTION swaps.watch TO relevo_app, relevo_router;
DO $$
DECLARE
    target text;
BEGIN
    FOR target IN SELECT t.relname FROM pg_class AS t
                  WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition
                    AND (t.relname = 'tenants' OR EXISTS (SELECT FROM pg_attribute AS x
                                                          WHERE x.attrelid = t.oid AND x.attname = 'tenant_id')) LOOP
        EXECUTE format('CREATE TRIGGER zz_swaps AFTER INSERT OR UPDATE OR DELETE ON %I FOR EACH ROW '
                       'EXECUTE FUNCTION swaps.watch(%L)', target, CASE target WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END);
    END LOOP;
END $$;

-- The process's own, before it knows or by what it has proven whose call it is: they find a shop by a secret's hash, by a
-- verified address, or go through all of them for the operator. No request of a tenant's gets there with what it likes.
CREATE TABLE swaps.left_out (op text PRIMARY KEY, why text NOT NULL);
INSERT INTO swaps.left_out VALUES
    ('list_tenants', 'whom the process serves'), ('list_tenant_page', 'for the operator'), ('add_tenant', 'for the operator'),
    ('register_tenant', 'for the operator'), ('lease_timers', 'ids only, of all'), ('lease_meta_work', 'ids only, of all'),
    ('list_endpoints', 'addresses only, of all'), ('find_account', 'resolve asks whether the address speaks for it'),
    ('find_owner', 'as find_account'), ('find_endpoint', 'by an unguessable key'), ('account_taken', 'that it is taken, no more'),
    ('redrive_account', 'for the operator'), ('guarded', 'runs the others');

-- What an operation reads of its request, and as what.
CREATE TABLE swaps.fields AS
WITH p AS MATERIALIZED (
    -- with what it passes the request on to
    SELECT o.proname, concat_ws(E'\n', o.prosrc, (
               SELECT string_agg(w.prosrc, E'\n') FROM pg_proc AS w
               WHERE w.pronamespace = o.pronamespace AND w.oid <> o.oid
                 AND CASE WHEN strpos(o.prosrc, w.proname || '(') > 0
                          THEN o.prosrc ~ ('\m' || w.proname || '\((\w+\()?req[,)]') END)) AS prosrc
    FROM pg_proc AS o
    WHERE o.pronamespace = 'public'::regnamespace AND o.proname LIKE 'op\_%'
      AND has_function_privilege('relevo_app', o.oid, 'EXECUTE')
      AND substr(o.proname, 4) NOT IN (SELECT l.op FROM swaps.left_out AS l))
SELECT substr(p.proname, 4) AS op, f.name,
       CASE WHEN p.prosrc ~ ('from_millis\(\(req ->> ''' || f.name || '''') THEN 'time'
            WHEN p.prosrc ~ ('\(req ->> ''' || f.name || '''\)::uuid') THEN 'uuid'
            WHEN p.prosrc ~ ('\(req ->> ''' || f.name || '''\)::(bigint|integer)') THEN 'number'
            WHEN p.prosrc ~ ('\(req ->> ''' || f.name || '''\)::boolean') THEN 'flag'
            WHEN p.prosrc ~ ('jsonb_array_elements_text\(req -> ''' || f.name || '''') THEN 'list'
            WHEN p.prosrc ~ ('jsonb_array_elements\(req -> ''' || f.name || '''') THEN 'objects'
            WHEN p.prosrc ~ ('req -> ''' || f.name || '''') THEN 'object' ELSE 'text' END AS type
FROM p, LATERAL (SELECT DISTINCT m[1] AS name FROM regexp_matches(p.prosrc, '->>?\s*''(\w+)''', 'g') AS m) AS f;
-- Drawn by us, never stated by a caller; one is unique in the whole installation, as a session's is.
DELETE FROM swaps.fields WHERE (op, name) = ('add_user', 'id');
-- Of a list that we have; anything else would be refused before a row is touched.
UPDATE swaps.fields SET type = name WHERE op = 'change_tenant' AND name IN ('time_zone', 'redact', 'keep_days');
CREATE TABLE swaps.operations AS SELECT op, row_number() OVER (ORDER BY op) AS nth FROM (SELECT DISTINCT op FROM swaps.fields) AS o;

-- One of the tenant's: of a column or a table that is called so, if there is one.
CREATE FUNCTION swaps.pick(whose bigint, wanted text, name text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    found text;
BEGIN
    SELECT k.value INTO found FROM swaps.known AS k
    WHERE k.tenant = whose AND k.type = wanted
      AND (k.field IN (name, name || '_id') OR (k.field = 'id' AND k.source IN (name || 's', name)))
    ORDER BY random() LIMIT 1;
    IF found IS NULL OR random() < 0.2 THEN
        SELECT coalesce(k.value, found) INTO found FROM swaps.known AS k WHERE k.tenant = whose AND k.type = wanted
        ORDER BY random() LIMIT 1;
    END IF;
    RETURN found;
END $$;

CREATE FUNCTION swaps.value(whose bigint, wanted text, name text) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    RETURN CASE wanted
        WHEN 'time' THEN to_jsonb(1780000000000 + (random() * 100000)::bigint)
        WHEN 'flag' THEN to_jsonb(random() < 0.5)
        WHEN 'time_zone' THEN to_jsonb((ARRAY['America/Santiago', 'UTC', 'Mars/Olympus'])[1 + floor(random() * 3)::integer])
        WHEN 'redact' THEN '["card"]'
        WHEN 'keep_days' THEN to_jsonb(30 + floor(random() * 60)::integer)
        WHEN 'uuid' THEN to_jsonb(swaps.pick(whose, 'uuid', name))
        WHEN 'number' THEN CASE WHEN random() < 0.5 THEN to_jsonb((random() * 3)::integer)
                                ELSE to_jsonb(swaps.pick(whose, 'bigint', name)::bigint) END
        WHEN 'list' THEN jsonb_build_array(swaps.pick(whose, CASE WHEN random() < 0.7 THEN 'uuid' ELSE 'text' END,
                                                      regexp_replace(name, 's$', '')))
        WHEN 'objects' THEN jsonb_build_array(swaps.value(whose, 'object', name))
        WHEN 'object' THEN jsonb_build_object(
            'id', swaps.pick(whose, 'uuid', name), 'kind', 'wa_id', 'value', swaps.pick(whose, 'text', 'value'),
            'category', swaps.pick(whose, 'text', 'category'), 'name', swaps.pick(whose, 'text', 'name'),
            'text', 'x', 'life', 1, 'parks', 1, 'key', 1, 'sealed', '00')
        ELSE to_jsonb(CASE WHEN random() < 0.2 THEN swaps.pick(whose, 'uuid', name) ELSE swaps.pick(whose, 'text', name) END) END;
END $$;

-- An id that nobody has, which stands where this one does in any order: as a place in a list it says the same.
CREATE FUNCTION swaps.nobodys(id text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT left(id, -1) || translate(right(id, 1), '0123456789abcdef', '89abcdef01234567')
$$;

-- What came of it; nothing stays of it.
CREATE FUNCTION swaps.call(tenant bigint, op text, request jsonb, OUT result text, OUT wrote text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('app.tenant_id', tenant::text, true), set_config('app.actor', '', true),
            set_config('swaps.tenant', tenant::text, true), set_config('role', 'relevo_app', true);
    EXECUTE format('SELECT (public.%I($1))::text', 'op_' || op) INTO result USING request;
    RAISE EXCEPTION USING ERRCODE = 'SW002';
EXCEPTION
    WHEN SQLSTATE 'SW002' THEN NULL;
    WHEN SQLSTATE 'SW001' THEN wrote := SQLERRM;
    -- values stand in the messages of errors; what is refused is told by their codes
    WHEN OTHERS THEN result := 'refused ' || SQLSTATE;
END $$;

-- The calls from one seed, and those that were wrong.
CREATE FUNCTION swaps.run(attacker bigint, victim bigint, seed double precision, calls integer)
RETURNS TABLE (operation text, sent jsonb, what text, answer text) LANGUAGE plpgsql AS $$
DECLARE
    most bigint := (SELECT max(o.nth) FROM swaps.operations AS o);
    field record;
    request jsonb;
    nobodys jsonb;
    its_result text;
    theirs text;
    wrote text;
    whose bigint;
    v jsonb;
    swapped text[];
    id text;
BEGIN
    PERFORM setseed(seed);
    FOR n IN 1..calls LOOP
        SELECT o.op INTO operation FROM swaps.operations AS o WHERE o.nth = 1 + floor(random() * most);
        request := '{}';
        FOR field IN SELECT f.name, f.type FROM swaps.fields AS f WHERE f.op = operation ORDER BY f.name LOOP
            CONTINUE WHEN field.name = 'actor' OR random() < 0.1;
            whose := CASE WHEN random() < 0.7 THEN victim ELSE attacker END;
            v := swaps.value(whose, field.type, field.name);
            IF v IS NOT NULL AND v <> 'null' THEN
                request := request || jsonb_build_object(field.name, v);
            END IF;
        END LOOP;
        request := request || jsonb_build_object('actor', jsonb_build_object('kind', 'user', 'id', 'x', 'name', 'x', 'may', '[]'::jsonb));
        SELECT c.result, c.wrote INTO its_result, wrote FROM swaps.call(attacker, operation, request) AS c;
        sent := request;
        answer := its_result;
        IF wrote IS NOT NULL THEN
            what := 'wrote: ' || wrote;
            RETURN NEXT;
            CONTINUE;
        END IF;
        SELECT m[1] INTO id
        FROM regexp_matches(its_result, '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|canary[\w-]*)', 'g') AS m
        WHERE strpos(request::text, m[1]) = 0
          AND (m[1] LIKE 'canary%' OR EXISTS (SELECT FROM swaps.known AS k WHERE k.value = m[1] AND k.tenant = victim AND k.type = 'uuid'
                                              AND NOT EXISTS (SELECT FROM swaps.known AS o WHERE o.value = k.value AND o.tenant = attacker)))
        LIMIT 1;
        IF id IS NOT NULL THEN
            what := 'read: ' || id;
            RETURN NEXT;
            CONTINUE;
        END IF;
        -- the same with ids that nobody has
        swapped := ARRAY(SELECT DISTINCT m[1]
                         FROM regexp_matches(request::text, '([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})', 'g') AS m
                         WHERE EXISTS (SELECT FROM swaps.known AS k WHERE k.value = m[1] AND k.tenant = victim)
                           AND NOT EXISTS (SELECT FROM swaps.known AS k WHERE k.value = m[1] AND k.tenant = attacker));
        CONTINUE WHEN cardinality(swapped) = 0;
        nobodys := request;
        FOREACH id IN ARRAY swapped LOOP
            nobodys := replace(nobodys::text, id, swaps.nobodys(id))::jsonb;
        END LOOP;
        SELECT c.result INTO theirs FROM swaps.call(attacker, operation, nobodys) AS c;
        FOREACH id IN ARRAY swapped LOOP
            theirs := replace(theirs, swaps.nobodys(id), id);
        END LOOP;
        -- each call draws a name for the log
        IF regexp_replace(theirs, '"log_subject": "contact:[^"]*"', '') IS DISTINCT FROM
           regexp_replace(its_result, '"log_subject": "contact:[^"]*"', '') THEN
            what := 'told: ' || coalesce(theirs, 'null');
            RETURN NEXT;
        END IF;
    END LOOP;
END $$;

-- How many of the operations did more than refuse: calls that all fail prove nothing.
CREATE FUNCTION swaps.answered(attacker bigint, seed double precision, calls integer) RETURNS TABLE (operation text, done bigint)
LANGUAGE plpgsql AS $$
DECLARE
    field record;
    request jsonb;
    v jsonb;
BEGIN
    PERFORM setseed(seed);
    FOR operation IN SELECT o.op FROM swaps.operations AS o ORDER BY o.nth LOOP
        done := 0;
        FOR n IN 1..calls LOOP
            request := '{}';
            FOR field IN SELECT f.name, f.type FROM swaps.fields AS f WHERE f.op = operation AND f.name <> 'actor' ORDER BY f.name LOOP
                v := swaps.value(attacker, field.type, field.name);
                IF v IS NOT NULL AND v <> 'null' THEN
                    request := request || jsonb_build_object(field.name, v);
                END IF;
            END LOOP;
            done := done + (SELECT (c.result NOT LIKE 'refused%')::integer FROM swaps.call(attacker, operation, request) AS c
                            WHERE c.result IS NOT NULL);
        END LOOP;
        RETURN NEXT;
    END LOOP;
END $$;

SELECT swaps.look();

-- Of all that the tenant has.
CREATE FUNCTION swaps.digest(tenant bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    target record;
    part text;
    whole text := '';
BEGIN
    FOR target IN SELECT t.relname, CASE t.relname WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END AS field FROM pg_class AS t
                  WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'p') AND NOT t.relispartition
                    AND (t.relname = 'tenants' OR EXISTS (SELECT FROM pg_attribute AS x
                                                          WHERE x.attrelid = t.oid AND x.attname = 'tenant_id'))
                  ORDER BY t.relname LOOP
        EXECUTE format('SELECT md5(string_agg(r::text, %L ORDER BY r::text)) FROM %I AS r WHERE %I = $1', ',', target.relname,
                       target.field) INTO part USING tenant;
        whole := whole || coalesce(part, '-');
    END LOOP;
    RETURN md5(whole);
END $$;
