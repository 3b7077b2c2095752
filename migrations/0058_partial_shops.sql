-- A shop's file changes only what it states, says what that is, and can be asked without doing it. A shop that leaves is told
-- from one whose accounts have ended.

-- A file has stated the account: the next one that states its channel without it retires it. What the API or Meta's sign-in made
-- no file retires, but a bot: a shop has one. Nobody knows it of what was there before; the next file that states it says so.
ALTER TABLE accounts ADD COLUMN in_file boolean NOT NULL DEFAULT false;
-- From when it is told to go until it is retired, or a file that states an account brings it back.
ALTER TABLE tenants ADD COLUMN leaving boolean NOT NULL DEFAULT false;

DROP TRIGGER noted ON accounts;
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION note_row('account', 'id', 'held in_file');

-- As in 0053, and that whoever claims it anew says whether a file does.
CREATE OR REPLACE FUNCTION note_holder() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    from_now tstzmultirange := tstzmultirange(tstzrange(clock_timestamp(), NULL));
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.held := CASE WHEN NEW.retired_at IS NULL THEN from_now ELSE '{}' END;
    ELSIF NEW.retired_at IS NULL AND OLD.retired_at IS NOT NULL THEN
        NEW.held := OLD.held + from_now;
    ELSIF NEW.retired_at IS NOT NULL AND OLD.retired_at IS NULL THEN
        NEW.held := OLD.held - from_now;
        NEW.in_file := false;
    END IF;
    RETURN NEW;
END $$;

-- ---- what a file changes

-- What a file may state of the shop itself, as people read it.
CREATE FUNCTION shop_settings() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'name', t.name, 'language', t.language, 'time_zone', t.time_zone, 'fallback_text', t.fallback_text,
        'keep_days', coalesce(t.keep_days::text, 'for ever'),
        'redact', coalesce((SELECT string_agg(k.kind, ', ' ORDER BY k.kind) FROM jsonb_array_elements_text(t.redact) AS k(kind)),
                           'nothing'))
    FROM tenants AS t WHERE t.id = app_tenant()
$$;

CREATE FUNCTION shop_products() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(
               e.sku, jsonb_build_array(e.name, e.description, e.price, e.currency, e.url, e.attributes)), '{}')
    FROM catalogue_entries AS e WHERE e.tenant_id = app_tenant()
$$;

-- By channel and name; the key is that of an address of the shop's own.
CREATE FUNCTION shop_accounts() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_object_agg(a.channel || ' ' || a.external_id,
                                     jsonb_build_object('name', a.name, 'endpoint', a.endpoint_id, 'key', e.key,
                                                        'retired', a.retired_at IS NOT NULL)), '{}')
    FROM accounts AS a LEFT JOIN endpoints AS e ON e.tenant_id = a.tenant_id AND e.id = a.endpoint_id
    WHERE a.tenant_id = app_tenant()
$$;

-- Each gives a list: of what differs between two of the objects above.
CREATE FUNCTION setting_changes(was jsonb, is_now jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('part', k.key, 'change', 'changed', 'before', was -> k.key, 'after', k.value)
                              ORDER BY k.key), '[]')
    FROM jsonb_each(is_now) AS k WHERE k.value IS DISTINCT FROM was -> k.key
$$;

CREATE FUNCTION list_changes(part text, was jsonb, is_now jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN was = is_now THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
        'part', part, 'change', 'changed',
        'counts', jsonb_build_object(
            'all', (SELECT count(*) FROM jsonb_each(is_now)),
            'new', (SELECT count(*) FROM jsonb_each(is_now) AS k WHERE NOT was ? k.key),
            'changed', (SELECT count(*) FROM jsonb_each(is_now) AS k WHERE was ? k.key AND was -> k.key <> k.value),
            'gone', (SELECT count(*) FROM jsonb_each(was) AS k WHERE NOT is_now ? k.key)))) END
$$;

CREATE FUNCTION account_changes(was jsonb, is_now jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'part', 'account', 'name', k.key,
        'change', CASE WHEN NOT was ? k.key THEN 'new'
                       WHEN (k.value ->> 'retired')::boolean THEN 'retired'
                       WHEN (was -> k.key ->> 'retired')::boolean THEN 'back'
                       WHEN k.value -> 'endpoint' <> was -> k.key -> 'endpoint' THEN 'moved'
                       ELSE 'changed' END) ORDER BY k.key), '[]')
    FROM jsonb_each(is_now) AS k WHERE k.value IS DISTINCT FROM was -> k.key
