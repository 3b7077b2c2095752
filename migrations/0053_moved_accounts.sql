-- An account that its shop has ended may become another's, once that one proves to control it. Each shop keeps its own row, with
-- the same id, and what came in while it had the account: before the other shop's claim nothing is that one's.

-- As in 0039, but for what follows from the rest.
DROP TRIGGER noted ON accounts;
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION note_row('account', 'id', 'held');

-- When it was the shop's: those of one name never overlap. Until now nobody had one after another; the column is written as it is
-- made, because nobody sees all rows.
ALTER TABLE accounts ADD COLUMN held tstzmultirange;
ALTER TABLE accounts
    ALTER COLUMN held TYPE tstzmultirange USING tstzmultirange(tstzrange(NULL, retired_at)),
    ALTER COLUMN held SET NOT NULL,
    DROP CONSTRAINT accounts_channel_external_id_key;
CREATE UNIQUE INDEX accounts_live ON accounts (channel, external_id) WHERE retired_at IS NULL;
CREATE INDEX accounts_of_name ON accounts (channel, external_id);

-- By the database's clock, whatever the caller's says.
CREATE FUNCTION note_holder() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    from_now tstzmultirange := tstzmultirange(tstzrange(clock_timestamp(), NULL));
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.held := CASE WHEN NEW.retired_at IS NULL THEN from_now ELSE '{}' END;
    ELSIF NEW.retired_at IS NULL AND OLD.retired_at IS NOT NULL THEN
        NEW.held := OLD.held + from_now;
    ELSIF NEW.retired_at IS NOT NULL AND OLD.retired_at IS NULL THEN
        NEW.held := OLD.held - from_now;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER note_holder BEFORE INSERT OR UPDATE OF retired_at ON accounts
    FOR EACH ROW EXECUTE FUNCTION note_holder();

-- ---- whose a record is

-- Of the rows of that name (or of the address's only account, where it is empty) the one of the shop that had it when the record
-- was written; where none had, that of the shop which the address speaks for and which had it last before. `written` is null for
-- receipts, which name a bubble of their shop's: there the address alone counts. "moved": several shops have or had it;
-- "spoken_for" (of those): by the address. Whoever asks sees all shops' rows.
CREATE FUNCTION held_account(wanted_channel text, wanted_id text, scope bigint, written timestamptz)
RETURNS TABLE (tenant_id bigint, id uuid, channel text, external_id text, endpoint_id bigint, agent_id bigint, retired boolean,
               moved boolean, spoken_for boolean)
LANGUAGE sql STABLE AS $$
    SELECT a.tenant_id, a.id, a.channel, a.external_id, a.endpoint_id, a.agent_id, a.retired_at IS NOT NULL, a.moved, a.spoken_for
    FROM (SELECT x.*, x.moved AND (
                     x.endpoint_id = scope
                     OR EXISTS (SELECT FROM endpoints AS e
                                WHERE e.id = scope AND e.tenant_id = x.tenant_id AND e.channel = x.channel)
                     OR EXISTS (SELECT FROM former_endpoints AS f
                                WHERE f.account_id = x.id AND f.endpoint_id = scope AND f.tenant_id = x.tenant_id
                                  AND f.until > now())) AS spoken_for
          FROM (SELECT y.*, count(*) OVER () > 1 AS moved FROM accounts AS y
                WHERE y.channel = wanted_channel
                  AND y.external_id = CASE wanted_id WHEN '' THEN sole_account(scope) ELSE wanted_id END) AS x) AS a
    -- one row, of nearly all accounts, is not judged
    ORDER BY (a.moved AND coalesce(a.held @> written, false)) DESC, a.spoken_for DESC,
             CASE WHEN a.moved THEN (SELECT max(h.since)
                                     FROM (SELECT coalesce(lower(r), '-infinity') AS since FROM unnest(a.held) AS r) AS h
                                     WHERE h.since <= coalesce(written, 'infinity')) END DESC NULLS LAST,
             CASE WHEN a.moved THEN coalesce(lower(a.held), '-infinity') END
    LIMIT 1
$$;

DROP FUNCTION resolve_account(text, text, bigint);
CREATE FUNCTION resolve_account(wanted_channel text, wanted_id text, scope bigint, written timestamptz DEFAULT NULL)
RETURNS TABLE (tenant_id bigint, id uuid, channel text, external_id text, endpoint_id bigint, agent_id bigint, retired boolean,
               moved boolean, spoken_for boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
#variable_conflict use_column
DECLARE
    name text := CASE wanted_id WHEN '' THEN sole_account(scope) ELSE wanted_id END;
BEGIN
    -- nearly always: planned once, while what has to judge is planned at each call
    RETURN QUERY SELECT a.tenant_id, a.id, a.channel, a.external_id, a.endpoint_id, a.agent_id, a.retired_at IS NOT NULL,
                        false, false
                 FROM accounts AS a
                 WHERE a.channel = wanted_channel AND a.external_id = name
                   AND NOT EXISTS (SELECT FROM accounts AS o
                                   WHERE o.channel = a.channel AND o.external_id = a.external_id AND o.tenant_id <> a.tenant_id);
    IF NOT FOUND THEN
        RETURN QUERY SELECT h.* FROM held_account(wanted_channel, name, scope, written) AS h;
    END IF;
END $$;

-- As in 0019, but that it is said whose row it is.
DROP FUNCTION resolve_owner;
CREATE FUNCTION resolve_owner(wanted_channel text, scope bigint) RETURNS TABLE (tenant_id bigint, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT a.tenant_id, a.id FROM accounts AS a
    WHERE a.channel = wanted_channel AND a.tenant_id = sole_shop(scope)
    ORDER BY a.retired_at DESC NULLS FIRST, a.created_at, a.external_id LIMIT 1
$$;

-- When a record was written: not after it came in, whatever it says. {} of a letter from before says nothing.
CREATE FUNCTION written_at(about jsonb, came_in timestamptz) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN least(from_millis((about ->> 'sent_at')::bigint), came_in);
CREATE FUNCTION scope_of(about jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN coalesce(substring(about ->> 'scope' FROM '^[0-9]{1,18}$')::bigint, 0);

-- Whether a record that names no tenant, under a name that the tenant has or had, is that of another shop which had the name then.
-- What no shop would be given is nobody's, and so is a receipt, whose name is that of one bubble.
CREATE FUNCTION is_anothers(tenant bigint, about jsonb, came_in timestamptz) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT NOT about ? 'provider_id'
           AND EXISTS (SELECT FROM held_account(about ->> 'channel', about ->> 'account', scope_of(about),
                                                written_at(about, came_in)) AS h
                       WHERE h.spoken_for AND h.tenant_id <> tenant)
$$;

GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION resolve_account OWNER TO relevo_router;
ALTER FUNCTION resolve_owner OWNER TO relevo_router;
ALTER FUNCTION is_anothers OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION resolve_account, resolve_owner, is_anothers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION resolve_account, resolve_owner, is_anothers TO relevo_app;
GRANT EXECUTE ON FUNCTION is_anothers TO relevo_operator_text;
GRANT EXECUTE ON FUNCTION held_account TO relevo_router, relevo_operator;
GRANT EXECUTE ON FUNCTION written_at, scope_of TO relevo_app, relevo_router, relevo_operator, relevo_operator_text;
GRANT EXECUTE ON FUNCTION moment_of TO relevo_operator, relevo_operator_text;
GRANT EXECUTE ON FUNCTION sole_shop, sole_account TO relevo_operator;
-- for held_account; no keys
GRANT SELECT (tenant_id, id, channel) ON endpoints TO relevo_operator;
GRANT SELECT ON former_endpoints TO relevo_operator;
DROP POLICY operator_reads ON endpoints;
CREATE POLICY operator_reads ON endpoints FOR SELECT TO relevo_operator USING (true);
CREATE POLICY operator_reads ON former_endpoints FOR SELECT TO relevo_operator USING (true);
GRANT EXECUTE ON FUNCTION note_holder TO relevo_app;

-- As in 0019, of the row that was found.
CREATE FUNCTION found_account(tenant bigint, account uuid) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    named accounts;
    agent agents;
BEGIN
    -- the rest is read as that tenant, under its policies
    PERFORM set_config('app.tenant_id', tenant::text, true);
    SELECT * INTO STRICT named FROM accounts AS a WHERE a.tenant_id = tenant AND a.id = account;
    SELECT * INTO STRICT agent FROM agents AS a WHERE a.tenant_id = tenant AND a.id = named.agent_id;
    RETURN jsonb_build_object(
        'tenant', named.tenant_id, 'id', named.id, 'channel', named.channel, 'external_id', named.external_id,
        'endpoint', named.endpoint_id, 'quiet_ms', agent.quiet_ms, 'max_wait_ms', agent.max_wait_ms,
        'max_messages', agent.max_messages, 'retired', named.retired_at IS NOT NULL,
        'others', (SELECT coalesce(jsonb_agg(o.id), '[]')
                   FROM (SELECT e.id FROM endpoints AS e WHERE e.tenant_id = tenant AND e.channel = named.channel
                         UNION SELECT f.endpoint_id FROM former_endpoints AS f
                               WHERE f.tenant_id = tenant AND f.account_id = named.id AND f.until > now()) AS o
                   WHERE o.id <> named.endpoint_id));
END $$;

-- {"channel", "external_id", "scope"} and "at", when it was written, or "receipt". A process of the version before says neither:
-- where that decides it waits until it is replaced.
CREATE OR REPLACE FUNCTION op_find_account(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    named record;
BEGIN
    SELECT * INTO named FROM resolve_account(req ->> 'channel', req ->> 'external_id', (req ->> 'scope')::bigint,
                                             from_millis((req ->> 'at')::bigint));
    IF NOT FOUND THEN
        RETURN 'null';
    ELSIF named.moved AND NOT req ?| ARRAY['at', 'receipt'] THEN
        RAISE lock_not_available USING MESSAGE = 'the account was another shop''s: a newer version is needed';
    END IF;
    RETURN found_account(named.tenant_id, named.id);
END $$;

CREATE OR REPLACE FUNCTION op_find_owner(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    owner record;
BEGIN
    SELECT * INTO owner FROM resolve_owner(req ->> 'channel', (req ->> 'scope')::bigint);
    RETURN CASE WHEN FOUND THEN found_account(owner.tenant_id, owner.id) ELSE 'null' END;
END $$;
GRANT EXECUTE ON FUNCTION found_account TO relevo_app;

-- As in 0033, of one that is not ended.
CREATE OR REPLACE FUNCTION op_account_taken(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(EXISTS (SELECT FROM resolve_account(req ->> 'channel', req ->> 'external_id', 0, 'infinity') AS a
                            JOIN list_tenants() AS t ON t.id = a.tenant_id
                            WHERE t.slug <> req ->> 'slug' AND NOT a.retired))
$$;

-- ---- what is still to be sent

-- As in 0043; nothing is sent from a number that is another shop's by now.
CREATE OR REPLACE FUNCTION op_claim_reply(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    reply uuid := (req ->> 'reply')::uuid;
BEGIN
    IF EXISTS (SELECT FROM replies AS r
               JOIN conversations AS c ON c.tenant_id = tenant AND c.id = r.conversation_id
               JOIN accounts AS a ON a.tenant_id = tenant AND a.id = c.account_id AND a.retired_at IS NOT NULL
               CROSS JOIN LATERAL resolve_account(a.channel, a.external_id, 0, 'infinity') AS h
               WHERE r.tenant_id = tenant AND r.id = reply AND h.tenant_id <> tenant AND NOT h.retired) THEN
        PERFORM lock_reply(reply);
        UPDATE replies AS r SET status = 'dropped', reason = 'account retired'
        WHERE r.tenant_id = tenant AND r.id = reply AND r.status = 'pending'
          AND NOT EXISTS (SELECT FROM deliveries AS d
                          WHERE d.tenant_id = tenant AND d.reply_id = r.id AND d.status = 'intent');
    END IF;
    RETURN claim_reply(with_spacing(req));
END $$;

-- ---- dead letters and what waits, which name no tenant

-- As in 0036, and "sent_at".
CREATE OR REPLACE FUNCTION about_record(value bytea) RETURNS jsonb LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    record jsonb;
BEGIN
    record := convert_from(value, 'UTF8')::jsonb;
    IF jsonb_typeof(record) <> 'object' THEN
        RETURN '{}';
    ELSIF record ? 'topic' AND record ? 'value' THEN  -- a timer
        RETURN public.about_record(convert_to(record ->> 'value', 'UTF8'))
            || jsonb_build_object('wakes', left(record ->> 'topic', 200));
    END IF;
    -- bounded: these are indexed
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'channel', left(record ->> 'channel', 200), 'scope', left(record ->> 'scope', 20),
        'account', CASE WHEN record ? 'channel' THEN coalesce(left(record ->> 'account', 200), '') END,
        'kind', left(record ->> 'kind', 200), 'event_id', left(record ->> 'event_id', 200),
        'contact', left(record #>> '{aliases,0,value}', 200), 'provider_id', left(record ->> 'provider_id', 200),
        'sent_at', substring(record ->> 'sent_at_ms' FROM '^-?[0-9]{1,14}$'),
        'status', left(record ->> 'status', 200), 'conversation', left(record ->> 'conversation', 36),
        'message', left(record ->> 'message', 36), 'turn', left(record ->> 'turn', 36),
        'reply', left(record ->> 'reply', 36)));
EXCEPTION WHEN OTHERS THEN
    RETURN '{}';  -- no text, no JSON, too deep: it is a dead letter all the more
END $$;

-- A person of two shops under one number is erased, counted and shown for each shop apart.
UPDATE personal_tables AS p SET whose = p.whose || CASE p.name
    WHEN 'timers' THEN ' AND (x.tenant_id IS NOT NULL OR NOT is_anothers($1, x.about, '
                       'coalesce(from_millis((x.headers ->> ''time'')::bigint), x.created_at)))'
    ELSE ' AND (x.tenant_id IS NOT NULL OR NOT is_anothers($1, x.about, coalesce(moment_of(x.headers ->> ''ce_time''), x.at)))' END
WHERE p.tenantless;

-- As in 0042, with "about" and "came_in".
CREATE OR REPLACE FUNCTION unstored_messages(letters bigint[], parked uuid[]) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('event_id', u.about ->> 'event_id', 'channel', u.about ->> 'channel',
                                                 'account', u.about ->> 'account', 'at', to_millis(u.at), 'about', u.about,
                                                 'came_in', to_millis(u.came_in))), '[]')
    FROM (SELECT DISTINCT ON (r.record) r.record, r.about, r.at, r.came_in
          FROM (SELECT coalesce(nullif(k.headers ->> 'ce_id', ''), 'letter ' || k.id) AS record, k.about, k.at,
                       coalesce(moment_of(k.headers ->> 'ce_time'), k.at) AS came_in
                FROM dead_letters AS k
                WHERE k.id = ANY (letters) AND k.tenant_id IS NOT DISTINCT FROM app_tenant()
                  AND (k.topic = 'messages.received' OR k.about ->> 'wakes' = 'messages.received')
                UNION ALL
                SELECT coalesce(nullif(t.headers ->> 'id', ''), t.id::text), about_record(convert_to(t.value, 'UTF8')),
                       t.created_at, coalesce(from_millis((t.headers ->> 'time')::bigint), t.created_at)
                FROM timers AS t
                WHERE t.id = ANY (parked) AND t.tenant_id IS NOT DISTINCT FROM app_tenant()
                  AND t.topic = 'messages.received' AND t.letter IS NULL) AS r
          WHERE coalesce(r.about ->> 'kind', 'message') IN ('message', 'reaction')
          ORDER BY r.record, r.at) AS u
$$;
CREATE OR REPLACE FUNCTION count_unstored(unstored jsonb, why text) RETURNS void LANGUAGE sql AS $$
    SELECT count_erased(from_millis((u ->> 'at')::bigint), 'dropped', why, 1)
    FROM jsonb_array_elements(unstored) AS u
    WHERE NOT is_anothers(app_tenant(), u -> 'about', from_millis((u ->> 'came_in')::bigint))
      AND NOT EXISTS (SELECT FROM messages AS m JOIN accounts AS a ON a.tenant_id = m.tenant_id AND a.id = m.account_id
                      WHERE m.tenant_id = app_tenant() AND m.event_id = u ->> 'event_id' AND a.channel = u ->> 'channel'
                        AND coalesce(u ->> 'account', '') IN ('', a.external_id))
$$;

-- As in 0042 (op_forget_rest), but for what is another shop's.
CREATE OR REPLACE FUNCTION forget_rest(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
                       AND NOT is_anothers(tenant, k.about, coalesce(moment_of(k.headers ->> 'ce_time'), k.at))
                     ORDER BY k.at LIMIT most FOR UPDATE SKIP LOCKED);
    unstored := unstored_messages(nobodys, '{}');
    DELETE FROM dead_letters AS k WHERE k.tenant_id IS NULL AND k.id = ANY (nobodys);
    PERFORM set_config('app.tenant_id', tenant::text, true);
    PERFORM count_unstored(unstored, 'forgotten');
    RETURN jsonb_build_object('events', events, 'archived', archived,
                              'letters', cardinality(own) + cardinality(nobodys));
END $$;

-- As in 0024 (op_audit_letters), but that each is of one shop.
CREATE OR REPLACE FUNCTION audit_letters(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH letters AS (
        SELECT DISTINCT ON (coalesce(nullif(k.headers ->> 'ce_id', ''), 'letter ' || k.id))
               k.id, coalesce(k.tenant_id, a.tenant_id) AS tenant_id, a.retired_at, k.status, k.status_at, k.code, k.reason,
               a.id AS account_id, a.tenant_id AS account_tenant, k.about ->> 'event_id' AS event_id
        FROM dead_letters AS k
        LEFT JOIN accounts AS a
            ON a.channel = k.about ->> 'channel' AND a.external_id = k.about ->> 'account'
            AND (NOT EXISTS (SELECT FROM accounts AS o
                             WHERE o.channel = a.channel AND o.external_id = a.external_id AND o.tenant_id <> a.tenant_id)
                 OR a.tenant_id = (SELECT h.tenant_id
                                   FROM held_account(a.channel, a.external_id, scope_of(k.about),
                                                     written_at(k.about, coalesce(moment_of(k.headers ->> 'ce_time'), k.at))) AS h))
        WHERE (k.topic = 'messages.received' OR k.about ->> 'wakes' = 'messages.received')
          AND coalesce(k.about ->> 'kind', 'message') IN ('message', 'reaction')
          AND (NOT req ? 'since' OR k.at >= from_millis((req ->> 'since')::bigint))
        ORDER BY coalesce(nullif(k.headers ->> 'ce_id', ''), 'letter ' || k.id), k.id DESC
    ), judged AS (
        SELECT l.*, CASE WHEN l.status <> 'redriven' THEN l.status
                         WHEN l.retired_at IS NOT NULL THEN 'dropped'
                         WHEN EXISTS (SELECT FROM timers AS t WHERE t.letter = l.id)
                              OR l.status_at > from_millis((req ->> 'now')::bigint)
                                               - (req ->> 'bound_ms')::bigint * interval '1 millisecond'
                              OR req -> 'lagging' ? 'resolve' THEN 'open'
                         ELSE 'unexplained' END AS ended,
               CASE WHEN l.status = 'dead' THEN l.code WHEN l.status = 'dropped' THEN l.reason
                    WHEN l.retired_at IS NOT NULL THEN 'account retired' ELSE 'redriven' END AS why
        FROM letters AS l
        WHERE (NOT req ? 'tenant' OR l.tenant_id = (SELECT t.id FROM tenants AS t WHERE t.slug = req ->> 'tenant'))
          -- what has a row is in the other part of the books
          AND NOT EXISTS (SELECT FROM messages AS m
                          WHERE m.event_id = l.event_id AND m.account_id = l.account_id AND m.tenant_id = l.account_tenant)
    )
    SELECT jsonb_build_object(
        'counts', (SELECT coalesce(jsonb_agg(to_jsonb(n)), '[]')
                   FROM (SELECT ended, why AS reason, count(*) FROM judged GROUP BY 1, 2) AS n),
        'unexplained', (SELECT coalesce(jsonb_agg(to_jsonb(u)), '[]')
                        FROM (SELECT coalesce(j.event_id, 'letter ' || j.id) AS message, coalesce(j.tenant_id, 0) AS tenant,
                                     coalesce((SELECT t.slug FROM tenants AS t WHERE t.id = j.tenant_id), '') AS slug,
                                     'redriven, and never seen again' AS reason, to_millis(j.status_at) AS since
                              FROM judged AS j WHERE j.ended = 'unexplained'
                              ORDER BY j.status_at LIMIT (req ->> 'listed')::integer) AS u))
$$;

-- ---- numbers that leave the installation's app at Meta

-- One whose shop states its app's secret stands under an app of its own from now on: neither that secret nor its token is kept up
-- by the sign-in that claimed it before.
CREATE FUNCTION leave_meta(accounts_of uuid[]) RETURNS void LANGUAGE sql AS $$
    DELETE FROM meta_accounts AS m USING accounts AS a
    WHERE m.tenant_id = app_tenant() AND m.account_id = ANY (accounts_of)
      AND a.tenant_id = m.tenant_id AND a.id = m.account_id AND a.channel = 'whatsapp'
$$;
GRANT EXECUTE ON FUNCTION leave_meta TO relevo_app;

-- "own_app": an app's secret was stated, be it the one that is kept already.
ALTER FUNCTION op_claim_account RENAME TO claim_account;
CREATE FUNCTION op_claim_account(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    claimed jsonb := claim_account(req);
BEGIN
    IF claimed = '{}' AND (req ->> 'own_app')::boolean THEN
        PERFORM leave_meta(ARRAY[(req ->> 'account_id')::uuid]);
    END IF;
    RETURN claimed;
END $$;

ALTER FUNCTION op_apply_shop RENAME TO apply_shop;
CREATE FUNCTION op_apply_shop(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    applied jsonb := apply_shop(req);
BEGIN
    IF applied = 'null' AND req -> 'credentials' @> '[{"category": "whatsapp_cloud", "name": "APP_SECRET"}]' THEN
        PERFORM leave_meta(ARRAY(SELECT (k ->> 'account_id')::uuid FROM jsonb_array_elements(req -> 'accounts') AS k));
    END IF;
    RETURN applied;
END $$;
GRANT EXECUTE ON FUNCTION op_claim_account, op_apply_shop TO relevo_app;