$$;

-- As in 0035, and "own_app": whether a secret of the shop's own app is stated. Where it is not, an account that is there leaves its
-- address for none of the shop's own; who does not say "own_app" means the shop's own.
CREATE OR REPLACE FUNCTION apply_account_of(spec jsonb, agent bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    account uuid := (spec ->> 'account_id')::uuid;
    endpoint bigint;
BEGIN
    IF spec ->> 'app_key' = '' AND (spec ->> 'own_app')::boolean IS FALSE THEN
        SELECT a.endpoint_id INTO endpoint FROM accounts AS a WHERE a.tenant_id = tenant AND a.id = account;
    END IF;
    IF endpoint IS NOT NULL THEN
        NULL;  -- it stays there
    ELSIF spec ->> 'app_key' <> '' THEN
        SELECT e.id INTO STRICT endpoint FROM find_endpoint(spec ->> 'channel', spec ->> 'app_key') AS e;
    ELSE
        SELECT e.id INTO endpoint FROM endpoints AS e
        WHERE e.tenant_id = tenant AND e.channel = spec ->> 'channel' ORDER BY e.id LIMIT 1;
        IF endpoint IS NULL THEN
            INSERT INTO endpoints (tenant_id, channel, key, name)
            VALUES (tenant, spec ->> 'channel', coalesce(nullif(spec ->> 'key', ''), spec ->> 'drawn'), spec ->> 'name')
            RETURNING id INTO endpoint;
        ELSIF spec ->> 'key' <> '' THEN
            UPDATE endpoints AS e SET key = spec ->> 'key' WHERE e.tenant_id = tenant AND e.id = endpoint;
        END IF;
    END IF;
    -- as long as the topics keep records
    INSERT INTO former_endpoints (tenant_id, account_id, endpoint_id, until)
    SELECT tenant, account, a.endpoint_id, now() + interval '14 days' FROM accounts AS a
    WHERE a.tenant_id = tenant AND a.id = account AND a.endpoint_id <> endpoint
    ON CONFLICT ON CONSTRAINT former_endpoints_pkey DO UPDATE SET until = excluded.until;
    INSERT INTO accounts (tenant_id, id, channel, external_id, endpoint_id, name, agent_id)
    VALUES (tenant, account, spec ->> 'channel', spec ->> 'external_id', endpoint, spec ->> 'name', agent)
    ON CONFLICT (tenant_id, id) DO UPDATE
    SET name = excluded.name, agent_id = excluded.agent_id, endpoint_id = excluded.endpoint_id, retired_at = NULL;
END $$;

-- The shop's default agent is, or becomes, the one that is stated: all of `agent`, or what `states` names of it. One that nobody
-- has published is all of it. Where nothing is stated the product's own is made only for accounts that have none. What changed.
CREATE FUNCTION apply_stated_agent(agent jsonb, states jsonb, needed boolean) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    own agents;
    was agents;
    is_now agents;
    stated jsonb := CASE WHEN states IS NULL THEN agent
                         ELSE (SELECT coalesce(jsonb_object_agg(f.key, f.value), '{}') FROM jsonb_each(agent) AS f
                               WHERE states ? f.key) END;
    named text;
    changes jsonb := '[]';
BEGIN
    SELECT * INTO own FROM agents AS x WHERE x.tenant_id = tenant AND x.is_own;
    IF stated = '{}' AND (own.id IS NOT NULL OR NOT needed) THEN
        RETURN '[]';
    END IF;
    named := coalesce(stated ->> 'name', own.name, agent ->> 'name');
    SELECT * INTO was FROM agents AS x WHERE x.tenant_id = tenant AND x.name = named FOR NO KEY UPDATE;
    PERFORM apply_agent(CASE WHEN coalesce(was.version, 0) = 0 THEN agent ELSE stated END || jsonb_build_object('name', named));
    SELECT * INTO STRICT is_now FROM agents AS x WHERE x.tenant_id = tenant AND x.name = named;
    IF was.version IS DISTINCT FROM is_now.version THEN
        changes := jsonb_build_array(jsonb_build_object(
            'part', 'agent', 'name', named, 'change', CASE WHEN was.version > 0 THEN 'changed' ELSE 'new' END,
            'fields', CASE WHEN was.version > 0
                           THEN (SELECT coalesce(jsonb_agg(CASE f.key WHEN 'enabled_tools' THEN 'tools' ELSE f.key END ORDER BY f.key),
                                                 '[]')
                                 FROM jsonb_each(agent_snapshot(is_now)) AS f
                                 WHERE f.value IS DISTINCT FROM agent_snapshot(was) -> f.key) ELSE '[]' END));
    END IF;
    IF own.id IS DISTINCT FROM is_now.id THEN
        PERFORM renew_answers();  -- of accounts that are not stated too
        IF own.id IS NOT NULL THEN
            changes := changes || jsonb_build_object('part', 'default agent', 'change', 'changed', 'before', own.name, 'after', named);
        END IF;
    END IF;
    RETURN changes;
END $$;

-- As in 0035 (op_apply_shop), but that what is not stated stays: what it changed, or null where the shop's key was replaced. A shop
-- that was removed is back where an account is stated.
CREATE OR REPLACE FUNCTION apply_shop(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    stated jsonb := req -> 'accounts';
    settings jsonb;
    was tenants;
    products jsonb;
    standing jsonb;
    account jsonb;
    changes jsonb;
BEGIN
    IF NOT hold_newest_key(req -> 'credentials') THEN
        RETURN NULL;
    END IF;
    IF req -> 'settings' ? 'time_zone' THEN
        PERFORM pg_advisory_xact_lock(budgets_lock());  -- before the row's, as op_change_tenant
    END IF;
    SELECT * INTO STRICT was FROM tenants AS t WHERE t.id = tenant FOR NO KEY UPDATE;
    settings := shop_settings();  -- whoever applied at once is through
    PERFORM op_change_tenant(coalesce(req -> 'settings', '{}'));
    products := shop_products();
    standing := shop_accounts();
    UPDATE tenants AS t
    SET name = coalesce(nullif(req ->> 'name', ''), t.name), language = coalesce(nullif(req ->> 'language', ''), t.language),
        fallback_text = coalesce(nullif(req ->> 'fallback_text', ''), t.fallback_text),
        synonyms = coalesce(req -> 'synonyms', t.synonyms),
        retired_at = CASE WHEN stated <> '[]' THEN NULL ELSE t.retired_at END, leaving = t.leaving AND stated = '[]'
    WHERE t.id = tenant;
    changes := CASE WHEN stated <> '[]' AND (was.leaving OR was.retired_at IS NOT NULL)
                    THEN '[{"part": "shop", "change": "back"}]' ELSE '[]' END::jsonb
        || setting_changes(settings, shop_settings())
        || CASE WHEN req ? 'synonyms' THEN list_changes('synonyms', was.synonyms, req -> 'synonyms') ELSE '[]' END
        || apply_stated_agent(req -> 'agent', req -> 'agent_states', stated <> '[]');
    FOR account IN SELECT jsonb_array_elements(stated) LOOP
        PERFORM apply_account(account || jsonb_build_object('name', coalesce(
            nullif(account ->> 'name', ''),
            (SELECT a.name FROM accounts AS a WHERE a.tenant_id = tenant AND a.id = (account ->> 'account_id')::uuid),
            CASE account ->> 'channel' WHEN 'whatsapp' THEN '' ELSE was.name END)), own_agent());
    END LOOP;
    UPDATE accounts AS a SET in_file = true
    WHERE a.tenant_id = tenant AND NOT a.in_file
      AND a.id IN (SELECT (k ->> 'account_id')::uuid FROM jsonb_array_elements(stated) AS k);
    UPDATE accounts AS a SET retired_at = now()
    WHERE a.tenant_id = tenant AND a.retired_at IS NULL
      AND (a.in_file OR a.channel = 'telegram')  -- a shop has one bot: its address and token are that one's
      AND a.channel IN (SELECT k ->> 'channel' FROM jsonb_array_elements(stated) AS k)
      AND a.id NOT IN (SELECT (k ->> 'account_id')::uuid FROM jsonb_array_elements(stated) AS k);
    changes := changes || account_changes(standing, shop_accounts());
    IF req -> 'credentials' <> '[]' THEN
        PERFORM put_credentials(req -> 'credentials');
    END IF;
    IF req ? 'catalogue' THEN
        PERFORM apply_catalogue(req -> 'catalogue');
        changes := changes || list_changes('catalogue', products, shop_products());
    END IF;
    IF changes @> '[{"part": "account"}]' THEN
        UPDATE vault SET changes = vault.changes + 1;  -- addresses are cached with their secrets
    END IF;
    RETURN changes;
END $$;

-- {"done", "changes", "agent"}: what the shop's default agent is then. Nothing is done in a "dry_run", and where it is "careful"
-- and would retire or move an account. A dry run may be of a shop that is not there: of no tenant, with its "slug".
CREATE OR REPLACE FUNCTION op_apply_shop(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    dry boolean := coalesce((req ->> 'dry_run')::boolean, false);
    careful boolean := coalesce((req ->> 'careful')::boolean, false);
    done boolean;
    changes jsonb;
    agent jsonb;
BEGIN
    BEGIN
        IF dry AND app_tenant() IS NULL THEN
            PERFORM set_config('app.tenant_id', op_register_tenant(req) #>> '{}', true);
        END IF;
        changes := apply_shop(req);
        agent := (SELECT agent_snapshot(x) FROM agents AS x WHERE x.tenant_id = app_tenant() AND x.id = own_agent());
        done := changes IS NOT NULL AND NOT dry
            AND NOT (careful AND (changes @> '[{"part": "account", "change": "retired"}]'
                                  OR changes @> '[{"part": "account", "change": "moved"}]'));
        IF NOT done THEN
            RAISE SQLSTATE 'RE001';
        END IF;
        IF req -> 'credentials' @> '[{"category": "whatsapp_cloud", "name": "APP_SECRET"}]' THEN
            PERFORM leave_meta(ARRAY(SELECT (k ->> 'account_id')::uuid FROM jsonb_array_elements(req -> 'accounts') AS k));
        END IF;
    EXCEPTION WHEN SQLSTATE 'RE001' THEN
        NULL;  -- what was done is undone; what was found is kept
    END;
    IF changes IS NULL THEN
        RETURN '{"stale": true}';
    END IF;
    RETURN jsonb_build_object('done', done, 'changes', changes, 'agent', agent);
END $$;

GRANT EXECUTE ON FUNCTION shop_settings, shop_products, shop_accounts, setting_changes, list_changes, account_changes,
    apply_stated_agent TO relevo_app;

-- ---- a shop that leaves

-- As in 0035, and "leaving".
CREATE OR REPLACE FUNCTION op_list_addresses(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'retired', (SELECT t.retired_at IS NOT NULL FROM tenants AS t WHERE t.id = app_tenant()),
        'leaving', (SELECT t.leaving FROM tenants AS t WHERE t.id = app_tenant()),
        'endpoints', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'channel', e.channel, 'key', e.key)), '[]')
                      FROM endpoints AS e WHERE e.tenant_id = app_tenant()),
        'accounts', (SELECT coalesce(jsonb_agg(jsonb_build_object('channel', a.channel, 'endpoint', a.endpoint_id,
                                                                  'account', a.external_id)
                                               ORDER BY a.created_at, a.external_id), '[]')
                     FROM accounts AS a WHERE a.tenant_id = app_tenant() AND a.retired_at IS NULL))
$$;

CREATE OR REPLACE FUNCTION op_retire_shop(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    standing jsonb := op_shop_standing('{}');
    closed timestamptz := (SELECT max(a.retired_at) FROM accounts AS a WHERE a.tenant_id = app_tenant());
BEGIN
    IF (standing ->> 'guests')::boolean THEN
        RETURN standing;
    END IF;
    UPDATE tenants AS t SET leaving = true WHERE t.id = app_tenant() AND t.retired_at IS NULL AND NOT t.leaving;
    UPDATE accounts AS a SET retired_at = now() WHERE a.tenant_id = app_tenant() AND a.retired_at IS NULL;
    IF (standing ->> 'accounts')::bigint > 0 THEN
        UPDATE vault SET changes = changes + 1;  -- addresses are cached with their secrets
    END IF;
    IF (standing ->> 'accounts')::bigint > 0 OR (standing ->> 'conversations')::bigint > 0
       OR closed > now() - interval '2 minutes' THEN
        RETURN standing;
    END IF;
    DELETE FROM credentials AS c WHERE c.tenant_id = app_tenant() AND c.category <> 'relevo';
    UPDATE tenants AS t SET retired_at = now(), leaving = false WHERE t.id = app_tenant() AND t.retired_at IS NULL;
    RETURN standing || '{"retired": true}';
END $$;
