CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';

CREATE EXTENSION IF NOT EXISTS unaccent WITH SCHEMA public;

COMMENT ON EXTENSION unaccent IS 'text search dictionary that removes accents';

CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

COMMENT ON EXTENSION vector IS 'vector data type and ivfflat and hnsw access methods';

CREATE TYPE public.call_costs AS (
	currency text,
	cost bigint,
	calls bigint,
	unpriced bigint,
	lost bigint
);

CREATE FUNCTION public.about_record(value bytea) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
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
END $_$;

CREATE FUNCTION public.about_step(request jsonb, response jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN jsonb_strip_nulls(jsonb_build_object('cutoff', (request -> 'cutoff'::text), 'passages', CASE jsonb_typeof((request -> 'passages'::text)) WHEN 'array'::text THEN jsonb_array_length((request -> 'passages'::text)) ELSE NULL::integer END, 'provider', "left"((response ->> 'provider'::text), 200), 'model', "left"((response ->> 'model'::text), 200), 'in_vain', NULLIF(jsonb_path_query_array(response, '$."in_vain"[*]."code"'::jsonpath), '[]'::jsonb), 'finish_reason', "left"((response ->> 'finish_reason'::text), 200), 'usage', (response -> 'usage'::text)));

CREATE FUNCTION public.about_text(value text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN public.about_record(convert_to(value, 'UTF8'::name));

CREATE FUNCTION public.account_changes(was jsonb, is_now jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'part', 'account', 'name', k.key,
        'change', CASE WHEN NOT was ? k.key THEN 'new'
                       WHEN (k.value ->> 'retired')::boolean THEN 'retired'
                       WHEN (was -> k.key ->> 'retired')::boolean THEN 'back'
                       WHEN k.value -> 'endpoint' <> was -> k.key -> 'endpoint' THEN 'moved'
                       ELSE 'changed' END) ORDER BY k.key), '[]')
    FROM jsonb_each(is_now) AS k WHERE k.value IS DISTINCT FROM was -> k.key
$$;

CREATE TABLE public.accounts (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    channel text NOT NULL,
    external_id text NOT NULL,
    endpoint_id bigint NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    agent_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    retired_at timestamp with time zone,
    chosen_agent_id bigint,
    held tstzmultirange NOT NULL,
    in_file boolean DEFAULT false NOT NULL
);

ALTER TABLE ONLY public.accounts FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.account_facts(x public.accounts) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', x.id, 'channel', x.channel, 'external_id', x.external_id, 'name', x.name, 'agent', x.agent_id,
        'chosen', x.chosen_agent_id IS NOT NULL, 'created_at', to_millis(x.created_at), 'retired_at', to_millis(x.retired_at),
        'key', (SELECT e.key FROM endpoints AS e WHERE e.tenant_id = x.tenant_id AND e.id = x.endpoint_id)))
$$;

CREATE FUNCTION public.acting() RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    named jsonb := nullif(current_setting('app.actor', true), '')::jsonb;
    at_terminal text := nullif(current_setting('app.operator', true), '');
BEGIN
    IF named IS NOT NULL THEN
        RETURN named;
    ELSIF at_terminal IS NOT NULL THEN
        RETURN jsonb_build_object('kind', 'operator', 'id', 'terminal:' || at_terminal, 'name', at_terminal);
    END IF;
    RETURN jsonb_build_object('kind', 'service', 'id', session_user, 'name', session_user);
END $$;

CREATE FUNCTION public.agent_cost(agent bigint, since timestamp with time zone, until timestamp with time zone) RETURNS SETOF public.call_costs
    LANGUAGE sql STABLE
    AS $$
    SELECT c.currency, sum(c.cost)::bigint, count(*), sum(c.unpriced), sum(c.lost) FROM spent_calls AS c
    WHERE c.tenant_id = app_tenant() AND c.agent_id = agent AND c.reserved_at >= since AND c.reserved_at < until
    GROUP BY c.currency
$$;

CREATE TABLE public.agents (
    tenant_id bigint NOT NULL,
    id bigint NOT NULL,
    name text NOT NULL,
    role text DEFAULT 'sales'::text NOT NULL,
    provider text NOT NULL,
    base_url text DEFAULT ''::text NOT NULL,
    model text DEFAULT ''::text NOT NULL,
    prompt text DEFAULT ''::text NOT NULL,
    disclosure text DEFAULT ''::text NOT NULL,
    temperature double precision DEFAULT 0.7 NOT NULL,
    max_output_tokens integer DEFAULT 1024 NOT NULL,
    quiet_ms integer DEFAULT 16000 NOT NULL,
    max_wait_ms integer DEFAULT 60000 NOT NULL,
    max_messages integer DEFAULT 20 NOT NULL,
    enabled_tools jsonb DEFAULT '[]'::jsonb NOT NULL,
    channels jsonb DEFAULT '[]'::jsonb NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    fallbacks jsonb DEFAULT '[]'::jsonb NOT NULL,
    on_failure text DEFAULT 'sentence'::text NOT NULL,
    hours jsonb DEFAULT '[]'::jsonb NOT NULL,
    on_closed text DEFAULT 'sentence'::text NOT NULL,
    closed_text text DEFAULT ''::text NOT NULL,
    spacing_ms integer,
    draft jsonb,
    is_own boolean DEFAULT false NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT agents_hours_check CHECK ((jsonb_typeof(hours) = 'array'::text)),
    CONSTRAINT agents_max_messages_check CHECK ((max_messages > 0)),
    CONSTRAINT agents_max_output_tokens_check CHECK ((max_output_tokens > 0)),
    CONSTRAINT agents_max_wait_ms_check CHECK ((max_wait_ms > 0)),
    CONSTRAINT agents_on_closed_check CHECK ((on_closed = ANY (ARRAY['sentence'::text, 'handoff'::text]))),
    CONSTRAINT agents_on_failure_check CHECK ((on_failure = ANY (ARRAY['sentence'::text, 'handoff'::text]))),
    CONSTRAINT agents_quiet_ms_check CHECK ((quiet_ms >= 0)),
    CONSTRAINT agents_spacing_ms_check CHECK (((spacing_ms >= 0) AND (spacing_ms <= 60000))),
    CONSTRAINT agents_temperature_check CHECK (((temperature >= (0)::double precision) AND (temperature <= (2)::double precision)))
);

ALTER TABLE ONLY public.agents FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.agent_facts(a public.agents) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
        'id', a.id, 'name', a.name, 'version', a.version, 'own', a.is_own, 'role', x.shown ->> 'role',
        'provider', x.shown ->> 'provider', 'model', x.shown ->> 'model', 'has_draft', a.draft IS NOT NULL,
        'updated', to_millis(a.updated_at),
        'answers', (SELECT coalesce(jsonb_agg(DISTINCT x.channel), '[]') FROM accounts AS x
                    WHERE x.tenant_id = a.tenant_id AND x.agent_id = a.id AND x.retired_at IS NULL))
    FROM (SELECT CASE WHEN a.version = 0 AND a.draft IS NOT NULL THEN a.draft ELSE agent_snapshot(a) END AS shown) AS x
$$;

CREATE FUNCTION public.agent_for(account uuid, its_channel text, own bigint) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT x.chosen_agent_id FROM accounts AS x WHERE x.tenant_id = app_tenant() AND x.id = account),
                    agent_on(its_channel, own))
$$;

CREATE FUNCTION public.to_millis(moment timestamp with time zone) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN (floor((EXTRACT(epoch FROM moment) * (1000)::numeric)))::bigint;

CREATE TABLE public.conversations (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    account_id uuid NOT NULL,
    channel text NOT NULL,
    mode text DEFAULT 'agent'::text NOT NULL,
    epoch bigint DEFAULT 0 NOT NULL,
    human_until timestamp with time zone,
    last_seq bigint DEFAULT 0 NOT NULL,
    handled_seq bigint DEFAULT 0 NOT NULL,
    address_kind text NOT NULL,
    address_value text NOT NULL,
    external_chatwoot_id text,
    external_account_id text,
    next_send_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    active_minute bigint GENERATED ALWAYS AS ((public.to_millis(updated_at) / 60000)) STORED,
    log_name uuid,
    first_answer uuid,
    CONSTRAINT conversations_mode_check CHECK ((mode = ANY (ARRAY['agent'::text, 'human'::text])))
)
WITH (fillfactor='70');

ALTER TABLE ONLY public.conversations FORCE ROW LEVEL SECURITY;

CREATE TABLE public.turns (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    first_message_id uuid NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    first_at timestamp with time zone NOT NULL,
    status text DEFAULT 'open'::text NOT NULL,
    supersedes uuid,
    superseded_by uuid,
    supersedes_count integer DEFAULT 0 NOT NULL,
    epoch bigint NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    CONSTRAINT turns_status_check CHECK ((status = ANY (ARRAY['open'::text, 'answered'::text, 'superseded'::text, 'failed'::text, 'dropped'::text])))
);

ALTER TABLE ONLY public.turns FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.agent_of(t public.turns, c public.conversations) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(
        (SELECT v.snapshot FROM steps AS s
         JOIN agent_versions AS v ON v.tenant_id = s.tenant_id AND v.agent_id = s.agent_id AND v.version = s.agent_version
         WHERE s.tenant_id = t.tenant_id AND s.turn_id = t.id AND s.step = 0),
        (SELECT agent_snapshot(g) FROM accounts AS a JOIN agents AS g ON g.tenant_id = a.tenant_id AND g.id = a.agent_id
         WHERE a.tenant_id = c.tenant_id AND a.id = c.account_id))
$$;

CREATE FUNCTION public.agent_on(wanted_channel text, own bigint) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT a.id FROM agents AS a
                     WHERE a.tenant_id = app_tenant() AND a.version > 0 AND a.removed_at IS NULL AND a.channels ? wanted_channel
                     ORDER BY a.id LIMIT 1), own)
$$;

CREATE FUNCTION public.agent_paused() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (SELECT FROM list_pauses() AS p
                   WHERE (p.tenant_id IS NULL OR p.tenant_id = app_tenant())
                     AND p.stage IN ('resolve', 'buffer', 'retrieve', 'infer', 'execute', 'relay'))
$$;

CREATE FUNCTION public.agent_snapshot(a public.agents) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN jsonb_build_object('name', (a).name, 'role', (a).role, 'provider', (a).provider, 'base_url', (a).base_url, 'model', (a).model, 'prompt', (a).prompt, 'disclosure', (a).disclosure, 'temperature', (a).temperature, 'max_output_tokens', (a).max_output_tokens, 'enabled_tools', (a).enabled_tools, 'fallbacks', (a).fallbacks, 'on_failure', (a).on_failure, 'channels', (a).channels, 'quiet_ms', (a).quiet_ms, 'max_wait_ms', (a).max_wait_ms, 'max_messages', (a).max_messages, 'spacing_ms', (a).spacing_ms, 'hours', (a).hours, 'on_closed', (a).on_closed, 'closed_text', (a).closed_text);

CREATE FUNCTION public.answered_turns(turn uuid) RETURNS uuid[]
    LANGUAGE sql STABLE
    AS $$
    WITH RECURSIVE chain AS (
        SELECT t.id, t.supersedes FROM turns AS t WHERE t.tenant_id = app_tenant() AND t.id = turn
        UNION ALL
        SELECT t.id, t.supersedes FROM chain JOIN turns AS t ON t.tenant_id = app_tenant() AND t.id = chain.supersedes
    )
    SELECT array_agg(id) FROM chain
$$;

CREATE TABLE public.api_keys (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    scopes text[] NOT NULL,
    hash bytea NOT NULL,
    last4 text NOT NULL,
    owner_id uuid,
    operator_id uuid,
    created_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    CONSTRAINT api_keys_hash_check CHECK ((length(hash) = 32)),
    CONSTRAINT api_keys_name_check CHECK ((length(name) <= 200))
);

ALTER TABLE ONLY public.api_keys FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.api_key_facts(k public.api_keys) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', k.id, 'name', k.name, 'scopes', to_jsonb(k.scopes), 'last4', k.last4, 'owner', k.owner_id,
        'created_at', to_millis(k.created_at), 'used_at', to_millis(k.used_at), 'expires_at', to_millis(k.expires_at),
        'revoked_at', to_millis(k.revoked_at)))
$$;

CREATE FUNCTION public.app_tenant() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint;

CREATE FUNCTION public.apply_account(spec jsonb, agent bigint) RETURNS void
    LANGUAGE sql
    AS $$
    SELECT apply_account_of(spec, agent_for((spec ->> 'account_id')::uuid, spec ->> 'channel', agent))
$$;

CREATE FUNCTION public.apply_account_of(spec jsonb, agent bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.apply_agent(spec jsonb) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    agent bigint;
BEGIN
    SELECT x.id INTO agent FROM agents AS x WHERE x.tenant_id = tenant AND x.name = spec ->> 'name' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        INSERT INTO agents (tenant_id, name, provider, version) VALUES (tenant, spec ->> 'name', '', 0)
        RETURNING id INTO agent;
    END IF;
    PERFORM publish_settings(agent, spec);
    UPDATE agents AS x SET is_own = (x.id = agent) WHERE x.tenant_id = tenant AND x.is_own <> (x.id = agent);
    RETURN agent;
END $$;

CREATE FUNCTION public.apply_catalogue(spec jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    source uuid := hash_uuid('source', tenant::text, 'catalogue');
BEGIN
    INSERT INTO sources (tenant_id, id, kind, name) VALUES (tenant, source, 'catalogue', 'catalogue')
    ON CONFLICT DO NOTHING;
    DELETE FROM catalogue_entries AS e WHERE e.tenant_id = tenant
        AND e.sku NOT IN (SELECT p ->> 'sku' FROM jsonb_array_elements(spec) AS p);
    INSERT INTO catalogue_entries (tenant_id, sku, name, description, price, currency, url, attributes)
    SELECT tenant, p ->> 'sku', p ->> 'name', p ->> 'description', p ->> 'price', p ->> 'currency', p ->> 'url',
           p -> 'attributes'
    FROM jsonb_array_elements(spec) AS p
    ON CONFLICT (tenant_id, sku) DO UPDATE
    SET name = excluded.name, description = excluded.description, price = excluded.price,
        currency = excluded.currency, url = excluded.url, attributes = excluded.attributes, updated_at = now();
    DELETE FROM chunks AS k WHERE k.tenant_id = tenant AND k.source_id = source
        AND k.id NOT IN (SELECT hash_uuid('chunk', tenant::text, 'catalogue', e.sku) FROM catalogue_entries AS e
                         WHERE e.tenant_id = tenant);
    INSERT INTO chunks (tenant_id, id, source_id, title, text, searched)
    SELECT tenant, hash_uuid('chunk', tenant::text, 'catalogue', e.sku), source, e.name,
           concat_ws(E'\n', nullif(e.description, ''),
                     (SELECT string_agg(format('%s: %s', x.key, x.value), E'\n' ORDER BY x.key)
                      FROM jsonb_each_text(e.attributes) AS x),
                     'Precio: ' || nullif(concat_ws(' ', nullif(e.currency, ''), nullif(e.price, '')), ''),
                     nullif(e.url, '')),
           searched_text(e)
    FROM catalogue_entries AS e WHERE e.tenant_id = tenant
    ON CONFLICT (tenant_id, id) DO UPDATE
    SET title = excluded.title, text = excluded.text, searched = excluded.searched
    WHERE (chunks.title, chunks.text, chunks.searched)
          IS DISTINCT FROM (excluded.title, excluded.text, excluded.searched);
END $$;

CREATE FUNCTION public.apply_prices(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM prices;
    INSERT INTO prices (provider, base_url, model, valid_from, valid_until, currency, input, cached_input, output)
    SELECT p ->> 'provider', rtrim(p ->> 'base_url', '/'), p ->> 'model', from_millis((p ->> 'from')::bigint),
           from_millis((p ->> 'until')::bigint), req ->> 'currency', (p ->> 'input')::bigint,
           (p ->> 'cached_input')::bigint, (p ->> 'output')::bigint
    FROM jsonb_array_elements(req -> 'prices') AS p;
    RETURN 'null';
END $$;

CREATE FUNCTION public.apply_shop(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.apply_stated_agent(agent jsonb, states jsonb, needed boolean) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.archive_part(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO archive (tenant_id, account_id, event_id, type, raw, appended_at)
    VALUES (app_tenant(), (req ->> 'account')::uuid, req ->> 'event_id', req ->> 'type', req ->> 'raw',
            from_millis((req ->> 'appended')::bigint))
    ON CONFLICT DO NOTHING;
    RETURN 'null';
END $$;

CREATE FUNCTION public.archived_keys(tenant bigint, names text[]) RETURNS text[]
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.audit_letters(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.batch_key(tenant text, request jsonb) RETURNS text
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF request ? 'conversation' THEN
        RETURN request ->> 'conversation';
    END IF;
    PERFORM set_config('app.tenant_id', coalesce(tenant, ''), true);
    RETURN coalesce(
        CASE WHEN request ->> 'reply' <> '' THEN
            (SELECT r.conversation_id FROM replies AS r
             WHERE r.tenant_id = app_tenant() AND r.id = (request ->> 'reply')::uuid)
        WHEN request ? 'turn' THEN
            (SELECT t.conversation_id FROM turns AS t
             WHERE t.tenant_id = app_tenant() AND t.id = (request ->> 'turn')::uuid)
        END::text, '');
END $$;

CREATE FUNCTION public.begin_erasure(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.begin_period(budget bigint, moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    b budgets;
BEGIN
    UPDATE budgets AS x SET starts_at = p.starts, ends_at = p.ends, spent = 0, reserved = 0
    FROM (SELECT q.starts, q.ends FROM budgets AS o JOIN tenants AS t ON t.id = o.tenant_id,
              LATERAL period_of(o.period, t.time_zone, moment) AS q
          WHERE o.tenant_id = app_tenant() AND o.id = budget) AS p
    WHERE x.tenant_id = app_tenant() AND x.id = budget RETURNING x.* INTO STRICT b;
    UPDATE budgets AS x SET spent = s.spent, reserved = s.reserved
    FROM (SELECT coalesce(sum(c.cost) FILTER (WHERE c.status = 'settled'), 0)::bigint AS spent,
                 coalesce(sum(c.reserved) FILTER (WHERE c.status = 'open'), 0)::bigint AS reserved
          FROM model_calls AS c
          WHERE c.tenant_id = app_tenant() AND c.reserved_at >= b.starts_at AND c.reserved_at < b.ends_at
            AND counts_in(b, c)) AS s
    WHERE x.tenant_id = app_tenant() AND x.id = budget RETURNING x.* INTO b;
    IF b.spent > 0 AND b.spent >= b.soft THEN  -- the limit, or the period, is another one than before
        PERFORM note_budget(b, 'soft', moment);
    END IF;
END $$;

CREATE FUNCTION public.budgets_lock() RETURNS bigint
    LANGUAGE sql STABLE
    RETURN hashtextextended('budgets'::text, public.app_tenant());

CREATE FUNCTION public.bytes_text(bytes bytea) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    AS $$
BEGIN
    RETURN convert_from(bytes, 'UTF8');
EXCEPTION WHEN data_exception THEN
    RETURN encode(bytes, 'escape');
END $$;

CREATE FUNCTION public.came_to_nothing(result jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE jsonb_typeof(result)
               WHEN 'string' THEN result <> '"done"'
               WHEN 'object' THEN result ?| ARRAY['refused', 'taken', 'taken_by']
               ELSE coalesce(result, 'null') = 'null' END
$$;

CREATE FUNCTION public.channel_taken(agent bigint, wanted jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('channel', k.channel, 'taken_by', x.name)
    FROM agents AS x, jsonb_array_elements_text(x.channels) AS k(channel)
    WHERE x.tenant_id = app_tenant() AND x.id <> agent AND x.version > 0 AND x.removed_at IS NULL AND wanted ? k.channel
    ORDER BY x.id LIMIT 1
$$;

CREATE FUNCTION public.claim_account(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    sealed jsonb := coalesce(req -> 'credentials', '[]');
    account uuid := (req ->> 'account_id')::uuid;
    agent bigint;
BEGIN
    IF NOT hold_newest_key(sealed) THEN
        RETURN '{"stale": true}';
    END IF;
    PERFORM lock_agents();
    IF (req ->> 'alone')::boolean
       AND (EXISTS (SELECT FROM accounts AS x
                    WHERE x.tenant_id = tenant AND x.channel = req ->> 'channel' AND x.retired_at IS NULL AND x.id <> account)
            OR req ->> 'channel' = 'whatsapp' AND has_guests()) THEN
        RETURN '{"refused": "another"}';
    END IF;
    agent := agent_for(account, req ->> 'channel', own_agent());
    IF agent IS NULL THEN
        RETURN '{"refused": "no_agent"}';
    END IF;
    BEGIN
        -- claimed again without a name it keeps its own
        PERFORM apply_account(jsonb_build_object(
            'channel', req ->> 'channel', 'account_id', account, 'external_id', req ->> 'external_id', 'drawn', req ->> 'drawn',
            'name', coalesce(nullif(req ->> 'name', ''),
                             (SELECT x.name FROM accounts AS x WHERE x.tenant_id = tenant AND x.id = account), '')), agent);
    EXCEPTION WHEN unique_violation THEN
        RETURN '{"refused": "taken"}';
    END;
    PERFORM put_credentials(sealed);
    UPDATE vault SET changes = changes + 1;  -- addresses are cached with their secrets
    RETURN '{}';
END $$;

CREATE FUNCTION public.claim_reply(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.close_reply(reply uuid, new_status text, why text) RETURNS void
    LANGUAGE sql
    AS $$
    UPDATE replies AS r SET status = new_status, reason = why
    WHERE r.tenant_id = app_tenant() AND r.id = reply
$$;

CREATE FUNCTION public.commit_answer(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE TABLE public.companies (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    fiscal_id text,
    crm_company_id text,
    deleted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT companies_crm_company_id_check CHECK ((length(crm_company_id) <= 200)),
    CONSTRAINT companies_fiscal_id_check CHECK ((length(fiscal_id) <= 100)),
    CONSTRAINT companies_name_check CHECK ((length(name) <= 200))
);

ALTER TABLE ONLY public.companies FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.company_facts(c public.companies) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', c.id, 'name', c.name, 'fiscal_id', c.fiscal_id, 'crm_company_id', c.crm_company_id,
        'created_at', to_iso(c.created_at), 'updated_at', to_iso(c.updated_at)))
$$;

CREATE TABLE public.replies (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn_id uuid,
    index integer DEFAULT 0 NOT NULL,
    author text NOT NULL,
    text text NOT NULL,
    status text DEFAULT 'pending'::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    epoch bigint NOT NULL,
    order_seq bigint NOT NULL,
    order_index integer NOT NULL,
    due_at timestamp with time zone,
    asked_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT replies_author_check CHECK ((author = ANY (ARRAY['agent'::text, 'human'::text, 'api'::text, 'system'::text]))),
    CONSTRAINT replies_status_check CHECK ((status = ANY (ARRAY['pending'::text, 'sent'::text, 'dropped'::text, 'failed'::text, 'unknown'::text])))
);

ALTER TABLE ONLY public.replies FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.confirm_reply(r public.replies, moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    c conversations;
    placed integer;
BEGIN
    PERFORM close_reply(r.id, 'sent', '');
    SELECT * INTO STRICT c FROM conversations AS x WHERE x.tenant_id = r.tenant_id AND x.id = r.conversation_id;
    INSERT INTO messages (tenant_id, id, conversation_id, account_id, seq, direction, author, kind, text, event_id,
                          at, appended_at, turn_id, reply_id)
    VALUES (r.tenant_id, hash_uuid('message', r.tenant_id::text, c.account_id::text, 'reply:' || r.id), c.id,
            c.account_id, c.last_seq + 1, 'out', r.author, 'message', r.text, 'reply:' || r.id, moment, moment,
            r.turn_id, r.id)
    ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS placed = ROW_COUNT;
    UPDATE conversations AS x SET last_seq = c.last_seq + placed, updated_at = moment
    WHERE x.tenant_id = c.tenant_id AND x.id = c.id;
END $$;

CREATE FUNCTION public.contact_by_alias(wanted jsonb, OUT contact uuid, OUT missing boolean) RETURNS record
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE TABLE public.contacts (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    division_id uuid,
    email text,
    phone text,
    crm_contact_id text,
    log_name uuid,
    deleted_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT contacts_crm_contact_id_check CHECK ((length(crm_contact_id) <= 200)),
    CONSTRAINT contacts_email_check CHECK ((length(email) <= 320)),
    CONSTRAINT contacts_phone_check CHECK ((length(phone) <= 50))
);

ALTER TABLE ONLY public.contacts FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.contact_facts(c public.contacts) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', c.id, 'name', c.name, 'email', c.email, 'phone', c.phone, 'division', c.division_id,
        'company', (SELECT d.company_id FROM divisions AS d WHERE d.tenant_id = c.tenant_id AND d.id = c.division_id),
        'crm_contact_id', c.crm_contact_id, 'log_subject', 'contact:' || c.log_name,
        'aliases', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', a.kind, 'value', shown_alias(a.kind, a.value))
                                              ORDER BY a.kind, a.value), '[]')
                    FROM aliases AS a
                    WHERE a.tenant_id = c.tenant_id AND a.contact_id = c.id AND a.kind <> 'contact'),
        'created_at', to_iso(c.created_at), 'updated_at', to_iso(c.updated_at)))
$$;

CREATE FUNCTION public.conversation_cost(conversation uuid) RETURNS SETOF public.call_costs
    LANGUAGE sql STABLE
    AS $$
    SELECT c.currency, sum(c.cost)::bigint, count(*), sum(c.unpriced), sum(c.lost) FROM spent_calls AS c
    WHERE c.tenant_id = app_tenant() AND c.conversation_id = conversation GROUP BY c.currency
$$;

CREATE FUNCTION public.conversation_facts(c public.conversations, paused boolean) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', c.id, 'channel', c.channel, 'minute', c.active_minute,
        'standing', CASE WHEN c.mode = 'human' THEN 'human' WHEN paused THEN 'paused' ELSE 'agent' END,
        'account', a.id, 'account_external_id', a.external_id, 'account_name', a.name,
        'contact', k.id, 'contact_name', k.name, 'address_kind', c.address_kind,
        'address', shown_alias(c.address_kind, c.address_value),
        'agent', g.id, 'agent_name', g.name, 'external_chatwoot_id', c.external_chatwoot_id,
        'external_account_id', c.external_account_id, 'log_name', c.log_name, 'created_at', to_millis(c.created_at),
        'updated_at', to_millis(c.updated_at)))
    FROM contacts AS k, accounts AS a JOIN agents AS g ON g.tenant_id = a.tenant_id AND g.id = a.agent_id
    WHERE k.tenant_id = c.tenant_id AND k.id = c.contact_id AND a.tenant_id = c.tenant_id AND a.id = c.account_id
$$;

CREATE FUNCTION public.conversations_of(tenant bigint, people uuid[]) RETURNS uuid[]
    LANGUAGE sql STABLE
    AS $$
    SELECT ARRAY(SELECT c.id FROM conversations AS c WHERE c.tenant_id = tenant AND c.contact_id = ANY (people) ORDER BY c.id)
$$;

CREATE FUNCTION public.cost_of_tokens(input_price bigint, cached_price bigint, output_price bigint, input bigint, cached bigint, output bigint) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT CASE WHEN coalesce(input, 0) = 0 AND coalesce(output, 0) = 0 THEN 0
                ELSE ceil(((i - k)::numeric * input_price + k::numeric * cached_price + o::numeric * output_price) / 1000000)
                END::bigint
    FROM (SELECT least(greatest(input, 0), 1000000000) AS i, least(greatest(output, 0), 1000000000) AS o) AS a,
         LATERAL (SELECT least(greatest(cached, 0), i) AS k) AS b
$$;

CREATE FUNCTION public.count_backlog(moment timestamp with time zone) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT jsonb_build_object(
        'dead_letters', (SELECT coalesce(jsonb_agg(jsonb_build_object('stage', stage, 'count', letters)), '[]')
                         FROM (SELECT d.stage, count(*) AS letters FROM dead_letters AS d
                               WHERE d.status = 'dead' GROUP BY d.stage) AS of_stages),
        'due_timers', count(t.id), 'longest_due_ms', coalesce(to_millis(moment) - to_millis(min(t.due_at)), 0),
        'open_turns', (SELECT count(*) FROM turns AS o WHERE o.status = 'open'),
        'longest_open_ms', (SELECT coalesce(greatest(to_millis(moment) - to_millis(min(o.created_at)), 0), 0)
                            FROM turns AS o
                            WHERE o.status = 'open'
                              AND NOT EXISTS (SELECT FROM pauses AS p WHERE p.tenant_id = o.tenant_id)),
        'unknown_deliveries', (SELECT count(*) FROM deliveries AS u WHERE u.status = 'unknown'))
    FROM timers AS t
    WHERE t.due_at <= moment AND (t.leased_until IS NULL OR t.leased_until <= moment)
      AND (t.after IS NULL OR NOT EXISTS (SELECT FROM timers AS e WHERE e.id = t.after))
$$;

CREATE TABLE public.model_calls (
    tenant_id bigint NOT NULL,
    turn_id uuid NOT NULL,
    step integer NOT NULL,
    attempt integer NOT NULL,
    conversation_id uuid NOT NULL,
    agent_id bigint NOT NULL,
    provider text NOT NULL,
    base_url text DEFAULT ''::text NOT NULL,
    model text NOT NULL,
    free boolean DEFAULT false NOT NULL,
    currency text,
    input_price bigint,
    cached_price bigint,
    output_price bigint,
    status text NOT NULL,
    reserved bigint DEFAULT 0 NOT NULL,
    reserved_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    cut_off integer DEFAULT 0 NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    input_tokens bigint,
    cached_tokens bigint,
    output_tokens bigint,
    reported boolean,
    cost bigint,
    ended_at timestamp with time zone,
    CONSTRAINT model_calls_attempt_check CHECK ((attempt > 0)),
    CONSTRAINT model_calls_reserved_check CHECK ((reserved >= 0)),
    CONSTRAINT model_calls_status_check CHECK ((status = ANY (ARRAY['open'::text, 'settled'::text, 'released'::text])))
);

ALTER TABLE ONLY public.model_calls FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.count_call(c public.model_calls, more_reserved bigint, more_spent bigint) RETURNS void
    LANGUAGE sql
    AS $$
    UPDATE budgets AS b SET reserved = b.reserved + more_reserved, spent = b.spent + more_spent
    WHERE b.tenant_id = c.tenant_id AND counts_in(b, c) AND (more_reserved <> 0 OR more_spent <> 0)
$$;

CREATE FUNCTION public.count_due_timers(moment timestamp with time zone, most integer) RETURNS bigint
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT count(*)
    FROM (SELECT FROM timers AS t
          WHERE t.due_at <= moment AND (t.leased_until IS NULL OR t.leased_until <= moment) LIMIT most) AS due
$$;

CREATE FUNCTION public.count_ends(ids uuid[], why text) RETURNS void
    LANGUAGE sql
    AS $$
    SELECT count_erased(j.hour, j.ended, j.reason, j.many)
    FROM (SELECT date_bin('1 hour', m.appended_at, 'epoch') AS hour, k.ended, k.reason, count(*) AS many
          FROM messages AS m
          CROSS JOIN LATERAL message_end(m.tenant_id, m.conversation_id, m.seq, m.kind, m.appended_at, m.turn_id) AS e
          CROSS JOIN LATERAL (SELECT CASE e.ended WHEN 'open' THEN 'dropped' ELSE e.ended END AS ended,
                                     CASE e.ended WHEN 'open' THEN why ELSE coalesce(e.reason, '') END AS reason) AS k
          WHERE m.tenant_id = app_tenant() AND m.id = ANY (ids) AND m.direction = 'in'
          GROUP BY 1, 2, 3) AS j
$$;

CREATE FUNCTION public.count_erased(moment timestamp with time zone, its_end text, why text, many bigint) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO erased_messages AS b (tenant_id, hour, ended, reason, count)
    SELECT app_tenant(), date_bin('1 hour', moment, 'epoch'), its_end, why, many WHERE many > 0
    ON CONFLICT (tenant_id, hour, ended, reason) DO UPDATE SET count = b.count + excluded.count
$$;

CREATE FUNCTION public.count_erasure(erasure uuid, conversation_ids uuid[], keys text[]) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.count_money(moment timestamp with time zone) RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT jsonb_build_object(
        'soft', count(*) FILTER (WHERE e.kind = 'soft' AND b.spent >= b.soft),
        'exhausted', count(*) FILTER (WHERE e.kind = 'exhausted' AND e.last_at > moment - interval '15 minutes'),
        'unpriced', count(*) FILTER (WHERE e.kind = 'unpriced' AND e.last_at > moment - interval '15 minutes'),
        'unpriced_calls', (SELECT count(*) FROM model_calls AS c
                           WHERE c.reserved_at > moment - interval '1 day' AND c.status = 'settled' AND c.cost IS NULL))
    FROM budgets AS b JOIN budget_events AS e ON e.tenant_id = b.tenant_id AND e.budget_id = b.id
                                             AND e.starts_at = b.starts_at
    WHERE b.ends_at > moment
$$;

CREATE FUNCTION public.count_unstored(unstored jsonb, why text) RETURNS void
    LANGUAGE sql
    AS $$
    SELECT count_erased(from_millis((u ->> 'at')::bigint), 'dropped', why, 1)
    FROM jsonb_array_elements(unstored) AS u
    WHERE NOT is_anothers(app_tenant(), u -> 'about', from_millis((u ->> 'came_in')::bigint))
      AND NOT EXISTS (SELECT FROM messages AS m JOIN accounts AS a ON a.tenant_id = m.tenant_id AND a.id = m.account_id
                      WHERE m.tenant_id = app_tenant() AND m.event_id = u ->> 'event_id' AND a.channel = u ->> 'channel'
                        AND coalesce(u ->> 'account', '') IN ('', a.external_id))
$$;

CREATE FUNCTION public.count_vault_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE vault SET changes = changes + 1;
    RETURN NULL;
END $$;

CREATE TABLE public.budgets (
    tenant_id bigint NOT NULL,
    id bigint NOT NULL,
    agent_id bigint,
    period text NOT NULL,
    currency text NOT NULL,
    hard bigint,
    soft bigint,
    starts_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    ends_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    spent bigint DEFAULT 0 NOT NULL,
    reserved bigint DEFAULT 0 NOT NULL,
    CONSTRAINT budgets_check CHECK (((hard IS NOT NULL) OR (soft IS NOT NULL))),
    CONSTRAINT budgets_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT budgets_hard_check CHECK ((hard >= 0)),
    CONSTRAINT budgets_period_check CHECK ((period = ANY (ARRAY['day'::text, 'month'::text]))),
    CONSTRAINT budgets_soft_check CHECK ((soft >= 0))
);

ALTER TABLE ONLY public.budgets FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.counts_in(b public.budgets, c public.model_calls) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT b.tenant_id = c.tenant_id AND b.currency = c.currency AND (b.agent_id IS NULL OR b.agent_id = c.agent_id)
           AND c.reserved_at >= b.starts_at AND c.reserved_at < b.ends_at
$$;

CREATE FUNCTION public.crm_page(target name, facts name, wanted jsonb, after uuid, most integer) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $_$
DECLARE
    found jsonb;
BEGIN
    EXECUTE format('SELECT coalesce(jsonb_agg(x.facts ORDER BY x.id), ''[]'') '
                   'FROM (SELECT r.id, %I(r) AS facts FROM %I AS r '
                   '      WHERE r.tenant_id = $1 AND r.deleted_at IS NULL AND r.id > $2%s ORDER BY r.id LIMIT $3) AS x',
                   facts, target, (SELECT string_agg(CASE jsonb_typeof(w.value)
                                       WHEN 'array' THEN format(' AND r.%I = ANY (%L)', w.key,
                                                                ARRAY(SELECT jsonb_array_elements_text(w.value)))
                                       ELSE format(' AND r.%I = %L', w.key, w.value #>> '{}') END, '')
                                   FROM jsonb_each(jsonb_strip_nulls(wanted)) AS w))
        INTO found
        USING app_tenant(), coalesce(after, '00000000-0000-0000-0000-000000000000'), least(most, 1000);
    RETURN found;
END $_$;

CREATE FUNCTION public.delivery_facts(reply uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'attempt', d.attempt, 'status', d.status, 'provider_id', nullif(d.provider_id, ''), 'receipt', d.receipt,
        'receipt_at', to_millis(d.receipt_at), 'code', nullif(d.code, ''), 'at', to_millis(d.at)))
    FROM deliveries AS d WHERE d.tenant_id = app_tenant() AND d.reply_id = reply
    ORDER BY d.attempt DESC LIMIT 1
$$;

CREATE TABLE public.deliveries (
    tenant_id bigint NOT NULL,
    reply_id uuid NOT NULL,
    attempt integer NOT NULL,
    account_id uuid NOT NULL,
    status text NOT NULL,
    claimed_by text NOT NULL,
    provider_id text DEFAULT ''::text NOT NULL,
    receipt text,
    receipt_at timestamp with time zone,
    code text DEFAULT ''::text NOT NULL,
    text text DEFAULT ''::text NOT NULL,
    at timestamp with time zone NOT NULL,
    due_at timestamp with time zone,
    claimed_at timestamp with time zone,
    CONSTRAINT deliveries_attempt_check CHECK ((attempt > 0)),
    CONSTRAINT deliveries_receipt_check CHECK ((receipt = ANY (ARRAY['sent'::text, 'delivered'::text, 'read'::text, 'failed'::text]))),
    CONSTRAINT deliveries_status_check CHECK ((status = ANY (ARRAY['intent'::text, 'confirmed'::text, 'unknown'::text, 'failed'::text])))
);

ALTER TABLE ONLY public.deliveries FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.delivery_of(req jsonb) RETURNS public.deliveries
    LANGUAGE sql STABLE
    AS $$
    SELECT found.* FROM (
        (SELECT d.* FROM deliveries AS d
         WHERE d.tenant_id = app_tenant() AND d.reply_id = nullif(req ->> 'reply', '')::uuid
           AND d.account_id = (req ->> 'account')::uuid
         ORDER BY d.provider_id = req ->> 'provider_id' DESC, d.attempt DESC LIMIT 1)
        UNION ALL
        (SELECT d.* FROM deliveries AS d
         WHERE d.tenant_id = app_tenant() AND d.account_id = (req ->> 'account')::uuid
           AND d.provider_id = req ->> 'provider_id' AND d.provider_id <> ''
         ORDER BY d.at DESC LIMIT 1)
    ) AS found LIMIT 1
$$;

CREATE FUNCTION public.demo_replies(wanted_turn uuid, c public.conversations) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', r.id, 'index', r.index, 'text', r.text, 'author', r.author, 'reason', r.reason,
        'status', CASE WHEN r.status = 'pending' AND r.author = 'agent' AND is_held(t, c, now()) THEN 'held'
                       ELSE r.status END,
        'deliveries', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                           'attempt', d.attempt, 'status', d.status, 'at', iso_time(d.at),
                           'provider_id', d.provider_id, 'receipt', d.receipt, 'code', d.code)
                           ORDER BY d.attempt), '[]')
                       FROM deliveries AS d WHERE d.tenant_id = r.tenant_id AND d.reply_id = r.id)
        ) ORDER BY r.order_seq, r.order_index), '[]')
    FROM (SELECT x.* FROM replies AS x
          WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id
            AND x.turn_id IS NOT DISTINCT FROM wanted_turn
          ORDER BY x.order_seq DESC, x.order_index DESC LIMIT 50) AS r
    LEFT JOIN turns AS t ON t.tenant_id = r.tenant_id AND t.id = r.turn_id
$$;

CREATE FUNCTION public.disclosed(sentence text, disclosure text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN length(d.said) = 0
                  OR starts_with(lower(sentence), lower(d.said))
                     AND substr(lower(sentence), length(lower(d.said)), 2) !~ '[[:alnum:]]{2}' THEN sentence
                ELSE d.said || E'\n\n' || sentence END
    FROM (SELECT coalesce(btrim(disclosure, E' \t\r\n'), '') AS said) AS d
$$;

CREATE TABLE public.divisions (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    company_id uuid NOT NULL,
    name text NOT NULL,
    crm_division_id text,
    deleted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT divisions_crm_division_id_check CHECK ((length(crm_division_id) <= 200)),
    CONSTRAINT divisions_name_check CHECK ((length(name) <= 200))
);

ALTER TABLE ONLY public.divisions FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.division_facts(d public.divisions) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', d.id, 'company', d.company_id, 'name', d.name, 'crm_division_id', d.crm_division_id,
        'created_at', to_iso(d.created_at), 'updated_at', to_iso(d.updated_at)))
$$;

CREATE FUNCTION public.drop_burst(newest uuid, why text, moment timestamp with time zone) RETURNS void
    LANGUAGE sql
    AS $$
    SELECT drop_message(m.id, why, moment)
    FROM messages AS n
    JOIN messages AS m ON m.tenant_id = n.tenant_id AND m.conversation_id = n.conversation_id AND m.seq <= n.seq
    CROSS JOIN LATERAL (SELECT format('%s:%s', n.tenant_id, n.conversation_id) AS text) AS k
    WHERE n.tenant_id = app_tenant() AND n.id = newest AND m.turn_id IS NULL
      AND (m.id = n.id
           OR NOT EXISTS (SELECT FROM dead_letters AS x
                          WHERE md5(x.record_key) = md5(convert_to(k.text, 'UTF8')) AND x.tenant_id = n.tenant_id
                            AND x.status = 'dead' AND x.about ->> 'message' = m.id::text)
              AND NOT EXISTS (SELECT FROM timers AS x
                              WHERE md5(x.key) = md5(k.text) AND x.tenant_id = n.tenant_id
                                AND x.about ->> 'message' = m.id::text))
    ORDER BY m.seq
$$;

CREATE FUNCTION public.drop_message(message uuid, why text, moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    c conversations;
    m messages;
    made uuid;
BEGIN
    SELECT x.* INTO c FROM conversations AS x JOIN messages AS y ON y.tenant_id = tenant AND y.conversation_id = x.id
    WHERE x.tenant_id = tenant AND y.id = message FOR NO KEY UPDATE OF x;
    SELECT * INTO m FROM messages AS x
    WHERE x.tenant_id = tenant AND x.id = message AND x.turn_id IS NULL AND x.direction = 'in' AND x.kind = 'message'
      AND x.seq > c.handled_seq;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO turns (tenant_id, id, conversation_id, first_message_id, first_seq, last_seq, first_at, status, epoch, reason,
                       created_at, closed_at)
    VALUES (tenant, hash_uuid('turn', c.id::text, m.id::text), c.id, m.id, m.seq, m.seq, m.appended_at, 'dropped', c.epoch,
            why, moment, moment)
    RETURNING id INTO made;
    UPDATE messages AS x SET turn_id = made WHERE x.tenant_id = tenant AND x.id = m.id;
END $$;

CREATE FUNCTION public.drop_person(tenant bigint, people uuid[], conversation_ids uuid[], keys text[]) RETURNS jsonb
    LANGUAGE plpgsql
    AS $_$
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
END $_$;

CREATE FUNCTION public.drop_unsent(turn uuid, why text) RETURNS void
    LANGUAGE sql
    AS $$
    UPDATE replies AS r SET status = 'dropped', reason = why
    WHERE r.tenant_id = app_tenant() AND r.turn_id = turn AND r.status = 'pending'
      AND NOT EXISTS (SELECT FROM deliveries AS d
                      WHERE d.tenant_id = r.tenant_id AND d.reply_id = r.id AND d.status = 'intent')
$$;

CREATE FUNCTION public.earlier_open_until(r public.replies, moment timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN count(*) > 0 THEN greatest(
        moment + count(*) FILTER (WHERE e.status = 'pending') * interval '1 second',
        max(CASE e.status WHEN 'unknown' THEN least(d.due_at, moment + interval '5 seconds')
                          ELSE greatest(e.due_at, e.asked_at) + interval '1 millisecond' END))
    END
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

CREATE FUNCTION public.ensure_contact(req jsonb) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
DECLARE
    life timestamptz;
    contact uuid;
BEGIN
    IF req #> '{marks,aliases}' <> 'null' THEN
        SELECT max(e.erased_at) INTO life FROM erased_aliases AS e
        WHERE e.tenant_id = app_tenant()
          AND e.mark = ANY (ARRAY(SELECT jsonb_array_elements_text(req #> '{marks,aliases}')));
    END IF;
    contact := ensure_first_contact(CASE WHEN life IS NULL THEN req ELSE jsonb_set(
        req, '{contact}', to_jsonb(hash_uuid('contact', req ->> 'contact', to_millis(life)::text))) END);
    UPDATE contacts AS c SET deleted_at = NULL, crm_contact_id = NULL, division_id = NULL
    WHERE c.tenant_id = app_tenant() AND c.id = contact AND c.deleted_at IS NOT NULL;
    RETURN contact;
END $$;

CREATE FUNCTION public.ensure_conversation(req jsonb) RETURNS public.conversations
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    contact uuid := ensure_contact(req);
    account uuid := (req ->> 'account')::uuid;
    conversation conversations;
BEGIN
    SELECT * INTO conversation FROM conversations AS c
    WHERE c.tenant_id = tenant AND c.contact_id = contact AND c.account_id = account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        INSERT INTO conversations (tenant_id, id, contact_id, account_id, channel, address_kind, address_value)
        VALUES (tenant, hash_uuid('conversation', tenant::text, contact::text, account::text), contact, account,
                req ->> 'channel', req #>> '{aliases,0,kind}', req #>> '{aliases,0,value}')
        ON CONFLICT DO NOTHING;
        SELECT * INTO STRICT conversation FROM conversations AS c
        WHERE c.tenant_id = tenant AND c.contact_id = contact AND c.account_id = account FOR NO KEY UPDATE;
    END IF;
    IF conversation.channel = 'chatwoot' AND req #>> '{metadata,chatwoot,conversation_id}' <> '' THEN
        UPDATE conversations AS c
        SET external_chatwoot_id = req #>> '{metadata,chatwoot,conversation_id}',
            external_account_id = req #>> '{metadata,chatwoot,account_id}'
        WHERE c.tenant_id = tenant AND c.id = conversation.id
          AND (c.external_chatwoot_id, c.external_account_id)
              IS DISTINCT FROM (req #>> '{metadata,chatwoot,conversation_id}', req #>> '{metadata,chatwoot,account_id}');
    END IF;
    RETURN conversation;
END $$;

CREATE FUNCTION public.ensure_first_contact(req jsonb) RETURNS uuid
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.exceeds(permissions jsonb, actor jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE
    RETURN (NOT COALESCE(((actor -> 'may'::text) @> permissions), false));

CREATE FUNCTION public.explain_open(tenant bigint, message uuid, conversation uuid, turn uuid, waits_at text, since timestamp with time zone, moment timestamp with time zone, bound interval, lagging text[]) RETURNS TABLE(ended text, reason text, letter bigint, until timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN k.status IS NOT NULL THEN k.status
                WHEN p.until IS NOT NULL OR since > moment - bound OR b.held THEN 'open'
                ELSE 'unexplained' END,
           CASE WHEN k.status = 'dead' THEN k.code
                WHEN k.status = 'dropped' THEN k.reason
                WHEN p.kept THEN 'paused'
                WHEN p.until IS NOT NULL THEN 'parked'
                WHEN since > moment - bound THEN 'in flight'
                WHEN b.held THEN 'in the log'
                ELSE 'waits at ' || waits_at END,
           k.id, p.until
    -- a stage that did its part may not have told the next one yet
    FROM (SELECT CASE waits_at WHEN 'buffer' THEN ARRAY['resolve', 'buffer']
                               WHEN 'retrieve' THEN ARRAY['buffer', 'retrieve']
                               WHEN 'infer' THEN ARRAY['retrieve', 'infer', 'execute']
                               ELSE ARRAY['retrieve', 'infer', 'relay'] END && lagging AS held,
                 CASE waits_at WHEN 'buffer' THEN ARRAY['messages.resolved']
                               WHEN 'retrieve' THEN ARRAY['messages.resolved', 'turns.ready']
                               WHEN 'infer' THEN ARRAY['turns.ready', 'inferences.requested', 'tools.requested']
                               ELSE ARRAY['turns.ready', 'inferences.requested', 'replies.ready'] END AS inputs) AS b
    LEFT JOIN LATERAL (
        SELECT x.id, x.status, x.code, x.reason FROM dead_letters AS x
        WHERE waits_at IS NOT NULL
          AND x.record_key = convert_to(format('%s:%s', tenant, conversation), 'UTF8')
          AND x.tenant_id = tenant AND x.status IN ('dead', 'dropped')
          AND (x.about ->> 'message' = message::text OR x.about ->> 'turn' = turn::text)
        ORDER BY x.status = 'dead' DESC, x.id DESC LIMIT 1
    ) AS k ON true
    LEFT JOIN LATERAL (
        SELECT min(x.due_at) AS until, bool_or(x.kept IS NOT NULL) AS kept
        FROM timers_about(tenant, conversation, ARRAY[message], ARRAY[turn], '{}') AS x
        WHERE waits_at IS NOT NULL AND x.topic = ANY (b.inputs)
    ) AS p ON true
$$;

CREATE FUNCTION public.export_items(its_table name, page jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('table', its_table, 'row', r.item -> 'row') ORDER BY r.nth), '[]')
    FROM jsonb_array_elements(page) WITH ORDINALITY AS r(item, nth)
$$;

CREATE FUNCTION public.find_api_key(wanted_hash bytea) RETURNS TABLE(tenant_id bigint, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT k.tenant_id, k.id FROM api_keys AS k WHERE k.hash = wanted_hash
$$;

CREATE FUNCTION public.find_endpoint(wanted_channel text, wanted_key text) RETURNS TABLE(id bigint, tenant_id bigint, channel text, account text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT e.id, e.tenant_id, e.channel, coalesce(sole_account(e.id), '')
    FROM endpoints AS e
    WHERE e.channel = wanted_channel AND e.key = wanted_key
      AND (e.channel <> 'web'
           OR EXISTS (SELECT FROM accounts AS a WHERE a.endpoint_id = e.id AND a.retired_at IS NULL))
$$;

CREATE FUNCTION public.find_identity(wanted_issuer text, wanted_subject text) RETURNS TABLE(tenant_id bigint, user_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT i.tenant_id, i.user_id FROM user_identities AS i
    WHERE i.issuer = wanted_issuer AND i.subject = wanted_subject
$$;

CREATE FUNCTION public.find_login(wanted_email text) RETURNS TABLE(tenant_id bigint, user_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT p.tenant_id, p.user_id FROM user_passwords AS p WHERE p.email = lower(wanted_email)
$$;

CREATE FUNCTION public.find_origin(wanted text) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT EXISTS (SELECT FROM tenants AS t WHERE t.cors_origins @> ARRAY[wanted])
$$;

CREATE FUNCTION public.find_session(wanted_hash bytea) RETURNS TABLE(tenant_id bigint, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT s.tenant_id, s.id FROM sessions AS s WHERE s.hash = wanted_hash
$$;

CREATE FUNCTION public.find_ticket(wanted_hash bytea) RETURNS TABLE(tenant_id bigint, user_id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT t.tenant_id, t.user_id FROM user_tickets AS t WHERE t.hash = wanted_hash
$$;

CREATE FUNCTION public.finish_reply(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    due timestamptz := from_millis((req ->> 'due')::bigint);
    ended text := req ->> 'state';
    locked record;
    r replies;
    c conversations;
    d deliveries;
BEGIN
    SELECT * INTO locked FROM lock_reply((req ->> 'reply')::uuid);
    r := locked.r;
    c := locked.c;
    SELECT * INTO d FROM deliveries AS x
    WHERE x.tenant_id = tenant AND x.reply_id = r.id AND x.attempt = (req ->> 'attempt')::integer;
    -- confirmed or failed is final; a certain answer may still come after `unknown`
    IF NOT FOUND OR d.status NOT IN ('intent', 'unknown') OR ended = 'unknown' AND d.status = 'unknown' THEN
        IF FOUND AND ended = 'accepted' AND d.provider_id = '' THEN
            UPDATE deliveries AS x SET provider_id = req ->> 'provider_id'
            WHERE x.tenant_id = tenant AND x.reply_id = r.id AND x.attempt = d.attempt;
        END IF;
        IF d.status IS NOT NULL AND ended = 'accepted' THEN
            -- the receipt was quicker than we: the next bubble still keeps its distance from now
            UPDATE conversations AS x SET next_send_at = greatest(x.next_send_at, moment
                + coalesce((req -> 'traits' -> c.channel ->> 'spacing_ms')::bigint, 4000) * interval '1 millisecond')
            WHERE x.tenant_id = tenant AND x.id = c.id;
        END IF;
        RETURN 'null';
    END IF;
    UPDATE deliveries AS x
    SET status = CASE ended WHEN 'accepted' THEN 'confirmed' WHEN 'refused' THEN 'failed' ELSE 'unknown' END,
        provider_id = req ->> 'provider_id', code = req ->> 'code', text = req ->> 'text', at = moment,
        due_at = CASE ended WHEN 'unknown' THEN moment + interval '60 seconds' WHEN 'refused' THEN due END
    WHERE x.tenant_id = tenant AND x.reply_id = r.id AND x.attempt = d.attempt;
    IF ended = 'accepted' THEN
        PERFORM confirm_reply(r, moment);
    ELSIF r.status = 'sent' OR EXISTS (SELECT FROM deliveries AS x WHERE x.tenant_id = tenant
                                       AND x.reply_id = r.id AND x.attempt > d.attempt) THEN
        RETURN 'null';  -- a later attempt decides
    ELSIF ended = 'unknown' THEN
        PERFORM close_reply(r.id, 'unknown', 'unknown');
    ELSIF d.status = 'unknown' OR due IS NULL THEN
        PERFORM close_reply(r.id, 'failed', req ->> 'code');
    ELSE
        UPDATE replies AS x SET due_at = due WHERE x.tenant_id = tenant AND x.id = r.id;
    END IF;
    -- what was certainly not sent needs no distance to the next one
    UPDATE conversations AS x
    SET next_send_at = CASE ended WHEN 'refused' THEN moment
        ELSE moment + coalesce((req -> 'traits' -> c.channel ->> 'spacing_ms')::bigint, 4000)
                      * interval '1 millisecond' END
    WHERE x.tenant_id = tenant AND x.id = c.id;
    RETURN 'null';
END $$;

CREATE FUNCTION public.forget_api_requests(made_before timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
DECLARE
    forgotten bigint;
BEGIN
    DELETE FROM api_requests AS r WHERE r.made_at < made_before;
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END $$;

CREATE FUNCTION public.forget_before(moment timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    SELECT moment - t.keep_days * interval '1 day' FROM tenants AS t WHERE t.id = app_tenant()
$$;

CREATE FUNCTION public.forget_in(conversation uuid, cutoff timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.forget_removed(cutoff timestamp with time zone, most integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    sold uuid[] := ARRAY(SELECT o.id FROM opportunities AS o
                         WHERE o.tenant_id = tenant AND o.deleted_at < cutoff LIMIT most FOR UPDATE SKIP LOCKED);
    people uuid[] := ARRAY(SELECT o.contact_id FROM opportunities AS o
                           WHERE o.tenant_id = tenant AND o.id = ANY (sold) AND o.contact_id IS NOT NULL);
BEGIN
    DELETE FROM opportunity_recommendations AS r WHERE r.tenant_id = tenant AND r.opportunity_id = ANY (sold);
    DELETE FROM opportunities AS o WHERE o.tenant_id = tenant AND o.id = ANY (sold);
    people := people || ARRAY(
        SELECT c.id FROM contacts AS c
        WHERE c.tenant_id = tenant AND c.deleted_at < cutoff
          AND NOT EXISTS (SELECT FROM conversations AS v WHERE v.tenant_id = tenant AND v.contact_id = c.id)
          AND NOT EXISTS (SELECT FROM opportunities AS o WHERE o.tenant_id = tenant AND o.contact_id = c.id)
        LIMIT most);
    people := ARRAY(SELECT c.id FROM contacts AS c
                    WHERE c.tenant_id = tenant AND c.id = ANY (people)
                      AND (c.deleted_at < cutoff OR c.deleted_at IS NULL AND c.log_name IS NULL AND c.created_at < cutoff)
                    FOR UPDATE SKIP LOCKED);
    -- held: nobody writes as them, or sells them anything, meanwhile
    people := ARRAY(SELECT p.id FROM unnest(people) AS p(id)
                    WHERE NOT EXISTS (SELECT FROM conversations AS v WHERE v.tenant_id = tenant AND v.contact_id = p.id)
                      AND NOT EXISTS (SELECT FROM opportunities AS o WHERE o.tenant_id = tenant AND o.contact_id = p.id));
    DELETE FROM aliases AS a WHERE a.tenant_id = tenant AND a.contact_id = ANY (people);
    DELETE FROM contacts AS c WHERE c.tenant_id = tenant AND c.id = ANY (people);
    RETURN cardinality(sold) + cardinality(people);
END $$;

CREATE FUNCTION public.forget_rest(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.found_account(tenant bigint, account uuid) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.free_address(address text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    here text := current_setting('app.tenant_id');
    named record;
BEGIN
    SELECT * INTO named FROM find_login(address);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    DELETE FROM user_passwords AS p
    WHERE p.tenant_id = named.tenant_id AND p.user_id = named.user_id AND NOT p.vouched;
    IF FOUND THEN
        UPDATE users AS x SET status = 'invited', updated_at = now()
        WHERE x.tenant_id = named.tenant_id AND x.id = named.user_id AND x.status = 'active';
        UPDATE sessions AS s SET ended_at = now()
        WHERE s.tenant_id = named.tenant_id AND s.user_id = named.user_id AND s.ended_at IS NULL;
        PERFORM note_change('{"kind": "operator", "id": "invitation", "name": "an operator''s invitation of somebody else"}',
                            'user.end_password', 'user:' || named.user_id, NULL, NULL);
    END IF;
    PERFORM set_config('app.tenant_id', here, true);
END $$;

CREATE FUNCTION public.freeze_step(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    t turns;
    c conversations;
    a agents;
BEGIN
    SELECT * INTO t FROM turns AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'turn')::uuid;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    SELECT * INTO STRICT c FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = t.conversation_id;
    SELECT g.* INTO STRICT a FROM accounts AS x JOIN agents AS g ON g.tenant_id = tenant AND g.id = x.agent_id
    WHERE x.tenant_id = tenant AND x.id = c.account_id;
    INSERT INTO steps (tenant_id, turn_id, step, agent_id, agent_version, request, created_at)
    VALUES (tenant, t.id, 0, a.id, a.version, jsonb_build_object(
        'cutoff', c.last_seq, 'redact', shop_redacts(),
        'pending', (SELECT coalesce(jsonb_agg(r.id ORDER BY r.order_seq, r.order_index), '[]') FROM replies AS r
                    WHERE r.tenant_id = tenant AND r.conversation_id = c.id AND r.status = 'pending'
                      AND r.order_seq < t.first_seq),
        'passages', req -> 'passages'), from_millis((req ->> 'now')::bigint))
    ON CONFLICT DO NOTHING;
    RETURN 'null';
END $$;

CREATE FUNCTION public.from_millis(millis bigint) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ('1970-01-01 00:00:00+00'::timestamp with time zone + ((millis)::double precision * '00:00:00.001'::interval));

CREATE FUNCTION public.frozen_context(turn uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT jsonb_build_object('closed', s.request -> 'closed', 'customer', (s.request -> 'customer')::text,
                                               'synonyms', s.request -> 'synonyms')
                     FROM steps AS s WHERE s.tenant_id = app_tenant() AND s.turn_id = turn AND s.step = 0
                                       AND s.request IS NOT NULL), '{}')
$$;

CREATE FUNCTION public.give_up_reply(r public.replies, why text) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF r.status = 'pending' THEN
        PERFORM close_reply(r.id, 'dropped', why);
    END IF;
    RETURN jsonb_build_object('state', 'closed', 'reason', CASE r.status WHEN 'pending' THEN why ELSE 'unknown' END);
END $$;

CREATE FUNCTION public.has_erased() RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN EXISTS (SELECT FROM erasures AS e WHERE e.tenant_id = app_tenant());
END $$;

CREATE FUNCTION public.has_guests() RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT EXISTS (SELECT FROM endpoints AS e JOIN accounts AS a ON a.endpoint_id = e.id
                   WHERE e.tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint
                     AND a.tenant_id <> e.tenant_id AND a.retired_at IS NULL)
$$;

CREATE FUNCTION public.has_manager() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (SELECT FROM users AS u
                   WHERE u.tenant_id = app_tenant() AND u.status = 'active' AND permissions_of(u.id) ? 'users.write')
$$;

CREATE FUNCTION public.hash_uuid(VARIADIC parts text[]) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT encode(set_byte(set_byte(hash, 6, get_byte(hash, 6) & 15 | 128), 8, get_byte(hash, 8) & 63 | 128), 'hex')::uuid
    FROM (SELECT substring(sha256(convert_to(string_agg(octet_length(part) || ':' || part, '' ORDER BY place), 'UTF8'))
                           FROM 1 FOR 16) AS hash
          FROM unnest(parts) WITH ORDINALITY AS pieces(part, place)) AS hashed
$$;

CREATE FUNCTION public.held_account(wanted_channel text, wanted_id text, scope bigint, written timestamp with time zone) RETURNS TABLE(tenant_id bigint, id uuid, channel text, external_id text, endpoint_id bigint, agent_id bigint, retired boolean, moved boolean, spoken_for boolean)
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.history_lines(t public.turns, cutoff bigint, pending uuid[]) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    WITH own AS (
        SELECT m.seq, 0 AS place, 'contact' AS author, m.text, true AS in_turn
        FROM messages AS m
        WHERE m.tenant_id = t.tenant_id AND m.turn_id = ANY (answered_turns(t.id)) AND m.direction = 'in'
        ORDER BY m.seq DESC LIMIT 100
    ), before AS (
        SELECT m.seq, 0 AS place, CASE m.author WHEN 'contact' THEN 'contact' WHEN 'human' THEN 'human'
                                                ELSE 'agent' END AS author, m.text, false AS in_turn
        FROM messages AS m
        WHERE m.tenant_id = t.tenant_id AND m.conversation_id = t.conversation_id
          AND CASE m.direction
              WHEN 'in' THEN m.kind = 'message' AND m.seq <= t.last_seq
                             AND (m.turn_id IS NULL OR m.turn_id <> ALL (answered_turns(t.id)))
              ELSE m.seq <= cutoff
                   AND NOT EXISTS (SELECT FROM replies AS r WHERE r.tenant_id = m.tenant_id AND r.id = m.reply_id
                                                              AND r.status = 'failed') END
        ORDER BY m.seq DESC LIMIT 40
    ), coming AS (
        SELECT r.order_seq AS seq, 1 + r.order_index AS place,
               CASE r.author WHEN 'human' THEN 'human' ELSE 'agent' END AS author, r.text, false AS in_turn
        FROM replies AS r WHERE r.tenant_id = t.tenant_id AND r.id = ANY (pending)
    )
    SELECT coalesce(jsonb_agg(jsonb_build_object('author', author, 'text', text, 'in_turn', in_turn)
                              ORDER BY seq, place), '[]')
    FROM (SELECT * FROM own UNION ALL SELECT * FROM before UNION ALL SELECT * FROM coming) AS lines
$$;

CREATE FUNCTION public.hold_budgets(moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    b budgets;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(budgets_lock());
    FOR b IN SELECT * FROM budgets AS x WHERE x.tenant_id = app_tenant() ORDER BY x.id FOR NO KEY UPDATE LOOP
        IF moment >= b.ends_at THEN
            PERFORM begin_period(b.id, moment);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION public.hold_company(company uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM companies AS c WHERE c.tenant_id = app_tenant() AND c.id = company AND c.deleted_at IS NULL FOR SHARE;
    RETURN FOUND OR company IS NULL;
END $$;

CREATE FUNCTION public.hold_contact(contact uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM contacts AS c WHERE c.tenant_id = app_tenant() AND c.id = contact AND c.deleted_at IS NULL FOR SHARE;
    RETURN FOUND OR contact IS NULL;
END $$;

CREATE FUNCTION public.hold_division(division uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM divisions AS d WHERE d.tenant_id = app_tenant() AND d.id = division AND d.deleted_at IS NULL FOR SHARE;
    RETURN FOUND OR division IS NULL;
END $$;

CREATE FUNCTION public.hold_names(aliases jsonb) RETURNS void
    LANGUAGE sql
    AS $$
    SELECT pg_advisory_xact_lock(lock.key)
    FROM (SELECT DISTINCT hashtextextended(format('%s/%s/%s', app_tenant(), w ->> 'kind', w ->> 'value'), 0) AS key
          FROM jsonb_array_elements(aliases) AS w ORDER BY 1) AS lock
$$;

CREATE FUNCTION public.hold_newest_key(sealed jsonb) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    newest integer;
BEGIN
    SELECT k.version INTO newest FROM tenant_keys AS k WHERE k.tenant_id = app_tenant()
    ORDER BY k.version DESC LIMIT 1 FOR KEY SHARE;
    RETURN NOT EXISTS (SELECT FROM jsonb_array_elements(sealed) AS c
                       WHERE (c ->> 'key')::integer IS DISTINCT FROM newest);
END $$;

CREATE FUNCTION public.hold_person(contact uuid, named uuid[], erasure uuid) RETURNS uuid[]
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.is_anothers(tenant bigint, about jsonb, came_in timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT NOT about ? 'provider_id'
           AND EXISTS (SELECT FROM held_account(about ->> 'channel', about ->> 'account', scope_of(about),
                                                written_at(about, came_in)) AS h
                       WHERE h.spoken_for AND h.tenant_id <> tenant)
$$;

CREATE FUNCTION public.is_first_answer(c public.conversations, place bigint) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.is_held(t public.turns, c public.conversations, moment timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT may_be_superseded(t, moment)
           AND EXISTS (SELECT FROM messages AS m
                       WHERE m.tenant_id = t.tenant_id AND m.conversation_id = t.conversation_id
                         AND m.turn_id IS NULL AND m.direction = 'in' AND m.kind = 'message'
                         AND m.seq > greatest(c.handled_seq, t.last_seq))
$$;

CREATE FUNCTION public.is_named(raw text, names text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
    SELECT EXISTS (SELECT FROM unnest(names) AS n(name)
                   WHERE length(n.name) > 3 AND CASE
                       WHEN position('@' IN n.name) > 0
                       THEN position(lower(n.name) IN lower(raw)) > 0
                            AND lower(raw) ~ ('(^|[^a-z0-9._%+-]|\\[bfnrt]|\\u00[0-3][0-9a-f])'
                                              || regexp_replace(lower(n.name), '[][\\*+?(){}|^$.]', '\\\&', 'g')
                                              || '(?![a-z0-9-]|[.][a-z0-9])')
                       ELSE position(n.name IN raw) > 0
                            AND (n.name !~ '^[0-9]+$' OR raw ~ ('(^|[^0-9])' || n.name || '([^0-9]|$)')) END)
$_$;

CREATE FUNCTION public.is_open(hours jsonb, zone text, moment timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_array_length(coalesce(hours, '[]')) = 0
           OR EXISTS (SELECT FROM jsonb_array_elements(hours) AS h,
                             (SELECT extract(isodow FROM l.t) AS day, extract(hour FROM l.t) * 60 + extract(minute FROM l.t) AS minute
                              FROM (SELECT moment AT TIME ZONE zone AS t) AS l) AS n
                      WHERE (h ->> 'day')::integer = n.day
                        AND n.minute >= (h ->> 'from')::integer AND n.minute < (h ->> 'to')::integer)
$$;

CREATE FUNCTION public.iso_time(moment timestamp with time zone) RETURNS text
    LANGUAGE sql IMMUTABLE
    RETURN to_char((moment AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'::text);

CREATE FUNCTION public.keep_erasure_key() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'the key of the erasures stays: without it the erased could come back';
END $$;

CREATE FUNCTION public.keep_names() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM contact_names AS n WHERE n.tenant_id = NEW.tenant_id AND n.contact_id = NEW.id;
    INSERT INTO contact_names (tenant_id, value, contact_id)
    SELECT NEW.tenant_id, v, NEW.id FROM stated_names(NEW.phone, NEW.email) AS v;
    RETURN NULL;
END $$;

CREATE FUNCTION public.kept_turn(turn uuid) RETURNS uuid
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM turns AS t WHERE t.tenant_id = app_tenant() AND t.id = turn)
                THEN turn ELSE gen_random_uuid() END
$$;

CREATE FUNCTION public.known_names(tenant bigint, people uuid[]) RETURNS TABLE(kind text, value text)
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.lease_meta_connections(moment timestamp with time zone, lease interval, most integer) RETURNS TABLE(tenant_id bigint, id uuid, life bigint)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    UPDATE meta_connections AS c SET leased_until = moment + lease, life = c.life + 1
    WHERE c.id = ANY (ARRAY(
        SELECT d.id FROM meta_connections AS d
        WHERE d.due_at <= moment AND d.status IN ('exchanged', 'connected')
          AND (d.leased_until IS NULL OR d.leased_until <= moment)
        ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED))
    RETURNING c.tenant_id, c.id, c.life
$$;

CREATE FUNCTION public.lease_timers(moment timestamp with time zone, lease interval, most integer) RETURNS TABLE(tenant_id bigint, id uuid)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    UPDATE timers AS t SET leased_until = moment + lease
    WHERE t.id = ANY (ARRAY(
        SELECT d.id FROM timers AS d
        WHERE d.due_at <= moment AND (d.leased_until IS NULL OR d.leased_until <= moment)
          AND (d.after IS NULL OR NOT EXISTS (SELECT FROM timers AS e WHERE e.id = d.after))
        ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED))
    RETURNING t.tenant_id, t.id
$$;

CREATE FUNCTION public.leave_meta(accounts_of uuid[]) RETURNS void
    LANGUAGE sql
    AS $$
    DELETE FROM meta_accounts AS m USING accounts AS a
    WHERE m.tenant_id = app_tenant() AND m.account_id = ANY (accounts_of)
      AND a.tenant_id = m.tenant_id AND a.id = m.account_id AND a.channel = 'whatsapp'
$$;

CREATE FUNCTION public.list_changes(part text, was jsonb, is_now jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN was = is_now THEN '[]' ELSE jsonb_build_array(jsonb_build_object(
        'part', part, 'change', 'changed',
        'counts', jsonb_build_object(
            'all', (SELECT count(*) FROM jsonb_each(is_now)),
            'new', (SELECT count(*) FROM jsonb_each(is_now) AS k WHERE NOT was ? k.key),
            'changed', (SELECT count(*) FROM jsonb_each(is_now) AS k WHERE was ? k.key AND was -> k.key <> k.value),
            'gone', (SELECT count(*) FROM jsonb_each(was) AS k WHERE NOT is_now ? k.key)))) END
$$;

CREATE FUNCTION public.list_endpoints(most integer) RETURNS TABLE(channel text, key text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT e.channel, e.key FROM endpoints AS e ORDER BY e.id LIMIT most
$$;

CREATE FUNCTION public.list_pauses() RETURNS TABLE(stage text, tenant_id bigint, paused_by text, reason text, at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT p.stage, p.tenant_id, p.paused_by, p.reason, p.at FROM pauses AS p
    ORDER BY p.at, p.stage, p.tenant_id NULLS FIRST
$$;

CREATE FUNCTION public.list_tenants() RETURNS TABLE(id bigint, slug text, name text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT t.id, t.slug, t.name FROM tenants AS t ORDER BY t.id
$$;

CREATE FUNCTION public.load_inference(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    tenant bigint := app_tenant();
    t turns;
    c conversations;
    s steps;
    persona jsonb;
BEGIN
    SELECT * INTO t FROM turns AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'turn')::uuid;
    IF NOT FOUND THEN
        RETURN '{"state": "erased"}';
    END IF;
    IF t.status = 'answered' THEN
        RETURN jsonb_build_object('state', 'answered', 'replies', reply_ids(t.id), 'epoch', t.epoch);
    END IF;
    SELECT * INTO STRICT c FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = t.conversation_id;
    IF t.status <> 'open' OR c.mode = 'human' OR c.epoch <> t.epoch THEN
        RETURN jsonb_build_object('state', 'over', 'epoch', t.epoch, 'reason',
                                  CASE t.status WHEN 'open' THEN 'human' WHEN 'dropped' THEN t.reason ELSE t.status END);
    END IF;
    -- step 0 carries the request of every step of its turn
    SELECT * INTO s FROM steps AS x WHERE x.tenant_id = tenant AND x.turn_id = t.id AND x.step = 0;
    SELECT v.snapshot INTO persona FROM agent_versions AS v
    WHERE v.tenant_id = tenant AND v.agent_id = s.agent_id AND v.version = s.agent_version;
    IF persona IS NULL THEN
        SELECT agent_snapshot(g) INTO STRICT persona FROM accounts AS x
        JOIN agents AS g ON g.tenant_id = tenant AND g.id = x.agent_id
        WHERE x.tenant_id = tenant AND x.id = c.account_id;
    END IF;
    RETURN jsonb_build_object(
        'state', 'live', 'epoch', t.epoch, 'agent', persona,
        'shop', (SELECT x.name FROM tenants AS x WHERE x.id = tenant),
        'passages', coalesce(s.request -> 'passages', '[]'), 'redact', coalesce(s.request -> 'redact', shop_redacts()),
        'history', history_lines(t, coalesce((s.request ->> 'cutoff')::bigint, c.last_seq),
                                 ARRAY(SELECT jsonb_array_elements_text(s.request -> 'pending')::uuid)),
        'metadata', (SELECT jsonb_agg(m.metadata ORDER BY m.seq) FROM messages AS m
                     WHERE m.tenant_id = tenant AND m.turn_id = ANY (answered_turns(t.id)) AND m.direction = 'in'
                       AND m.metadata IS NOT NULL)::text,
        'channel', c.channel,
        'account', (SELECT x.external_id FROM accounts AS x WHERE x.tenant_id = tenant AND x.id = c.account_id),
        'to', jsonb_build_object('kind', c.address_kind, 'value', c.address_value),
        'last_message', (SELECT m.event_id FROM messages AS m
                         WHERE m.tenant_id = tenant AND m.turn_id = t.id AND m.direction = 'in'
                         ORDER BY m.seq DESC LIMIT 1));
END $$;

CREATE FUNCTION public.lock_account_letters(channel text, account text, scope text) RETURNS void
    LANGUAGE sql
    AS $$
    SELECT pg_advisory_xact_lock(hashtextextended('unknown account ' || wanted_account(channel, account, scope), 0))
$$;

CREATE FUNCTION public.lock_agents() RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM lock_people();
    PERFORM FROM agents AS x WHERE x.tenant_id = app_tenant() ORDER BY x.id FOR NO KEY UPDATE;
END $$;

CREATE FUNCTION public.lock_people() RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF app_tenant() IS NULL THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('installation', 0));
    END IF;
    PERFORM FROM tenants AS t WHERE t.id = app_tenant() FOR NO KEY UPDATE;
END $$;

CREATE FUNCTION public.lock_reply(reply uuid, OUT r public.replies, OUT c public.conversations) RETURNS record
    LANGUAGE plpgsql
    AS $$
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant()
      AND x.id = (SELECT y.conversation_id FROM replies AS y WHERE y.tenant_id = app_tenant() AND y.id = reply)
    FOR NO KEY UPDATE;
    SELECT * INTO r FROM replies AS x WHERE x.tenant_id = app_tenant() AND x.id = reply;
END $$;

CREATE FUNCTION public.lock_turn(turn uuid, OUT t public.turns, OUT c public.conversations) RETURNS record
    LANGUAGE plpgsql
    AS $$
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant()
      AND x.id = (SELECT y.conversation_id FROM turns AS y WHERE y.tenant_id = app_tenant() AND y.id = turn)
    FOR NO KEY UPDATE;
    SELECT * INTO t FROM turns AS x WHERE x.tenant_id = app_tenant() AND x.id = turn;
END $$;

CREATE FUNCTION public.may_be_superseded(t public.turns, moment timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT t.supersedes_count < 2 AND moment - t.first_at < interval '90 seconds'
           AND NOT EXISTS (SELECT FROM tool_calls AS k
                           WHERE k.tenant_id = t.tenant_id AND k.turn_id = t.id AND k.writes)
$$;

CREATE FUNCTION public.message_end(tenant bigint, conversation uuid, place bigint, what text, appended timestamp with time zone, turn uuid) RETURNS TABLE(ended text, reason text, waits_at text, since timestamp with time zone)
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE
               WHEN what = 'reaction' THEN 'dropped'
               WHEN turn IS NULL THEN CASE WHEN place <= c.handled_seq THEN 'human' ELSE 'open' END
               WHEN t.status = 'superseded' THEN 'superseded'
               WHEN t.status = 'dropped' THEN CASE t.reason WHEN 'human' THEN 'human' ELSE 'dropped' END
               WHEN t.status = 'open' OR r.pending > 0 THEN 'open'
               WHEN r.told > 0 THEN 'answered'
               WHEN r.why = 'human' THEN 'human'
               ELSE 'dropped'
           END,
           CASE
               WHEN what = 'reaction' THEN 'reaction'
               WHEN t.status = 'dropped' THEN CASE t.reason WHEN 'human' THEN '' ELSE t.reason END
               WHEN r.pending > 0 THEN ''
               WHEN r.told > 0 THEN CASE WHEN r.certain = 0 THEN 'delivery unknown'
                                         WHEN t.status = 'failed' THEN 'with the fallback' ELSE '' END
               WHEN r.why = 'human' THEN ''
               WHEN t.status IN ('answered', 'failed') THEN coalesce(r.why, 'no reply')
               ELSE ''
           END,
           CASE WHEN turn IS NULL THEN 'buffer'
                WHEN t.status = 'open' THEN CASE WHEN s.frozen_at IS NULL THEN 'retrieve' ELSE 'infer' END
                WHEN r.pending > 0 THEN 'relay' END,
           CASE WHEN turn IS NULL THEN appended
                WHEN t.status = 'open' THEN coalesce(s.frozen_at, t.created_at)
                WHEN r.pending > 0 THEN r.waits_since END
    FROM (SELECT) AS one
    -- lateral: what a message does not need is not looked up
    LEFT JOIN LATERAL (
        SELECT x.handled_seq FROM conversations AS x
        WHERE turn IS NULL AND x.tenant_id = tenant AND x.id = conversation
    ) AS c ON true
    LEFT JOIN turns AS t ON t.tenant_id = tenant AND t.id = turn
    LEFT JOIN LATERAL (
        SELECT max(x.created_at) AS frozen_at FROM steps AS x
        WHERE t.status = 'open' AND x.tenant_id = tenant AND x.turn_id = t.id
    ) AS s ON true
    LEFT JOIN LATERAL (
        SELECT count(*) FILTER (WHERE x.status IN ('sent', 'unknown')) AS told,
               count(*) FILTER (WHERE x.status = 'sent') AS certain,
               count(*) FILTER (WHERE x.status = 'pending') AS pending,
               min(x.reason) FILTER (WHERE x.status IN ('failed', 'dropped')) AS why,
               min(greatest(x.created_at, x.due_at, x.asked_at)) FILTER (WHERE x.status = 'pending') AS waits_since
        FROM replies AS x WHERE t.status IN ('answered', 'failed') AND x.tenant_id = tenant AND x.turn_id = t.id
    ) AS r ON true
$$;

CREATE TABLE public.messages (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    account_id uuid NOT NULL,
    seq bigint NOT NULL,
    direction text NOT NULL,
    author text NOT NULL,
    kind text NOT NULL,
    type text DEFAULT 'text'::text NOT NULL,
    text text NOT NULL,
    event_id text NOT NULL,
    in_reply_to text DEFAULT ''::text NOT NULL,
    at timestamp with time zone NOT NULL,
    appended_at timestamp with time zone NOT NULL,
    turn_id uuid,
    reply_id uuid,
    metadata jsonb,
    trace text DEFAULT ''::text NOT NULL,
    CONSTRAINT messages_author_check CHECK ((author = ANY (ARRAY['contact'::text, 'agent'::text, 'human'::text, 'system'::text, 'api'::text]))),
    CONSTRAINT messages_direction_check CHECK ((direction = ANY (ARRAY['in'::text, 'out'::text]))),
    CONSTRAINT messages_kind_check CHECK ((kind = ANY (ARRAY['message'::text, 'reaction'::text, 'echo'::text])))
);

ALTER TABLE ONLY public.messages FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.message_facts(m public.messages, conversation uuid, moment timestamp with time zone) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', m.id, 'seq', m.seq, 'direction', m.direction, 'author', m.author, 'kind', m.kind, 'type', m.type,
        'text', m.text, 'at', to_millis(m.at), 'in_reply_to', nullif(m.in_reply_to, ''), 'trace', nullif(m.trace, ''),
        'turn', m.turn_id, 'reply', m.reply_id, 'delivery', delivery_facts(m.reply_id),
        'standing', CASE WHEN m.direction = 'out' THEN 'sent'
                         WHEN coalesce(x.ended, e.ended) IN ('open', 'unexplained') THEN 'waiting'
                         ELSE coalesce(x.ended, e.ended) END,
        'reason', nullif(coalesce(x.reason, e.reason), ''), 'until', to_millis(x.until),
        'superseded_by', (SELECT t.superseded_by FROM turns AS t WHERE t.tenant_id = m.tenant_id AND t.id = m.turn_id)))
    FROM (SELECT) AS one
    LEFT JOIN LATERAL message_end(m.tenant_id, conversation, m.seq, m.kind, m.appended_at, m.turn_id) AS e
        ON m.direction = 'in'
    LEFT JOIN LATERAL explain_open(m.tenant_id, m.id, conversation, m.turn_id, e.waits_at, e.since, moment,
                                   interval '10 minutes', '{}') AS x ON e.ended = 'open'
$$;

CREATE FUNCTION public.message_standing(tenant bigint, conversation uuid, message uuid, req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'ended', coalesce(x.ended, e.ended), 'reason', coalesce(x.reason, e.reason), 'waits_at', e.waits_at,
        'since', to_millis(e.since), 'letter', coalesce(x.letter, f.letter), 'until', to_millis(x.until),
        'code', coalesce(k.code, f.code, d.code), 'text', CASE WHEN f.code IS NULL THEN coalesce(k.text, d.text) ELSE f.text END))
    FROM messages AS m
    CROSS JOIN LATERAL message_end(tenant, conversation, m.seq, m.kind, m.appended_at,
                                   (succeeding_turns(tenant, m.turn_id))[
                                       cardinality(succeeding_turns(tenant, m.turn_id))]) AS e
    LEFT JOIN LATERAL explain_open(
        tenant, m.id, conversation, (succeeding_turns(tenant, m.turn_id))[cardinality(succeeding_turns(tenant, m.turn_id))],
        e.waits_at, e.since, from_millis((req ->> 'now')::bigint), (req ->> 'bound_ms')::bigint * interval '1 millisecond',
        ARRAY(SELECT jsonb_array_elements_text(req -> 'lagging'))) AS x ON e.ended = 'open'
    LEFT JOIN dead_letters AS k ON k.id = x.letter
    LEFT JOIN LATERAL (
        -- why the customer got the fallback: the turn has the code, its dead letter says more where there is one
        SELECT t.reason AS code, y.id AS letter, y.text
        FROM turns AS t
        LEFT JOIN LATERAL (
            SELECT z.id, z.text FROM dead_letters AS z
            WHERE md5(z.record_key) = md5(convert_to(format('%s:%s', tenant, conversation), 'UTF8')) AND z.tenant_id = tenant
              AND z.about ->> 'turn' = t.id::text AND z.code = t.reason
            ORDER BY z.id DESC LIMIT 1) AS y ON true
        WHERE t.tenant_id = tenant AND t.status = 'failed'
          AND t.id = (succeeding_turns(tenant, m.turn_id))[cardinality(succeeding_turns(tenant, m.turn_id))]
    ) AS f ON e.reason = 'with the fallback'
    LEFT JOIN LATERAL (
        -- what the provider said last, of a turn whose bubbles it refused
        SELECT y.code, y.text FROM replies AS r JOIN deliveries AS y ON y.tenant_id = tenant AND y.reply_id = r.id
        WHERE r.tenant_id = tenant AND r.turn_id = ANY (succeeding_turns(tenant, m.turn_id)) AND y.code <> ''
          AND r.status <> 'sent'
        ORDER BY y.at DESC, r.order_seq DESC, r.order_index DESC LIMIT 1) AS d ON true
    WHERE m.tenant_id = tenant AND m.id = message
$$;

CREATE FUNCTION public.met_meanwhile(erasure uuid, aliases jsonb) RETURNS uuid
    LANGUAGE sql STABLE
    AS $_$
    SELECT a.contact_id FROM aliases AS a
    JOIN contacts AS c ON c.tenant_id = a.tenant_id AND c.id = a.contact_id
    JOIN erasures AS e ON e.tenant_id = a.tenant_id AND e.id = erasure AND c.created_at <= e.erased_at
    WHERE a.tenant_id = app_tenant() AND a.value = ANY (names_of($2)) LIMIT 1
$_$;

CREATE TABLE public.meta_connections (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    state bytea NOT NULL,
    caller text NOT NULL,
    status text DEFAULT 'started'::text NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    open_until timestamp with time zone NOT NULL,
    token_expires_at timestamp with time zone,
    refresh_at timestamp with time zone,
    due_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    leased_until timestamp with time zone,
    life bigint DEFAULT 0 NOT NULL,
    CONSTRAINT meta_connections_kind_check CHECK ((kind = ANY (ARRAY['facebook'::text, 'instagram'::text]))),
    CONSTRAINT meta_connections_state_check CHECK ((length(state) = 32)),
    CONSTRAINT meta_connections_status_check CHECK ((status = ANY (ARRAY['started'::text, 'exchanged'::text, 'connected'::text, 'refused'::text, 'replaced'::text])))
);

ALTER TABLE ONLY public.meta_connections FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.meta_connection_facts(c public.meta_connections) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', c.id, 'kind', c.kind, 'status', c.status, 'code', c.code, 'detail', c.detail,
        'created_at', to_millis(c.created_at), 'open_until', to_millis(c.open_until),
        'token_expires_at', to_millis(c.token_expires_at), 'refresh_at', to_millis(c.refresh_at), 'attempts', c.attempts,
        'accounts', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                                'id', a.id, 'channel', a.channel, 'external_id', a.external_id, 'name', a.name,
                                'owner', m.owner, 'step', m.step, 'code', m.code, 'detail', m.detail)
                                ORDER BY a.channel, a.external_id), '[]')
                     FROM meta_accounts AS m JOIN accounts AS a ON a.tenant_id = m.tenant_id AND a.id = m.account_id
                     WHERE m.tenant_id = c.tenant_id AND m.connection_id = c.id AND a.retired_at IS NULL)))
$$;

CREATE FUNCTION public.moment_of(iso text) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN iso::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END $$;

CREATE FUNCTION public.most_contacts() RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT 10 $$;

CREATE FUNCTION public.names_of(aliases jsonb) RETURNS text[]
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT coalesce(array_agg(DISTINCT a ->> 'value'), '{}') FROM jsonb_array_elements(aliases) AS a
$$;

CREATE FUNCTION public.newest_key() RETURNS integer
    LANGUAGE sql STABLE
    AS $$
    SELECT max(k.version) FROM tenant_keys AS k WHERE k.tenant_id = app_tenant()
$$;

CREATE FUNCTION public.note_budget(b public.budgets, what text, moment timestamp with time zone) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO budget_events AS e (tenant_id, budget_id, starts_at, kind, at, last_at)
    VALUES (b.tenant_id, b.id, b.starts_at, what, moment, moment)
    ON CONFLICT (budget_id, starts_at, kind, tenant_id)
    DO UPDATE SET times = e.times + 1, last_at = excluded.last_at WHERE e.kind <> 'soft'
$$;

CREATE FUNCTION public.note_change(actor jsonb, action text, subject text, before jsonb, after jsonb) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO audit_log (tenant_id, actor_kind, actor_id, actor_name, trace, action, subject, before, after)
    VALUES (app_tenant(), actor ->> 'kind', actor ->> 'id', actor ->> 'name', coalesce(actor ->> 'trace', ''), action,
            subject, before, after)
$$;

CREATE FUNCTION public.note_claim() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.claimed_at := NEW.at;
    RETURN NEW;
END $$;

CREATE FUNCTION public.note_crm_row() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    kept text[] := ARRAY['tenant_id', 'id', 'log_name', 'created_at', 'updated_at'];
    said text[] := string_to_array(TG_ARGV[2], ' ');
    was jsonb := CASE WHEN TG_OP = 'UPDATE' THEN jsonb_strip_nulls(to_jsonb(OLD) - kept) ELSE '{}' END;
    is_now jsonb := jsonb_strip_nulls(to_jsonb(NEW) - kept);
    changed text[] := ARRAY(SELECT k FROM jsonb_object_keys(was || is_now) AS k
                            WHERE was -> k IS DISTINCT FROM is_now -> k ORDER BY k);
    unsaid text[] := ARRAY(SELECT k FROM unnest(changed) AS k WHERE k <> ALL (said));
    action text := CASE WHEN TG_OP = 'INSERT' THEN 'add'
                        WHEN is_now ? 'deleted_at' AND NOT was ? 'deleted_at' THEN 'remove'
                        WHEN was ? 'deleted_at' AND NOT is_now ? 'deleted_at' THEN 'restore' ELSE 'change' END;
BEGIN
    IF cardinality(changed) > 0 THEN
        PERFORM note_change(
            acting(), TG_ARGV[0] || '.' || action, TG_ARGV[0] || ':' || (to_jsonb(NEW) ->> TG_ARGV[1]),
            CASE WHEN TG_OP = 'UPDATE' THEN (SELECT coalesce(jsonb_object_agg(k, was -> k), '{}') FROM unnest(changed) AS k
                                             WHERE k = ANY (said) AND was ? k) END,
            (SELECT coalesce(jsonb_object_agg(k, is_now -> k), '{}') FROM unnest(changed) AS k
             WHERE k = ANY (said) AND is_now ? k)
            || CASE WHEN cardinality(unsaid) > 0 THEN jsonb_build_object('changed', unsaid) ELSE '{}' END);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.note_holder() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.note_row() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    left_out text[] := string_to_array(TG_ARGV[2], ' ') || ARRAY['tenant_id', 'created_at'];
    was jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    is_now jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    whole jsonb := coalesce(is_now, was);
    names text := (SELECT string_agg(whole ->> c.name, '/' ORDER BY c.place)
                   FROM unnest(string_to_array(TG_ARGV[1], ' ')) WITH ORDINALITY AS c(name, place));
    actor jsonb := acting();
BEGIN
    was := was - left_out;
    is_now := is_now - left_out;
    IF TG_ARGV[3] <> '' THEN
        is_now := jsonb_set(is_now, ARRAY[TG_ARGV[3]],
                            CASE WHEN is_now -> TG_ARGV[3] <> was -> TG_ARGV[3] THEN '"another secret"'::jsonb
                                 ELSE '"secret"' END, false);
        was := jsonb_set(was, ARRAY[TG_ARGV[3]], '"secret"', false);
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(w.key, w.value), jsonb_object_agg(w.key, is_now -> w.key) INTO was, is_now
        FROM jsonb_each(was) AS w WHERE w.value IS DISTINCT FROM is_now -> w.key;
        IF was IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO audit_log (tenant_id, actor_kind, actor_id, actor_name, trace, action, subject, before, after)
    VALUES ((whole ->> CASE TG_TABLE_NAME WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END)::bigint, actor ->> 'kind',
            actor ->> 'id', actor ->> 'name', coalesce(actor ->> 'trace', ''),
            TG_ARGV[0] || CASE TG_OP WHEN 'INSERT' THEN '.add' WHEN 'UPDATE' THEN '.change' ELSE '.remove' END,
            concat_ws(':', TG_ARGV[0], names), was, is_now);
    RETURN NULL;
END $$;

CREATE TABLE public.personal_tables (
    name name NOT NULL,
    place integer,
    whose text,
    tenantless boolean DEFAULT false NOT NULL,
    instead text,
    why text DEFAULT ''::text NOT NULL,
    copies boolean DEFAULT false NOT NULL,
    CONSTRAINT personal_tables_check CHECK (((whose IS NULL) = (place IS NULL))),
    CONSTRAINT personal_tables_check1 CHECK (((whose IS NOT NULL) OR (why <> ''::text)))
);

CREATE FUNCTION public.of_person(t public.personal_tables, statement text, tenant bigint, people uuid[], conversation_ids uuid[], keys text[]) RETURNS bigint
    LANGUAGE plpgsql
    AS $_$
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
END $_$;

CREATE FUNCTION public.op_account_taken(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT to_jsonb(EXISTS (SELECT FROM resolve_account(req ->> 'channel', req ->> 'external_id', 0, 'infinity') AS a
                            JOIN list_tenants() AS t ON t.id = a.tenant_id
                            WHERE t.slug <> req ->> 'slug' AND NOT a.retired))
$$;

CREATE FUNCTION public.op_add_agent(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    publish boolean := (req ->> 'publish')::boolean;
    taken jsonb;
    agent bigint;
BEGIN
    PERFORM lock_agents();
    taken := channel_taken(0, req #> '{settings,channels}');
    IF publish AND taken IS NOT NULL THEN
        RETURN taken;
    END IF;
    INSERT INTO agents (tenant_id, name, provider, version, draft)
    VALUES (app_tenant(), req ->> 'name', '', 0, req -> 'settings')
    ON CONFLICT (tenant_id, name) DO NOTHING RETURNING id INTO agent;
    IF agent IS NULL THEN
        RETURN '{"taken": true}';
    END IF;
    IF publish THEN
        PERFORM publish_as(agent, req -> 'settings');
    END IF;
    RETURN '{}';
END $$;

CREATE FUNCTION public.op_add_api_key(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    k api_keys;
    its_hash bytea := decode(req ->> 'hash', 'hex');
BEGIN
    IF req ? 'owner' AND person_of((req ->> 'owner')::uuid) IS NULL THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(req -> 'scopes', req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    PERFORM lock_people();
    IF (SELECT count(*) FROM api_keys AS x
        WHERE x.tenant_id = app_tenant() AND x.revoked_at IS NULL
          AND (x.expires_at IS NULL OR x.expires_at > from_millis((req ->> 'now')::bigint))) >= 1000 THEN
        RETURN '"too_many"';
    END IF;
    INSERT INTO api_keys (tenant_id, id, name, scopes, hash, last4, owner_id, operator_id, created_at, expires_at)
    VALUES (app_tenant(), (req ->> 'id')::uuid, req ->> 'name', ARRAY(SELECT jsonb_array_elements_text(req -> 'scopes')),
            its_hash, req ->> 'last4', (req ->> 'owner')::uuid,
            (SELECT o.id FROM platform_operators AS o
             WHERE req #>> '{actor,kind}' = 'operator' AND o.id::text = req #>> '{actor,id}'),
            from_millis((req ->> 'now')::bigint), from_millis((req ->> 'expires_at')::bigint))
    ON CONFLICT (id, tenant_id) DO NOTHING RETURNING * INTO k;
    IF FOUND THEN
        PERFORM note_change(req -> 'actor', 'key.add', 'key:' || k.id, NULL, api_key_facts(k));
    ELSIF NOT EXISTS (SELECT FROM api_keys AS x
                      WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'id')::uuid AND x.hash = its_hash) THEN
        RETURN '"taken"';
    END IF;
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_add_company(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO companies (tenant_id, id, name, fiscal_id, crm_company_id)
    VALUES (app_tenant(), (req ->> 'company')::uuid, req ->> 'name', req ->> 'fiscal_id', req ->> 'crm_company_id')
    ON CONFLICT DO NOTHING;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"taken"' END;
END $$;

CREATE FUNCTION public.op_add_contact(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT hold_division((req ->> 'division')::uuid) THEN
        RETURN '"no_division"';
    END IF;
    INSERT INTO contacts (tenant_id, id, name, email, phone, division_id, crm_contact_id, log_name)
    VALUES (app_tenant(), (req ->> 'contact')::uuid, req ->> 'name', req ->> 'email', req ->> 'phone',
            (req ->> 'division')::uuid, req ->> 'crm_contact_id', gen_random_uuid())
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN '"taken"';
    END IF;
    INSERT INTO aliases (tenant_id, kind, value, contact_id)
    VALUES (app_tenant(), 'contact', req ->> 'contact', (req ->> 'contact')::uuid);
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_add_credentials(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_add_division(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT hold_company((req ->> 'company')::uuid) THEN
        RETURN '"no_company"';
    END IF;
    INSERT INTO divisions (tenant_id, id, company_id, name, crm_division_id)
    VALUES (app_tenant(), (req ->> 'division')::uuid, (req ->> 'company')::uuid, req ->> 'name', req ->> 'crm_division_id')
    ON CONFLICT DO NOTHING;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"taken"' END;
END $$;

CREATE FUNCTION public.op_add_key(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- a rotation that begins now waits, and finds this row
    IF (SELECT v.master FROM vault AS v FOR SHARE) > (req ->> 'master')::integer THEN
        RETURN '{"stale": true}';
    END IF;
    INSERT INTO tenant_keys (tenant_id, version, master, wrapped)
    VALUES (app_tenant(), (req ->> 'version')::integer, (req ->> 'master')::integer, decode(req ->> 'wrapped', 'hex'))
    ON CONFLICT DO NOTHING;
    RETURN (SELECT wrapped_key(k) FROM tenant_keys AS k
            WHERE k.tenant_id = app_tenant() AND k.version = (req ->> 'version')::integer);
END $$;

CREATE FUNCTION public.op_add_operator(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    INSERT INTO platform_operators (name, issuer, subject) VALUES (req ->> 'name', req ->> 'issuer', req ->> 'subject')
    ON CONFLICT (issuer, subject) DO UPDATE SET name = excluded.name, active = true RETURNING to_jsonb(id)
$$;

CREATE FUNCTION public.op_add_opportunity(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    refused jsonb := refuse_opportunity(req);
BEGIN
    IF refused IS NOT NULL THEN
        RETURN refused;
    ELSIF req ->> 'contact' IS NULL AND req ->> 'company' IS NULL THEN
        RETURN '"nobody"';
    END IF;
    INSERT INTO opportunities (tenant_id, id, contact_id, company_id, title, problem, stage, amount, currency, crm_opportunity_id)
    VALUES (app_tenant(), (req ->> 'opportunity')::uuid, (req ->> 'contact')::uuid, (req ->> 'company')::uuid, req ->> 'title',
            req ->> 'problem', coalesce(req ->> 'stage', 'new'), (req #>> '{amount,minor_units}')::bigint,
            req #>> '{amount,currency}', req ->> 'crm_opportunity_id')
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN '"taken"';
    END IF;
    IF req ? 'recommendations' THEN
        PERFORM recommend((req ->> 'opportunity')::uuid, req -> 'recommendations');
    END IF;
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_add_tenant(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint;
BEGIN
    -- two who ask for one slug at the same moment do not both get the shop
    PERFORM pg_advisory_xact_lock(hashtextextended('slug ' || (req ->> 'slug'), 0));
    IF EXISTS (SELECT FROM list_tenants() AS t WHERE t.slug = req ->> 'slug') THEN
        RETURN 'null';
    END IF;
    tenant := (op_register_tenant(req) #>> '{}')::bigint;
    PERFORM set_config('app.tenant_id', tenant::text, true);
    UPDATE tenants AS t
    SET language = req ->> 'language', cors_origins = ARRAY(SELECT jsonb_array_elements_text(req -> 'cors_origins'))
    WHERE t.id = tenant;
    RETURN to_jsonb(tenant);
END $$;

CREATE FUNCTION public.op_add_ticket(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    u users;
BEGIN
    SELECT * INTO u FROM users AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'user')::uuid AND x.status <> 'disabled' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(permissions_of(u.id), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    INSERT INTO user_tickets (tenant_id, user_id, hash, bound, vouched, drawn_by, created_at, expires_at)
    VALUES (u.tenant_id, u.id, decode(req ->> 'hash', 'hex'), coalesce(req #> '{actor,may}', '[]'),
            coalesce(req #>> '{actor,kind}' = 'operator', false),
            CASE WHEN req #>> '{actor,kind}' = 'user' THEN (req #>> '{actor,id}')::uuid END,
            from_millis((req ->> 'now')::bigint), from_millis((req ->> 'expires_at')::bigint))
    ON CONFLICT (user_id, tenant_id) DO UPDATE
    SET hash = excluded.hash, bound = excluded.bound, vouched = excluded.vouched, drawn_by = excluded.drawn_by,
        created_at = excluded.created_at, expires_at = excluded.expires_at;
    PERFORM note_change(req -> 'actor', 'user.invite', 'user:' || u.id, NULL,
                        jsonb_build_object('expires_at', req -> 'expires_at'));
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_add_user(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    u users;
BEGIN
    PERFORM lock_people();
    IF EXISTS (SELECT FROM users AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'id')::uuid) THEN
        RETURN '"done"';
    END IF;
    IF NOT roles_exist(req -> 'roles') THEN
        RETURN '"unknown_role"';
    END IF;
    INSERT INTO users (tenant_id, id, email, name)
    VALUES (tenant, (req ->> 'id')::uuid, lower(req ->> 'email'), req ->> 'name')
    ON CONFLICT (email, tenant_id) DO NOTHING RETURNING * INTO u;
    IF NOT FOUND THEN
        RETURN '"taken"';
    END IF;
    PERFORM set_roles(u.id, req -> 'roles');
    IF exceeds(permissions_of(u.id), req -> 'actor') THEN
        RAISE EXCEPTION USING ERRCODE = 'RL002';
    END IF;
    PERFORM note_change(req -> 'actor', 'user.add', 'user:' || u.id, NULL, user_facts(u));
    RETURN '"done"';
EXCEPTION WHEN SQLSTATE 'RL002' THEN
    RETURN '"beyond_actor"';
END $$;

CREATE FUNCTION public.op_agent_templates(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', t.name, 'settings', t.settings) ORDER BY t.place), '[]')
    FROM agent_templates AS t
$$;

CREATE FUNCTION public.op_agent_version(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT v.snapshot FROM agents AS a
                     JOIN agent_versions AS v ON v.tenant_id = a.tenant_id AND v.agent_id = a.id
                     WHERE a.tenant_id = app_tenant() AND a.name = req ->> 'name'
                       AND v.version = (req ->> 'version')::integer), 'null')
$$;

CREATE FUNCTION public.op_app_key(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT to_jsonb(e.key) FROM endpoints AS e
                     WHERE e.tenant_id = app_tenant() AND e.channel = req ->> 'channel'
                       AND EXISTS (SELECT FROM accounts AS a WHERE a.tenant_id = e.tenant_id
                                   AND a.endpoint_id = e.id AND a.retired_at IS NULL)
                     ORDER BY e.id LIMIT 1), 'null')
$$;

CREATE FUNCTION public.op_apply_prices(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    was jsonb;
    is_now jsonb;
BEGIN
    PERFORM lock_people();
    was := op_list_prices('{}');
    PERFORM apply_prices(req);
    is_now := op_list_prices('{}');
    IF was <> is_now THEN
        PERFORM note_change(acting(), 'prices.change', 'prices',
            (SELECT coalesce(jsonb_agg(p), '[]') FROM jsonb_array_elements(was) AS p WHERE NOT is_now @> jsonb_build_array(p)),
            (SELECT coalesce(jsonb_agg(p), '[]') FROM jsonb_array_elements(is_now) AS p WHERE NOT was @> jsonb_build_array(p)));
    END IF;
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_apply_shop(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_archive(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_audit_letters(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_set(l.audited, '{counts}', (l.audited -> 'counts') || (
        SELECT coalesce(jsonb_agg(to_jsonb(n)), '[]')
        FROM (SELECT b.ended, b.reason, sum(b.count) AS count FROM erased_messages AS b
              WHERE (NOT req ? 'tenant' OR b.tenant_id = (SELECT t.id FROM tenants AS t WHERE t.slug = req ->> 'tenant'))
                AND (NOT req ? 'since' OR b.hour + interval '1 hour' > from_millis((req ->> 'since')::bigint))
              GROUP BY 1, 2) AS n))
    FROM audit_letters(req) AS l(audited)
$$;

CREATE FUNCTION public.op_audit_messages(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET jit TO 'off'
    AS $_$
DECLARE
    wanted bigint := (SELECT t.id FROM tenants AS t WHERE t.slug = req ->> 'tenant');
    result jsonb;
BEGIN
    -- EXECUTE: planned for this range
    EXECUTE $query$
        WITH judged AS MATERIALIZED (
            SELECT m.id, m.tenant_id, e.since, coalesce(x.ended, e.ended) AS ended, coalesce(x.reason, e.reason) AS reason
            FROM messages AS m
            CROSS JOIN LATERAL message_end(m.tenant_id, m.conversation_id, m.seq, m.kind, m.appended_at, m.turn_id) AS e
            LEFT JOIN LATERAL explain_open(m.tenant_id, m.id, m.conversation_id, m.turn_id, e.waits_at, e.since, $4, $5, $6)
                AS x ON e.ended = 'open'
            WHERE m.ctid >= $1 AND m.ctid < $2 AND m.direction = 'in'
              AND ($3 IS NULL OR m.appended_at >= $3) AND ($7 IS NULL OR m.tenant_id = $7))
        SELECT jsonb_build_object(
            'counts', (SELECT coalesce(jsonb_agg(to_jsonb(n)), '[]')
                       FROM (SELECT ended, reason, count(*) FROM judged GROUP BY 1, 2) AS n),
            'unexplained', (SELECT coalesce(jsonb_agg(to_jsonb(u)), '[]')
                            FROM (SELECT j.id AS message, j.tenant_id AS tenant, t.slug, j.reason, to_millis(j.since) AS since
                                  FROM judged AS j JOIN tenants AS t ON t.id = j.tenant_id
                                  WHERE j.ended = 'unexplained' ORDER BY j.since LIMIT $8) AS u))
    $query$ INTO result
    USING format('(%s,0)', req ->> 'from')::tid, format('(%s,0)', req ->> 'to')::tid, from_millis((req ->> 'since')::bigint),
          from_millis((req ->> 'now')::bigint), (req ->> 'bound_ms')::bigint * interval '1 millisecond',
          ARRAY(SELECT jsonb_array_elements_text(req -> 'lagging')), wanted, (req ->> 'listed')::integer;
    RETURN result;
END $_$;

CREATE FUNCTION public.op_audit_size(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
        'pages', pg_relation_size('messages') / current_setting('block_size')::bigint,
        'known', NOT req ? 'tenant' OR EXISTS (SELECT FROM tenants AS t WHERE t.slug = req ->> 'tenant'))
$$;

CREATE FUNCTION public.op_begin_attempt(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    bound jsonb;
    its_key bytea;
    tries integer;
    room_at timestamptz;
    ends jsonb := '{}';
BEGIN
    DELETE FROM sign_in_attempts AS a
    WHERE (a.id, a.key) IN (SELECT x.id, x.key FROM sign_in_attempts AS x WHERE x.counts_until <= moment
                            ORDER BY x.counts_until LIMIT 20 FOR UPDATE SKIP LOCKED);
    FOR bound IN SELECT jsonb_array_elements(req -> 'limits') LOOP
        its_key := sha256(convert_to((bound ->> 'kind') || ':' || lower(bound ->> 'of'), 'UTF8'));
        SELECT count(*), min(x.counts_until) INTO tries, room_at
        FROM (SELECT a.counts_until FROM sign_in_attempts AS a
              WHERE a.key = its_key AND a.counts_until > moment AND a.id <> (req ->> 'id')::uuid
              ORDER BY a.counts_until DESC LIMIT (bound ->> 'most')::integer) AS x;
        IF tries >= (bound ->> 'most')::integer THEN
            RETURN to_jsonb(to_millis(room_at));
        END IF;
        ends := ends || jsonb_build_object(encode(its_key, 'hex'), (req ->> 'now')::bigint + (bound ->> 'within_ms')::bigint);
    END LOOP;
    INSERT INTO sign_in_attempts (id, key, counts_until)
    SELECT (req ->> 'id')::uuid, decode(e.key, 'hex'), from_millis(e.value::bigint) FROM jsonb_each_text(ends) AS e
    ON CONFLICT DO NOTHING;
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_begin_erasure(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_begin_meta_connection(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM meta_connections AS c
    WHERE c.tenant_id = app_tenant() AND c.status = 'started' AND c.open_until < from_millis((req ->> 'now')::bigint);
    INSERT INTO meta_connections (tenant_id, id, kind, state, caller, created_at, open_until)
    VALUES (app_tenant(), (req ->> 'id')::uuid, req ->> 'kind', decode(req ->> 'state', 'hex'), req ->> 'caller',
            from_millis((req ->> 'now')::bigint), from_millis((req ->> 'open_until')::bigint))
    ON CONFLICT (id, tenant_id) DO NOTHING;
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_begin_session(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    person uuid := (req ->> 'user')::uuid;
    found jsonb;
BEGIN
    PERFORM FROM users AS u WHERE u.tenant_id = app_tenant() AND u.id = person FOR SHARE;
    found := person_of(person);
    IF found IS NULL OR NOT EXISTS (SELECT FROM user_passwords AS p WHERE p.tenant_id = app_tenant() AND p.user_id = person
                                      AND p.hash = req ->> 'password_hash') THEN
        RETURN 'null';
    END IF;
    INSERT INTO sessions (tenant_id, id, user_id, hash, last4, created_at, used_at, expires_at)
    VALUES (app_tenant(), (req ->> 'id')::uuid, person, decode(req ->> 'hash', 'hex'), req ->> 'last4', moment, moment,
            from_millis((req ->> 'expires_at')::bigint))
    ON CONFLICT (id, tenant_id) DO NOTHING;
    DELETE FROM sessions AS s
    WHERE s.tenant_id = app_tenant() AND s.user_id = person
      AND (s.ended_at IS NOT NULL OR s.expires_at <= moment
           OR s.id IN (SELECT x.id FROM sessions AS x WHERE x.tenant_id = app_tenant() AND x.user_id = person
                       ORDER BY x.created_at DESC, x.id OFFSET 20));
    RETURN found;
END $$;

CREATE FUNCTION public.op_budgets(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'shop', t.slug, 'agent_id', b.agent_id, 'agent', coalesce(g.name, ''), 'period', b.period, 'currency', b.currency,
        'hard', b.hard, 'soft', b.soft, 'from', to_millis(p.starts), 'until', to_millis(p.ends),
        'spent', CASE WHEN p.starts = b.starts_at THEN b.spent ELSE 0 END,
        -- who asks next releases what is over
        'reserved', CASE WHEN p.starts = b.starts_at THEN b.reserved ELSE 0 END
                    - (SELECT coalesce(sum(c.reserved), 0) FROM model_calls AS c
                       WHERE c.status = 'open' AND c.expires_at <= from_millis((req ->> 'now')::bigint)
                         AND p.starts = b.starts_at AND counts_in(b, c)),
        'events', (SELECT coalesce(jsonb_object_agg(e.kind, e.times), '{}') FROM budget_events AS e
                   WHERE e.tenant_id = b.tenant_id AND e.budget_id = b.id AND e.starts_at = p.starts),
        'unpriced', unpriced_models(b, from_millis((req ->> 'now')::bigint)))
        ORDER BY t.slug, g.name NULLS FIRST, b.period), '[]')
    FROM budgets AS b
    JOIN tenants AS t ON t.id = b.tenant_id
    LEFT JOIN agents AS g ON g.tenant_id = b.tenant_id AND g.id = b.agent_id,
    LATERAL period_of(b.period, t.time_zone, from_millis((req ->> 'now')::bigint)) AS p
    WHERE req ->> 'tenant' IS NULL OR t.slug = req ->> 'tenant'
$$;

CREATE FUNCTION public.op_bury(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_change_account(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    chosen bigint := nullif((req ->> 'agent')::bigint, 0);
    x accounts;
BEGIN
    PERFORM lock_agents();
    SELECT * INTO x FROM accounts AS a WHERE a.tenant_id = tenant AND a.id = (req ->> 'account')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    ELSIF chosen IS NOT NULL AND NOT EXISTS (SELECT FROM agents AS a WHERE a.tenant_id = tenant AND a.id = chosen
                                                                     AND a.version > 0 AND a.removed_at IS NULL) THEN
        RETURN '"unknown_agent"';
    END IF;
    UPDATE accounts AS a
    SET name = coalesce(req ->> 'name', a.name),
        chosen_agent_id = CASE WHEN req ? 'agent' THEN chosen ELSE a.chosen_agent_id END,
        agent_id = CASE WHEN req ? 'agent' THEN coalesce(chosen, agent_on(a.channel, own_agent()), a.agent_id)
                        ELSE a.agent_id END
    WHERE a.tenant_id = tenant AND a.id = x.id;
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_change_agent(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM lock_agents();
    -- a draft has the name, too, by which publish_as knows it again
    UPDATE agents AS a
    SET name = coalesce(req ->> 'name', a.name),
        draft = coalesce(req -> 'settings', a.draft) || jsonb_build_object('name', coalesce(req ->> 'name', a.name))
    WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL AND a.id = (req ->> 'agent')::bigint;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"not_found"' END;
EXCEPTION WHEN unique_violation THEN
    RETURN '"taken"';
END $$;

CREATE FUNCTION public.op_change_agent_draft(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE agents AS a SET draft = req -> 'settings'
    WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL AND a.id = (req ->> 'agent')::bigint;
    RETURN to_jsonb(FOUND);
END $$;

CREATE FUNCTION public.op_change_company(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE companies AS c
    SET name = coalesce(req ->> 'name', c.name),
        fiscal_id = CASE WHEN req ? 'fiscal_id' THEN req ->> 'fiscal_id' ELSE c.fiscal_id END,
        crm_company_id = CASE WHEN req ? 'crm_company_id' THEN req ->> 'crm_company_id' ELSE c.crm_company_id END
    WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'company')::uuid AND c.deleted_at IS NULL;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"not_found"' END;
EXCEPTION WHEN unique_violation THEN
    RETURN '"taken"';
END $$;

CREATE FUNCTION public.op_change_contact(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT hold_division((req ->> 'division')::uuid) THEN
        RETURN '"no_division"';
    END IF;
    UPDATE contacts AS c
    SET name = coalesce(req ->> 'name', c.name),
        email = CASE WHEN req ? 'email' THEN req ->> 'email' ELSE c.email END,
        phone = CASE WHEN req ? 'phone' THEN req ->> 'phone' ELSE c.phone END,
        division_id = CASE WHEN req ? 'division' THEN (req ->> 'division')::uuid ELSE c.division_id END,
        crm_contact_id = CASE WHEN req ? 'crm_contact_id' THEN req ->> 'crm_contact_id' ELSE c.crm_contact_id END,
        log_name = coalesce(c.log_name, gen_random_uuid())
    WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'contact')::uuid AND c.deleted_at IS NULL;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"not_found"' END;
EXCEPTION WHEN unique_violation THEN
    RETURN '"taken"';
END $$;

CREATE FUNCTION public.op_change_division(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT hold_company((req ->> 'company')::uuid) THEN
        RETURN '"no_company"';
    END IF;
    UPDATE divisions AS d
    SET name = coalesce(req ->> 'name', d.name), company_id = coalesce((req ->> 'company')::uuid, d.company_id),
        crm_division_id = CASE WHEN req ? 'crm_division_id' THEN req ->> 'crm_division_id' ELSE d.crm_division_id END
    WHERE d.tenant_id = app_tenant() AND d.id = (req ->> 'division')::uuid AND d.deleted_at IS NULL;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"not_found"' END;
EXCEPTION WHEN unique_violation THEN
    RETURN '"taken"';
END $$;

CREATE FUNCTION public.op_change_opportunity(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    refused jsonb := refuse_opportunity(req);
    o opportunities;
BEGIN
    IF refused IS NOT NULL THEN
        RETURN refused;
    END IF;
    SELECT * INTO o FROM opportunities AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'opportunity')::uuid AND x.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF req ? 'contact' THEN
        o.contact_id := (req ->> 'contact')::uuid;
    END IF;
    IF req ? 'company' THEN
        o.company_id := (req ->> 'company')::uuid;
    END IF;
    IF o.contact_id IS NULL AND o.company_id IS NULL THEN
        RETURN '"nobody"';
    END IF;
    UPDATE opportunities AS x
    SET contact_id = o.contact_id, company_id = o.company_id, title = coalesce(req ->> 'title', x.title),
        problem = CASE WHEN req ? 'problem' THEN req ->> 'problem' ELSE x.problem END, stage = coalesce(req ->> 'stage', x.stage),
        amount = CASE WHEN req ? 'amount' THEN (req #>> '{amount,minor_units}')::bigint ELSE x.amount END,
        currency = CASE WHEN req ? 'amount' THEN req #>> '{amount,currency}' ELSE x.currency END,
        crm_opportunity_id = CASE WHEN req ? 'crm_opportunity_id' THEN req ->> 'crm_opportunity_id'
                                  ELSE x.crm_opportunity_id END
    WHERE x.tenant_id = o.tenant_id AND x.id = o.id;
    IF req ? 'recommendations' THEN
        PERFORM recommend(o.id, req -> 'recommendations');
    END IF;
    RETURN '"done"';
EXCEPTION WHEN unique_violation THEN
    RETURN '"taken"';
END $$;

CREATE FUNCTION public.op_change_tenant(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    zone text := req ->> 'time_zone';
    zone_before text;
BEGIN
    IF zone IS NOT NULL THEN
        IF NOT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = zone) THEN
            RETURN '"unknown_time_zone"';
        END IF;
        PERFORM pg_advisory_xact_lock(budgets_lock());  -- before the row's, as whoever reserves a call
    END IF;
    SELECT t.time_zone INTO zone_before FROM tenants AS t WHERE t.id = app_tenant() FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'false';
    END IF;
    UPDATE tenants AS t
    SET name = coalesce(req ->> 'name', t.name), language = coalesce(req ->> 'language', t.language),
        cors_origins = CASE WHEN req ? 'cors_origins'
                            THEN ARRAY(SELECT jsonb_array_elements_text(req -> 'cors_origins')) ELSE t.cors_origins END,
        time_zone = coalesce(zone, t.time_zone), fallback_text = coalesce(req ->> 'fallback_text', t.fallback_text),
        redact = coalesce(req -> 'redact', t.redact),
        keep_days = CASE WHEN req ? 'keep_days' THEN (req ->> 'keep_days')::integer ELSE t.keep_days END
    WHERE t.id = app_tenant();
    IF zone <> zone_before THEN
        PERFORM begin_period(b.id, now()) FROM budgets AS b WHERE b.tenant_id = app_tenant();
    END IF;
    RETURN 'true';
END $$;

CREATE FUNCTION public.op_change_user(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    u users;
    before jsonb;
    managed boolean;
    new_email text := lower(req ->> 'email');
BEGIN
    PERFORM lock_people();
    SELECT * INTO u FROM users AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'user')::uuid FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(permissions_of(u.id), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    IF req ? 'roles' AND NOT roles_exist(req -> 'roles') THEN
        RETURN '"unknown_role"';
    END IF;
    IF EXISTS (SELECT FROM users AS x WHERE x.tenant_id = tenant AND x.email = new_email AND x.id <> u.id) THEN
        RETURN '"taken"';
    END IF;
    before := user_facts(u);
    managed := has_manager();
    IF new_email <> u.email THEN
        DELETE FROM user_passwords AS p WHERE p.tenant_id = tenant AND p.user_id = u.id;
    END IF;
    IF new_email <> u.email OR NOT (req ->> 'active')::boolean THEN
        DELETE FROM user_tickets AS t WHERE t.tenant_id = tenant AND t.user_id = u.id;
        UPDATE sessions AS s SET ended_at = now()
        WHERE s.tenant_id = tenant AND s.user_id = u.id AND s.ended_at IS NULL;
    END IF;
    UPDATE users AS x
    SET email = coalesce(new_email, x.email), name = coalesce(req ->> 'name', x.name), updated_at = now(),
        status = CASE WHEN NOT req ? 'active' THEN x.status
                      WHEN NOT (req ->> 'active')::boolean THEN 'disabled'
                      WHEN x.status <> 'disabled' THEN x.status
                      WHEN EXISTS (SELECT FROM user_passwords AS p WHERE p.tenant_id = tenant AND p.user_id = x.id)
                           OR EXISTS (SELECT FROM user_identities AS i WHERE i.tenant_id = tenant AND i.user_id = x.id)
                      THEN 'active' ELSE 'invited' END
    WHERE x.tenant_id = tenant AND x.id = u.id RETURNING * INTO u;
    IF req ? 'roles' THEN
        PERFORM set_roles(u.id, req -> 'roles');
    END IF;
    IF exceeds(permissions_of(u.id), req -> 'actor') THEN
        RAISE EXCEPTION USING ERRCODE = 'RL002';
    ELSIF managed AND NOT has_manager() THEN
        RAISE EXCEPTION USING ERRCODE = 'RL001';
    END IF;
    IF user_facts(u) <> before THEN
        PERFORM note_change(req -> 'actor', 'user.change', 'user:' || u.id, before, user_facts(u));
    END IF;
    RETURN '"done"';
EXCEPTION
    WHEN SQLSTATE 'RL001' THEN
        RETURN '"last_admin"';
    WHEN SQLSTATE 'RL002' THEN
        RETURN '"beyond_actor"';
END $$;

CREATE FUNCTION public.op_claim_account(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    claimed jsonb := claim_account(req);
BEGIN
    IF claimed = '{}' AND (req ->> 'own_app')::boolean THEN
        PERFORM leave_meta(ARRAY[(req ->> 'account_id')::uuid]);
    END IF;
    RETURN claimed;
END $$;

CREATE FUNCTION public.op_claim_meta_account(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    agent bigint;
BEGIN
    IF NOT hold_newest_key(req -> 'credentials') THEN
        RETURN '{"stale": true}';
    END IF;
    PERFORM lock_agents();
    PERFORM FROM meta_connections AS c
    WHERE c.tenant_id = tenant AND c.id = (req ->> 'id')::uuid AND c.status = 'connected' FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '{"refused": "not_connected"}';
    END IF;
    agent := agent_for((req ->> 'account_id')::uuid, req ->> 'channel', own_agent());
    IF agent IS NULL THEN
        RETURN '{"refused": "no_agent"}';
    END IF;
    BEGIN
        PERFORM apply_account(req, agent);
    EXCEPTION WHEN unique_violation THEN
        RETURN '{"refused": "taken"}';
    END;
    PERFORM put_credentials(req -> 'credentials');
    INSERT INTO meta_accounts (tenant_id, account_id, connection_id, owner, updated_at)
    VALUES (tenant, (req ->> 'account_id')::uuid, (req ->> 'id')::uuid, req ->> 'owner', from_millis((req ->> 'now')::bigint))
    ON CONFLICT (account_id, tenant_id) DO UPDATE
    SET connection_id = excluded.connection_id, owner = excluded.owner, step = 'claimed', code = '', detail = '',
        updated_at = excluded.updated_at;
    UPDATE meta_connections AS c SET due_at = from_millis((req ->> 'now')::bigint)
    WHERE c.tenant_id = tenant AND c.id = (req ->> 'id')::uuid;
    RETURN '{}';
END $$;

CREATE FUNCTION public.op_claim_reply(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_claim_turn(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    wanted uuid[] := ARRAY(SELECT jsonb_array_elements_text(req -> 'messages')::uuid);
    open_turns integer;
    c conversations;
    first messages;
    newest bigint;
    previous turns;
    made turns;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = tenant AND x.id = (req ->> 'conversation')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND OR c.mode = 'human' THEN
        RETURN '{"state": "none"}';
    END IF;

    IF NOT EXISTS (SELECT FROM messages AS m
                   WHERE m.tenant_id = tenant AND m.id = ANY (wanted) AND m.conversation_id = c.id
                     AND m.turn_id IS NULL AND m.kind = 'message' AND m.direction = 'in'
                     AND m.seq > c.handled_seq) THEN
        -- our own earlier work: the stored turn is the decision
        SELECT t.* INTO made FROM messages AS m JOIN turns AS t ON t.tenant_id = tenant AND t.id = m.turn_id
        WHERE m.tenant_id = tenant AND m.id = ANY (wanted) AND m.conversation_id = c.id AND m.direction = 'in'
        ORDER BY m.seq DESC LIMIT 1;
        IF FOUND THEN
            RETURN jsonb_build_object('state', 'claimed', 'turn', made.id);
        END IF;
        RETURN '{"state": "none"}';
    END IF;

    SELECT count(*) INTO open_turns
    FROM (SELECT FROM turns AS t WHERE t.tenant_id = tenant AND t.status = 'open'
          LIMIT (req ->> 'max_open')::integer) AS counted;
    -- A turn that was made and never went on has its place already: its burst must not wait.
    IF open_turns >= (req ->> 'max_open')::integer
       AND NOT EXISTS (SELECT FROM messages AS m JOIN turns AS t ON t.tenant_id = tenant AND t.id = m.turn_id
                       WHERE m.tenant_id = tenant AND m.id = ANY (wanted) AND t.status = 'open'
                         AND NOT EXISTS (SELECT FROM steps AS s WHERE s.tenant_id = tenant AND s.turn_id = t.id)) THEN
        RETURN '{"state": "too_many"}';
    END IF;

    SELECT * INTO first FROM messages AS m
    WHERE m.tenant_id = tenant AND m.conversation_id = c.id AND m.turn_id IS NULL AND m.direction = 'in'
      AND m.kind = 'message' AND m.seq > c.handled_seq
    ORDER BY m.seq LIMIT 1;
    SELECT max(m.seq) INTO newest FROM messages AS m
    WHERE m.tenant_id = tenant AND m.conversation_id = c.id AND m.turn_id IS NULL AND m.direction = 'in'
      AND m.kind = 'message' AND m.seq > c.handled_seq;

    INSERT INTO turns (tenant_id, id, conversation_id, first_message_id, first_seq, last_seq, first_at, epoch,
                       created_at)
    VALUES (tenant, hash_uuid('turn', c.id::text, first.id::text), c.id, first.id, first.seq, newest,
            first.appended_at, c.epoch, moment)
    RETURNING * INTO made;
    UPDATE messages AS m SET turn_id = made.id
    WHERE m.tenant_id = tenant AND m.conversation_id = c.id AND m.turn_id IS NULL AND m.direction = 'in'
      AND m.kind = 'message' AND m.seq > c.handled_seq;

    SELECT * INTO previous FROM turns AS t
    WHERE t.tenant_id = tenant AND t.conversation_id = c.id AND t.last_seq < made.first_seq
      AND (t.status = 'open'
           OR t.status = 'answered'
              AND EXISTS (SELECT FROM replies AS r WHERE r.tenant_id = tenant AND r.turn_id = t.id
                          AND r.status = 'pending'
                          AND NOT EXISTS (SELECT FROM deliveries AS d WHERE d.tenant_id = tenant
                                          AND d.reply_id = r.id AND d.status = 'intent')))
    ORDER BY t.last_seq DESC LIMIT 1;
    -- A turn of this very burst that nobody has looked at yet: its claimer may have died before it told anyone,
    -- and then only this turn can answer its messages.
    IF FOUND AND (may_be_superseded(previous, moment)
                  OR previous.status = 'open'
                     AND EXISTS (SELECT FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (wanted)
                                                             AND m.turn_id = previous.id)
                     AND NOT EXISTS (SELECT FROM steps AS s WHERE s.tenant_id = tenant
                                                              AND s.turn_id = previous.id)) THEN
        UPDATE turns AS t SET status = 'superseded', superseded_by = made.id, closed_at = moment
        WHERE t.tenant_id = tenant AND t.id = previous.id;
        PERFORM drop_unsent(previous.id, 'superseded');
        UPDATE turns AS t SET supersedes = previous.id, supersedes_count = previous.supersedes_count + 1,
                              first_at = previous.first_at
        WHERE t.tenant_id = tenant AND t.id = made.id;
    END IF;
    RETURN jsonb_build_object('state', 'claimed', 'turn', made.id);
END $$;

CREATE FUNCTION public.op_commit_answer(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    turn uuid := (req ->> 'turn')::uuid;
    number integer := (req ->> 'step')::integer;
    usage jsonb := req #> '{completion,usage}';
    settled boolean;
BEGIN
    PERFORM hold_budgets(moment);
    settled := settle_call(turn, number, (req ->> 'attempt')::integer, usage, '', moment);
    IF NOT settled AND NOT req ? 'attempt'
       AND NOT EXISTS (SELECT FROM steps AS s WHERE s.tenant_id = tenant AND s.turn_id = turn AND s.step = number
                                                AND s.response IS NOT NULL) THEN
        -- a process of the version before reserves nothing
        INSERT INTO model_calls (tenant_id, turn_id, step, attempt, conversation_id, agent_id, provider, model, currency,
                                 input_price, cached_price, output_price, status, reserved_at, expires_at)
        SELECT tenant, t.id, number, coalesce((SELECT max(x.attempt) FROM model_calls AS x
                                               WHERE x.tenant_id = tenant AND x.turn_id = t.id AND x.step = number), 0) + 1,
               v.id, coalesce(s.agent_id, a.agent_id), coalesce(req #>> '{completion,provider}', ''),
               coalesce(req #>> '{completion,model}', ''), p.currency, p.input, p.cached_input, p.output, 'released',
               greatest(moment, (SELECT max(b.starts_at) FROM budgets AS b WHERE b.tenant_id = tenant)), moment
        FROM turns AS t
        JOIN conversations AS v ON v.tenant_id = tenant AND v.id = t.conversation_id
        JOIN accounts AS a ON a.tenant_id = tenant AND a.id = v.account_id
        LEFT JOIN steps AS s ON s.tenant_id = tenant AND s.turn_id = t.id AND s.step = 0
        LEFT JOIN LATERAL price_of(req #>> '{completion,provider}', '', req #>> '{completion,model}', moment) AS p ON true
        WHERE t.tenant_id = tenant AND t.id = turn
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            PERFORM settle_call(turn, number, NULL, usage, '', moment);
        END IF;
    END IF;
    RETURN commit_answer(req);
END $$;

CREATE FUNCTION public.op_count_backlog(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT count_backlog(from_millis((req ->> 'now')::bigint))
$$;

CREATE FUNCTION public.op_count_due_timers(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT to_jsonb(count_due_timers(from_millis((req ->> 'now')::bigint), (req ->> 'most')::integer))
$$;

CREATE FUNCTION public.op_count_money(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT count_money(from_millis((req ->> 'now')::bigint))
$$;

CREATE FUNCTION public.op_count_person(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $_$
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
END $_$;

CREATE FUNCTION public.op_demo_conversation(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    c conversations;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    RETURN jsonb_build_object(
        'tenant', c.tenant_id, 'conversation', c.id, 'mode', c.mode, 'epoch', c.epoch, 'channel', c.channel,
        'contact', (SELECT coalesce(nullif(k.name, ''), c.address_value) FROM contacts AS k
                    WHERE k.tenant_id = c.tenant_id AND k.id = c.contact_id),
        'messages', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', m.id, 'seq', m.seq, 'direction', m.direction, 'author', m.author, 'kind', m.kind,
                'text', m.text, 'at', iso_time(m.at), 'turn', m.turn_id, 'trace', m.trace) ORDER BY m.seq), '[]')
            FROM (SELECT x.* FROM messages AS x WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id
                  ORDER BY x.seq DESC LIMIT 100) AS m),
        'turns', (
            SELECT coalesce(jsonb_agg(jsonb_build_object(
                'id', t.id, 'status', t.status, 'reason', t.reason, 'superseded_by', t.superseded_by,
                'created_at', iso_time(t.created_at),
                'message_ids', (SELECT coalesce(jsonb_agg(m.id ORDER BY m.seq), '[]') FROM messages AS m
                                WHERE m.tenant_id = t.tenant_id AND m.turn_id = t.id AND m.direction = 'in'),
                'passages', coalesce((SELECT s.request -> 'passages' FROM steps AS s
                                      WHERE s.tenant_id = t.tenant_id AND s.turn_id = t.id AND s.step = 0), '[]'),
                'replies', demo_replies(t.id, c)) ORDER BY t.last_seq), '[]')
            FROM (SELECT x.* FROM turns AS x WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id
                  ORDER BY x.last_seq DESC LIMIT 50) AS t),
        'replies', demo_replies(NULL, c));
END $$;

CREATE FUNCTION public.op_demo_conversations(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'tenant', c.tenant_id, 'conversation', c.id, 'shop', t.slug, 'channel', c.channel,
        'contact', coalesce(nullif(k.name, ''), c.address_value), 'mode', c.mode,
        'last_at', iso_time(m.at), 'last_text', m.text) ORDER BY m.at DESC), '[]')
    FROM (SELECT x.* FROM conversations AS x WHERE x.tenant_id = app_tenant() AND takes_messages()
          ORDER BY x.updated_at DESC LIMIT 100) AS c
    JOIN tenants AS t ON t.id = c.tenant_id
    JOIN contacts AS k ON k.tenant_id = c.tenant_id AND k.id = c.contact_id
    JOIN LATERAL (SELECT x.at, x.text FROM messages AS x
                  WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id
                  ORDER BY x.seq DESC LIMIT 1) AS m ON true
$$;

CREATE FUNCTION public.op_demo_shop(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    WITH open_endpoints AS (
        SELECT e.id, e.channel, e.key FROM endpoints AS e
        WHERE e.tenant_id = app_tenant()
          AND EXISTS (SELECT FROM accounts AS a
                      WHERE a.tenant_id = e.tenant_id AND a.endpoint_id = e.id AND a.retired_at IS NULL))
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'tenant', t.id, 'slug', t.slug, 'name', t.name,
        'web', (SELECT jsonb_build_object('key', e.key) FROM open_endpoints AS e
                WHERE e.channel = 'web' ORDER BY e.id LIMIT 1),
        'webhooks', (SELECT coalesce(jsonb_object_agg(e.channel, jsonb_build_object(
                                         'path', format('/webhooks/%s/%s', e.channel, e.key))), '{}')
                     FROM open_endpoints AS e WHERE e.channel <> 'web')))
    FROM tenants AS t WHERE t.id = app_tenant() AND takes_messages()
$$;

CREATE FUNCTION public.op_draft_agent(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    INSERT INTO agents AS a (tenant_id, name, provider, version, draft)
    VALUES (app_tenant(), req ->> 'name', '', 0, req -> 'settings')
    ON CONFLICT (tenant_id, name) DO UPDATE SET draft = excluded.draft
    RETURNING 'null'::jsonb
$$;

CREATE FUNCTION public.op_drop_archived(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_drop_budget(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(budgets_lock());
    DELETE FROM budgets AS b
    WHERE b.tenant_id = app_tenant() AND b.period = req ->> 'period'
      AND b.agent_id IS NOT DISTINCT FROM (req ->> 'agent')::bigint;
    RETURN to_jsonb(FOUND);
END $$;

CREATE FUNCTION public.op_drop_keys(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    BEGIN
        DELETE FROM tenant_keys AS k
        WHERE k.tenant_id = app_tenant() AND k.version < newest_key()
          AND NOT EXISTS (SELECT FROM credentials AS c
                          WHERE c.tenant_id = k.tenant_id AND c.key_version = k.version);
    EXCEPTION WHEN foreign_key_violation THEN
        NULL;  -- one was used meanwhile: the caller looks again
    END;
    RETURN to_jsonb((SELECT count(*) FROM tenant_keys AS k
                     WHERE k.tenant_id = app_tenant() AND k.version < newest_key()));
END $$;

CREATE FUNCTION public.op_drop_letters(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $_$
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
        ELSIF l.about ->> 'message' ~ uuid_form THEN
            PERFORM drop_burst((l.about ->> 'message')::uuid, req ->> 'reason', moment);
        END IF;
        UPDATE dead_letters AS x
        SET status = 'dropped', status_at = moment, status_by = req ->> 'by', reason = req ->> 'reason'
        WHERE x.tenant_id IS NOT DISTINCT FROM app_tenant() AND x.id = l.id AND x.status = 'dead';
        IF FOUND THEN
            dropped := dropped || to_jsonb(l.id);
        END IF;
    END LOOP;
    RETURN dropped;
END $_$;

CREATE FUNCTION public.op_drop_turn(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM lock_turn((req ->> 'turn')::uuid);
    UPDATE turns AS t
    SET status = 'dropped', reason = req ->> 'reason', closed_at = from_millis((req ->> 'now')::bigint)
    WHERE t.tenant_id = app_tenant() AND t.id = (req ->> 'turn')::uuid AND t.status = 'open';
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_edit_letter(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    WITH edited AS (
        UPDATE dead_letters AS x
        SET value = decode(req ->> 'value_base64', 'base64'), original = coalesce(x.original, x.value),
            edited_at = from_millis((req ->> 'now')::bigint), edited_by = req ->> 'by'
        WHERE x.tenant_id IS NOT DISTINCT FROM app_tenant() AND x.status = 'dead' AND x.id = (req ->> 'id')::bigint
        RETURNING x.id)
    SELECT to_jsonb(EXISTS (SELECT FROM edited))
$$;

CREATE FUNCTION public.op_end_erasure(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    UPDATE erasures AS e SET done_at = clock_timestamp()
    WHERE e.tenant_id = app_tenant() AND e.id = (req ->> 'erasure')::uuid AND e.done_at IS NULL RETURNING 'null'::jsonb
$$;

CREATE FUNCTION public.op_end_operator(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE platform_operators AS o SET active = false WHERE o.id = (req ->> 'id')::uuid AND o.active;
    RETURN to_jsonb(FOUND);
END $$;

CREATE FUNCTION public.op_end_session(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE sessions AS s SET ended_at = from_millis((req ->> 'now')::bigint)
    WHERE s.tenant_id = app_tenant() AND s.id = (req ->> 'session')::uuid AND s.ended_at IS NULL;
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_end_sessions(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    ended integer;
BEGIN
    IF NOT EXISTS (SELECT FROM users AS u WHERE u.tenant_id = app_tenant() AND u.id = (req ->> 'user')::uuid) THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(permissions_of((req ->> 'user')::uuid), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    UPDATE sessions AS s SET ended_at = from_millis((req ->> 'now')::bigint)
    WHERE s.tenant_id = app_tenant() AND s.user_id = (req ->> 'user')::uuid AND s.ended_at IS NULL;
    GET DIAGNOSTICS ended = ROW_COUNT;
    IF ended > 0 THEN
        PERFORM note_change(req -> 'actor', 'user.end_sessions', 'user:' || (req ->> 'user'), NULL,
                            jsonb_build_object('ended', ended));
    END IF;
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_erase_person(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_expire_messages(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_expire_reply(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    locked record;
    r replies;
    d deliveries;
BEGIN
    SELECT * INTO locked FROM lock_reply((req ->> 'reply')::uuid);
    r := locked.r;
    IF r.id IS NULL THEN
        RETURN '{"state": "closed", "reason": "erased"}';
    ELSIF r.status = 'sent' THEN
        RETURN '{"state": "delivered"}';
    ELSIF r.status <> 'pending' THEN
        RETURN jsonb_build_object('state', 'closed', 'reason', r.reason);
    END IF;
    SELECT * INTO d FROM deliveries AS x WHERE x.tenant_id = tenant AND x.reply_id = r.id
    ORDER BY x.attempt DESC LIMIT 1;
    IF d.status = 'intent' THEN
        -- who made it may have sent it before it died, or is sending it now
        UPDATE deliveries AS x SET status = 'unknown', due_at = moment + interval '60 seconds'
        WHERE x.tenant_id = tenant AND x.reply_id = r.id AND x.attempt = d.attempt;
        PERFORM close_reply(r.id, 'unknown', 'unknown');
        RETURN '{"state": "closed", "reason": "unknown"}';
    END IF;
    PERFORM close_reply(r.id, 'dropped', 'expired');
    RETURN '{"state": "closed", "reason": "expired"}';
END $$;

CREATE FUNCTION public.op_export_archived(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(a) - 'tenant_id'), '[]') FROM archive AS a
    WHERE a.tenant_id = (req ->> 'tenant')::bigint
      AND a.ctid >= format('(%s,0)', req ->> 'from')::tid AND a.ctid < format('(%s,0)', req ->> 'to')::tid
      AND is_named(a.raw, ARRAY(SELECT jsonb_array_elements_text(req -> 'names')))
$$;

CREATE FUNCTION public.op_export_contact(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_export_page(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_export_person(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
        'pages', pg_relation_size('archive') / current_setting('block_size')::bigint,
        'tables', (SELECT jsonb_agg(p.name ORDER BY p.place DESC) FROM personal_tables AS p
                   WHERE p.place IS NOT NULL AND NOT p.copies),
        'contacts', to_jsonb(s.people),
        'aliases', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', n.kind, 'value', n.value)), '[]')
                    FROM known_names((req ->> 'tenant')::bigint, s.people) AS n))
    FROM same_person((req ->> 'tenant')::bigint, (req ->> 'contact')::uuid) AS s(people)
$$;

CREATE FUNCTION public.op_fail_turn(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_find_account(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_find_api_key(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    named record;
    k api_keys;
    person jsonb;
BEGIN
    SELECT f.tenant_id, f.id INTO named FROM find_api_key(decode(req ->> 'hash', 'hex')) AS f;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    SELECT * INTO k FROM api_keys AS x
    WHERE x.tenant_id = named.tenant_id AND x.id = named.id AND x.revoked_at IS NULL
      AND (x.expires_at IS NULL OR x.expires_at > moment)
      AND (x.operator_id IS NULL OR EXISTS (SELECT FROM platform_operators AS o WHERE o.id = x.operator_id AND o.active))
      AND EXISTS (SELECT FROM tenants AS t WHERE t.id = x.tenant_id AND t.retired_at IS NULL);
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    IF k.owner_id IS NOT NULL THEN
        person := person_of(k.owner_id);
        IF person IS NULL THEN
            RETURN 'null';
        END IF;
    END IF;
    UPDATE api_keys AS s SET used_at = moment
    WHERE s.tenant_id = named.tenant_id
      AND s.id = (SELECT x.id FROM api_keys AS x
                  WHERE x.tenant_id = named.tenant_id AND x.id = named.id
                    AND (x.used_at IS NULL OR x.used_at < moment - interval '1 minute')
                  FOR NO KEY UPDATE SKIP LOCKED);
    RETURN jsonb_build_object('tenant', k.tenant_id, 'id', k.id, 'name', k.name, 'scopes', to_jsonb(k.scopes),
                              'owned', k.owner_id IS NOT NULL, 'owner', coalesce(person -> 'permissions', '[]'));
END $$;

CREATE FUNCTION public.op_find_archived(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $_$
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
END $_$;

CREATE FUNCTION public.op_find_contacts(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.op_find_credential(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT jsonb_build_object('sealed', encode(c.sealed, 'hex'), 'key', wrapped_key(k))
                     FROM credentials AS c
                     LEFT JOIN tenant_keys AS k ON k.tenant_id = c.tenant_id AND k.version = c.key_version
                     WHERE c.tenant_id = app_tenant() AND c.category = req ->> 'category' AND c.name = req ->> 'name'),
                    'null')
$$;

CREATE FUNCTION public.op_find_endpoint(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT to_jsonb(e) FROM find_endpoint(req ->> 'channel', req ->> 'key') AS e), 'null')
$$;

CREATE FUNCTION public.op_find_erasure(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('erasure', e.id, 'erased_at', to_millis(e.erased_at), 'counts', e.counts)
        FROM erased_aliases AS a JOIN erasures AS e ON e.tenant_id = a.tenant_id AND e.id = a.erasure_id
        WHERE a.tenant_id = app_tenant() AND a.mark = req ->> 'mark'), 'null')
$$;

CREATE FUNCTION public.op_find_operator(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT jsonb_build_object('id', o.id, 'name', o.name) FROM platform_operators AS o
                     WHERE o.issuer = req ->> 'issuer' AND o.subject = req ->> 'subject' AND o.active), 'null')
$$;

CREATE FUNCTION public.op_find_owner(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    owner record;
BEGIN
    SELECT * INTO owner FROM resolve_owner(req ->> 'channel', (req ->> 'scope')::bigint);
    RETURN CASE WHEN FOUND THEN found_account(owner.tenant_id, owner.id) ELSE 'null' END;
END $$;

CREATE FUNCTION public.op_find_password(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    named record;
BEGIN
    SELECT * INTO named FROM find_login(req ->> 'email');
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    RETURN coalesce((SELECT jsonb_build_object('tenant', p.tenant_id, 'user', p.user_id, 'hash', p.hash)
                     FROM user_passwords AS p JOIN users AS u ON u.tenant_id = p.tenant_id AND u.id = p.user_id
                     WHERE p.tenant_id = named.tenant_id AND p.user_id = named.user_id AND u.status = 'active'), 'null');
END $$;

CREATE FUNCTION public.op_find_person(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    named record;
BEGIN
    SELECT * INTO named FROM find_identity(req ->> 'issuer', req ->> 'subject');
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    RETURN coalesce(person_of(named.user_id), 'null');
END $$;

CREATE FUNCTION public.op_find_session(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    named record;
    person jsonb;
BEGIN
    SELECT f.tenant_id, f.id INTO named FROM find_session(decode(req ->> 'hash', 'hex')) AS f;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    SELECT person_of(s.user_id) INTO person FROM sessions AS s
    WHERE s.tenant_id = named.tenant_id AND s.id = named.id AND s.ended_at IS NULL AND s.expires_at > moment
      AND s.used_at > moment - (req ->> 'idle_ms')::bigint * interval '1 millisecond';
    IF person IS NULL THEN
        RETURN 'null';
    END IF;
    UPDATE sessions AS s SET used_at = moment
    WHERE s.tenant_id = named.tenant_id
      AND s.id = (SELECT x.id FROM sessions AS x
                  WHERE x.tenant_id = named.tenant_id AND x.id = named.id AND x.used_at < moment - interval '1 minute'
                  FOR NO KEY UPDATE SKIP LOCKED);
    RETURN jsonb_build_object('id', named.id, 'person', person);
END $$;

CREATE FUNCTION public.op_find_story(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $_$
    WITH asked AS (
        SELECT w.name, rpad(w.hex, 32, '0')::uuid AS first_id, rpad(w.hex, 32, 'f')::uuid AS last_id,
               ARRAY[w.name, req ->> 'digits'] AS aliases, from_millis((req ->> 'at')::bigint) AS latest
        FROM (SELECT x.name, CASE WHEN x.name ~ '^[0-9a-fA-F]{8}[0-9a-fA-F-]{0,28}$' AND length(replace(x.name, '-', '')) <= 32
                                  THEN replace(x.name, '-', '') END AS hex
              FROM (SELECT req ->> 'wanted' AS name) AS x) AS w
    ), message_ids AS (
        SELECT m.tenant_id, m.id, 'message' AS what FROM asked AS q
              CROSS JOIN LATERAL (SELECT x.tenant_id, x.id FROM messages AS x
                                  WHERE x.id BETWEEN q.first_id AND q.last_id ORDER BY x.id LIMIT 20) AS m
        UNION SELECT m.tenant_id, m.id, 'message' FROM asked AS q JOIN messages AS m ON m.event_id = q.name
        UNION SELECT c.tenant_id, m.id, 'newest of the conversation' FROM asked AS q
              CROSS JOIN LATERAL (SELECT x.tenant_id, x.id FROM conversations AS x
                                  WHERE x.id BETWEEN q.first_id AND q.last_id ORDER BY x.id LIMIT 20) AS c
              CROSS JOIN LATERAL (SELECT x.id FROM messages AS x
                                  WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id
                                    AND x.appended_at <= q.latest ORDER BY x.seq DESC LIMIT 1) AS m
        UNION SELECT c.tenant_id, m.id, 'newest of the contact' FROM asked AS q JOIN aliases AS a ON a.value = ANY (q.aliases)
              JOIN conversations AS c ON c.tenant_id = a.tenant_id AND c.contact_id = a.contact_id
              CROSS JOIN LATERAL (SELECT x.id FROM messages AS x
                                  WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id AND x.direction = 'in'
                                    AND x.appended_at <= q.latest ORDER BY x.seq DESC LIMIT 1) AS m
    ), found AS (
        SELECT i.tenant_id, m.conversation_id,
               CASE WHEN m.reply_id IS NULL THEN jsonb_build_object('message', m.id)
                    ELSE jsonb_build_object('reply', m.reply_id) END || jsonb_build_object('what', i.what) AS names,
               m.appended_at AS at
        FROM message_ids AS i JOIN messages AS m ON m.tenant_id = i.tenant_id AND m.id = i.id
        UNION ALL
        SELECT t.tenant_id, t.conversation_id, jsonb_build_object('turn', t.id, 'what', 'turn'), t.created_at
        FROM asked AS q
        CROSS JOIN LATERAL (SELECT x.tenant_id, x.id, x.conversation_id, x.created_at FROM turns AS x
                            WHERE x.id BETWEEN q.first_id AND q.last_id ORDER BY x.id LIMIT 20) AS t
        UNION ALL
        SELECT r.tenant_id, r.conversation_id, jsonb_build_object('reply', r.id, 'what', 'reply'), r.created_at
        FROM asked AS q
        CROSS JOIN LATERAL (SELECT x.tenant_id, x.id, x.conversation_id, x.created_at FROM replies AS x
                            WHERE x.id BETWEEN q.first_id AND q.last_id ORDER BY x.id LIMIT 20) AS r
        UNION ALL
        SELECT r.tenant_id, r.conversation_id, jsonb_build_object('reply', r.id, 'what', 'reply'), r.created_at
        FROM asked AS q JOIN deliveries AS d ON d.provider_id = q.name AND d.provider_id <> ''
        JOIN replies AS r ON r.tenant_id = d.tenant_id AND r.id = d.reply_id
    ), letters AS (
        SELECT DISTINCT ON (k.about ->> 'channel', k.about ->> 'account', k.about ->> 'event_id')
               k.id, k.tenant_id, k.about, k.at
        FROM asked AS q JOIN dead_letters AS k
             ON k.about ->> 'event_id' = left(q.name, 200) AND k.about ? 'event_id'
                OR k.about ->> 'contact' = ANY (q.aliases) AND k.about ? 'contact' AND k.at <= q.latest
        WHERE NOT EXISTS (SELECT FROM messages AS m JOIN accounts AS a ON a.tenant_id = m.tenant_id AND a.id = m.account_id
                          WHERE m.event_id = k.about ->> 'event_id' AND a.channel = k.about ->> 'channel'
                            AND a.external_id = k.about ->> 'account')
        ORDER BY k.about ->> 'channel', k.about ->> 'account', k.about ->> 'event_id', k.id DESC
    )
    SELECT coalesce(jsonb_agg(f.match ORDER BY f.at DESC, f.match), '[]')
    FROM (SELECT f.at, f.names || jsonb_build_object('tenant', f.tenant_id, 'slug', t.slug, 'channel', c.channel,
                                                     'account', a.external_id, 'conversation', c.id,
                                                     'at', to_millis(f.at)) AS match
          FROM found AS f JOIN tenants AS t ON t.id = f.tenant_id
          JOIN conversations AS c ON c.tenant_id = f.tenant_id AND c.id = f.conversation_id
          JOIN accounts AS a ON a.tenant_id = f.tenant_id AND a.id = c.account_id
          UNION
          SELECT l.at, jsonb_build_object('letter', l.id, 'what', 'dead letter', 'tenant', coalesce(l.tenant_id, 0), 'slug', '',
                                          'channel', l.about -> 'channel', 'account', l.about -> 'account',
                                          'at', to_millis(l.at))
          FROM letters AS l
          ORDER BY 1 DESC, 2 LIMIT 20) AS f
$_$;

CREATE FUNCTION public.op_find_ticket(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    named record;
BEGIN
    SELECT * INTO named FROM find_ticket(decode(req ->> 'hash', 'hex'));
    IF NOT FOUND THEN
        RETURN 'false';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    RETURN to_jsonb(EXISTS (SELECT FROM user_tickets AS t
                            WHERE t.tenant_id = named.tenant_id AND t.user_id = named.user_id
                              AND t.expires_at > from_millis((req ->> 'now')::bigint)));
END $$;

CREATE FUNCTION public.op_finish_reply(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    SELECT finish_reply(with_spacing(req))
$$;

CREATE FUNCTION public.op_forget(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_forget_api_requests(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    SELECT to_jsonb(forget_api_requests(from_millis((req ->> 'before')::bigint)))
$$;

CREATE FUNCTION public.op_forget_rest(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    removed integer := forget_removed(forget_before(from_millis((req ->> 'now')::bigint)), (req ->> 'most')::integer);
BEGIN
    RETURN forget_rest(req) || jsonb_build_object('removed', removed);
END $$;

CREATE FUNCTION public.op_forgive_attempt(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM sign_in_attempts AS a WHERE a.id = (req ->> 'id')::uuid;
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_freeze_step(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    turn uuid := (req ->> 'turn')::uuid;
BEGIN
    PERFORM freeze_step(req);
    UPDATE steps AS s SET request = s.request || turn_context(turn)
    WHERE s.tenant_id = app_tenant() AND s.turn_id = turn AND s.step = 0 AND s.request IS NOT NULL
      AND NOT s.request ? 'closed';
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_get_account(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT account_facts(x) FROM accounts AS x
                     WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'account')::uuid), 'null')
$$;

CREATE FUNCTION public.op_get_agent(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((
        SELECT agent_facts(a) || jsonb_build_object(
            'published', CASE WHEN a.version > 0 THEN agent_snapshot(a) END, 'draft', a.draft,
            'versions', (SELECT coalesce(jsonb_agg(jsonb_build_object('version', v.version, 'at', to_millis(v.created_at))
                                                   ORDER BY v.version DESC), '[]')
                         FROM (SELECT y.version, y.created_at FROM agent_versions AS y
                               WHERE y.tenant_id = a.tenant_id AND y.agent_id = a.id
                               ORDER BY y.version DESC LIMIT 100) AS v))
        FROM agents AS a
        WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL
          AND (a.name = req ->> 'name' OR a.id = (req ->> 'agent')::bigint)), 'null')
$$;

CREATE FUNCTION public.op_get_agent_version(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT jsonb_build_object('version', v.version, 'at', to_millis(v.created_at), 'settings', v.snapshot)
                     FROM agents AS a JOIN agent_versions AS v ON v.tenant_id = a.tenant_id AND v.agent_id = a.id
                     WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL AND a.id = (req ->> 'agent')::bigint
                       AND v.version = (req ->> 'version')::integer), 'null')
$$;

CREATE FUNCTION public.op_get_budget(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT jsonb_build_object('agent_id', b.agent_id, 'period', b.period, 'currency', b.currency,
                                               'hard', b.hard, 'soft', b.soft)
                     FROM budgets AS b
                     WHERE b.tenant_id = app_tenant() AND b.agent_id IS NOT DISTINCT FROM (req ->> 'agent')::bigint
                       AND b.period = req ->> 'period'), 'null')
$$;

CREATE FUNCTION public.op_get_company(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT company_facts(c) FROM companies AS c
                     WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'company')::uuid AND c.deleted_at IS NULL), 'null')
$$;

CREATE FUNCTION public.op_get_contact(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT contact_facts(c) FROM contacts AS c
                     WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'contact')::uuid AND c.deleted_at IS NULL), 'null')
$$;

CREATE FUNCTION public.op_get_conversation(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT conversation_facts(c, agent_paused()) || jsonb_build_object(
                         'cost', (SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY s.currency), '[]')
                                  FROM conversation_cost(c.id) AS s))
                     FROM conversations AS c
                     WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'conversation')::uuid), 'null')
$$;

CREATE FUNCTION public.op_get_division(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT division_facts(d) FROM divisions AS d
                     WHERE d.tenant_id = app_tenant() AND d.id = (req ->> 'division')::uuid AND d.deleted_at IS NULL), 'null')
$$;

CREATE FUNCTION public.op_get_meta_address(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT to_jsonb(e.key) FROM accounts AS a
                     JOIN endpoints AS e ON e.id = a.endpoint_id AND e.tenant_id = a.tenant_id
                     WHERE a.tenant_id = app_tenant() AND a.id = (req ->> 'account')::uuid), 'null')
$$;

CREATE FUNCTION public.op_get_meta_connection(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT meta_connection_facts(c) FROM meta_connections AS c
                     WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'id')::uuid), 'null')
$$;

CREATE FUNCTION public.op_get_meta_rule(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT to_jsonb(coalesce(bool_and(m.account_id IS NOT NULL), false))
    FROM accounts AS a LEFT JOIN meta_accounts AS m ON m.tenant_id = a.tenant_id AND m.account_id = a.id
    WHERE a.tenant_id = app_tenant() AND a.channel = req ->> 'channel' AND a.retired_at IS NULL
$$;

CREATE FUNCTION public.op_get_meta_start(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT to_jsonb(EXISTS (SELECT FROM meta_connections AS c
                            WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'id')::uuid
                              AND c.state = decode(req ->> 'state', 'hex') AND c.caller = req ->> 'caller'))
$$;

CREATE FUNCTION public.op_get_opportunity(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT opportunity_facts(o) FROM opportunities AS o
                     WHERE o.tenant_id = app_tenant() AND o.id = (req ->> 'opportunity')::uuid AND o.deleted_at IS NULL), 'null')
$$;

CREATE FUNCTION public.op_get_origin(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT to_jsonb(CASE WHEN app_tenant() IS NULL THEN find_origin(req ->> 'origin')
                         ELSE EXISTS (SELECT FROM tenants AS t
                                      WHERE t.id = app_tenant() AND req ->> 'origin' = ANY (t.cors_origins)) END)
$$;

CREATE FUNCTION public.op_get_synonyms(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT t.synonyms FROM tenants AS t WHERE t.id = app_tenant()), '{}')
$$;

CREATE FUNCTION public.op_get_tenant(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT tenant_facts(t) FROM tenants AS t WHERE t.id = app_tenant()), 'null')
$$;

CREATE FUNCTION public.op_give_back(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    c conversations;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'false';
    END IF;
    UPDATE conversations AS x
    SET mode = 'agent', epoch = x.epoch + 1, handled_seq = x.last_seq, human_until = NULL,
        updated_at = from_millis((req ->> 'now')::bigint)
    WHERE x.tenant_id = c.tenant_id AND x.id = c.id AND x.mode = 'human';
    RETURN 'true';
END $$;

CREATE FUNCTION public.op_guarded(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $_$
DECLARE
    tenant text := coalesce(current_setting('app.tenant_id', true), '');
    once jsonb := req -> 'once';
    its_key bytea := decode(once ->> 'key', 'hex');
    its_request bytea := decode(once ->> 'request', 'hex');
    its_step integer := (once ->> 'step')::integer;
    moment timestamptz := from_millis((once ->> 'now')::bigint);
    earlier api_requests;
    was_seen jsonb;
    result jsonb;
BEGIN
    IF once IS NOT NULL THEN
        -- goes with the transaction, however that ends
        IF NOT pg_try_advisory_xact_lock(
            hashtextextended(concat_ws(' ', 'api', tenant, once ->> 'caller', once ->> 'key'), 0)) THEN
            RETURN '{"refused": "in_flight"}';
        END IF;
        SELECT * INTO earlier FROM api_requests AS r
        WHERE r.key = its_key AND r.caller = once ->> 'caller' AND r.step = its_step
          AND r.tenant_id IS NOT DISTINCT FROM app_tenant();
        IF FOUND AND earlier.made_at > moment - interval '24 hours' THEN
            IF earlier.request <> its_request THEN
                RETURN '{"refused": "another"}';
            END IF;
            IF NOT came_to_nothing(earlier.result) THEN
                RETURN jsonb_build_object('done', earlier.result, 'repeated', true);
            END IF;
        END IF;
    END IF;
    IF req ? 'seen' THEN
        -- one such change of a shop at a time
        PERFORM lock_people();
        FOR was_seen IN SELECT jsonb_array_elements(req -> 'seen') LOOP
            EXECUTE format('SELECT %I($1)', 'op_' || (was_seen ->> 'op')) INTO result USING was_seen -> 'request';
            IF result IS DISTINCT FROM was_seen -> 'result' THEN
                RETURN '{"refused": "changed"}';
            END IF;
        END LOOP;
    END IF;
    EXECUTE format('SELECT %I($1)', 'op_' || (req ->> 'op')) INTO result USING req -> 'request';
    IF once IS NOT NULL THEN
        -- one that makes a tenant goes on as that
        PERFORM set_config('app.tenant_id', tenant, true);
        DELETE FROM api_requests AS r
        WHERE r.key = its_key AND r.caller = once ->> 'caller' AND r.step >= its_step
          AND r.tenant_id IS NOT DISTINCT FROM app_tenant();
        INSERT INTO api_requests (tenant_id, caller, key, step, request, result, made_at)
        VALUES (app_tenant(), once ->> 'caller', its_key, its_step, its_request, result, moment);
    END IF;
    RETURN jsonb_build_object('done', result, 'repeated', false);
END $_$;

CREATE FUNCTION public.op_hand_over(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    was conversations;
    c conversations;
    done jsonb;
BEGIN
    SELECT * INTO was FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid FOR NO KEY UPDATE;
    IF req ->> 'standing' = 'human' THEN
        done := op_take_over(req);
    ELSE
        done := op_give_back(req);
    END IF;
    UPDATE conversations AS x SET log_name = coalesce(x.log_name, gen_random_uuid())
    WHERE x.tenant_id = was.tenant_id AND x.id = was.id AND x.mode <> was.mode RETURNING * INTO c;
    IF FOUND THEN
        PERFORM note_change(req -> 'actor', 'conversation.hand_over', 'conversation:' || c.log_name,
                            jsonb_build_object('standing', was.mode), jsonb_build_object('standing', c.mode));
    END IF;
    RETURN done;
END $$;

CREATE FUNCTION public.op_installation(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT to_jsonb(i.id) FROM installation AS i
$$;

CREATE FUNCTION public.op_keep_meta_code(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT hold_newest_key(req -> 'credentials') THEN
        RETURN '{"stale": true}';
    END IF;
    UPDATE meta_connections AS c SET status = 'exchanged', due_at = from_millis((req ->> 'now')::bigint), code = '', detail = ''
    WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'id')::uuid AND c.status = 'started';
    IF NOT FOUND THEN
        RETURN '{"kept": false}';
    END IF;
    PERFORM put_credentials(req -> 'credentials');
    RETURN '{"kept": true}';
END $$;

CREATE FUNCTION public.op_keep_meta_token(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    c meta_connections;
BEGIN
    IF NOT hold_newest_key(req -> 'credentials') THEN
        RETURN '{"stale": true}';
    END IF;
    -- one shop connects one thing at a time
    PERFORM FROM tenants AS t WHERE t.id = app_tenant() FOR NO KEY UPDATE;
    SELECT * INTO c FROM meta_connections AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'id')::uuid AND x.life = (req ->> 'life')::bigint
      AND x.status IN ('exchanged', 'connected') FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '{"kept": false}';
    END IF;
    IF c.status = 'exchanged' THEN
        UPDATE meta_accounts AS m SET connection_id = c.id, step = 'claimed', code = '', detail = ''
        FROM meta_connections AS o
        WHERE m.tenant_id = c.tenant_id AND o.tenant_id = c.tenant_id AND o.id = m.connection_id AND o.kind = c.kind
          AND o.id <> c.id;
        UPDATE meta_connections AS o SET status = 'replaced', due_at = NULL
        WHERE o.tenant_id = c.tenant_id AND o.kind = c.kind AND o.id <> c.id AND o.status IN ('connected', 'refused');
    END IF;
    UPDATE meta_connections AS x
    SET status = 'connected', code = '', detail = '', attempts = 0,
        token_expires_at = from_millis((req ->> 'expires_at')::bigint),
        refresh_at = from_millis((req ->> 'refresh_at')::bigint)
    WHERE x.tenant_id = c.tenant_id AND x.id = c.id;
    PERFORM put_credentials(req -> 'credentials');
    IF req ? 'forget' THEN
        DELETE FROM credentials AS k
        WHERE k.tenant_id = c.tenant_id AND k.category = req #>> '{forget,category}' AND k.name = req #>> '{forget,name}';
    END IF;
    RETURN '{"kept": true}';
END $$;

CREATE FUNCTION public.op_keep_paused(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM FROM pauses AS p WHERE p.stage = req ->> 'stage' AND p.tenant_id = app_tenant() FOR KEY SHARE;
    IF NOT FOUND THEN
        RETURN op_park(req || jsonb_build_object('due', req -> 'now'));
    END IF;
    PERFORM op_park(req);
    UPDATE timers AS t SET kept = req ->> 'stage' WHERE t.tenant_id = app_tenant() AND t.id = (req ->> 'id')::uuid;
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_keep_places(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE replies AS r SET asked_at = now() WHERE r.tenant_id = app_tenant() AND r.status = 'pending';
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_lease_meta_connection(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    given bigint;
BEGIN
    UPDATE meta_connections AS c SET leased_until = from_millis((req ->> 'until')::bigint), life = c.life + 1
    WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'id')::uuid AND c.status IN ('exchanged', 'connected')
      AND (c.leased_until IS NULL OR c.leased_until <= from_millis((req ->> 'now')::bigint))
    RETURNING c.life INTO given;
    RETURN coalesce(to_jsonb(given), 'null');
END $$;

CREATE FUNCTION public.op_lease_meta_work(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('tenant', l.tenant_id, 'id', l.id, 'life', l.life)), '[]')
    FROM lease_meta_connections(from_millis((req ->> 'now')::bigint),
                                from_millis((req ->> 'until')::bigint) - from_millis((req ->> 'now')::bigint),
                                (req ->> 'most')::integer) AS l
$$;

CREATE FUNCTION public.op_lease_timers(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('tenant', coalesce(l.tenant_id, 0), 'id', l.id)), '[]')
    FROM lease_timers(from_millis((req ->> 'now')::bigint), (req ->> 'lease_ms')::bigint * interval '1 millisecond',
                      (req ->> 'limit')::integer) AS l
$$;

CREATE FUNCTION public.op_letter_value(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT jsonb_build_array(encode(k.value, 'base64'), encode(k.original, 'base64'))
                     FROM dead_letters AS k WHERE k.id = (req ->> 'id')::bigint), 'null')
$$;

CREATE FUNCTION public.op_list_accounts(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(account_facts(x) ORDER BY x.id), '[]') FROM accounts AS x WHERE x.tenant_id = app_tenant()
$$;

CREATE FUNCTION public.op_list_addresses(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.op_list_agent_templates(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT op_agent_templates(req)
$$;

CREATE FUNCTION public.op_list_agent_versions(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('version', v.version, 'at', to_millis(v.created_at)) ORDER BY v.version DESC), '[]')
    FROM (SELECT y.version, y.created_at
          FROM agents AS a JOIN agent_versions AS y ON y.tenant_id = a.tenant_id AND y.agent_id = a.id
          WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL AND a.id = (req ->> 'agent')::bigint
            AND (NOT req ? 'before' OR y.version < (req ->> 'before')::integer)
          ORDER BY y.version DESC LIMIT least((req ->> 'limit')::integer, 1000)) AS v
$$;

CREATE FUNCTION public.op_list_agents(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(agent_facts(a) ORDER BY a.is_own DESC, a.id), '[]')
    FROM agents AS a WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL
$$;

CREATE FUNCTION public.op_list_aliases(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', a.kind, 'value', a.value, 'contact', a.contact_id,
                                                 'created', to_millis(a.created_at)) ORDER BY a.value, a.kind), '[]')
    FROM (SELECT x.kind, x.value, x.contact_id, c.created_at FROM aliases AS x
          JOIN contacts AS c ON c.tenant_id = x.tenant_id AND c.id = x.contact_id
          WHERE x.tenant_id = app_tenant()
            AND (NOT req ? 'after' OR (x.value, x.kind) > (req #>> '{after,0}', req #>> '{after,1}'))
          ORDER BY x.value, x.kind LIMIT (req ->> 'limit')::integer) AS a
$$;

CREATE FUNCTION public.op_list_api_keys(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(x.facts ORDER BY x.created_at DESC, x.id), '[]')
    FROM (SELECT k.id, k.created_at, api_key_facts(k) AS facts FROM api_keys AS k WHERE k.tenant_id = app_tenant()
          ORDER BY k.revoked_at IS NOT NULL OR coalesce(k.expires_at <= now(), false), k.created_at DESC, k.id LIMIT 1000) AS x
$$;

CREATE FUNCTION public.op_list_audit(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'id', x.id, 'at', to_millis(x.at), 'kind', x.actor_kind, 'actor', x.actor_id, 'name', x.actor_name,
        'trace', x.trace, 'action', x.action, 'subject', x.subject)) || jsonb_build_object('before', x.before, 'after', x.after)
        ORDER BY x.id DESC), '[]')
    FROM (SELECT a.* FROM audit_log AS a
          WHERE coalesce(a.tenant_id, 0) = coalesce(app_tenant(), 0)
            AND (NOT req ? 'by' OR a.actor_id = req ->> 'by')
            AND (NOT req ? 'subject' OR a.subject = req ->> 'subject')
            AND (NOT req ? 'action' OR a.action = req ->> 'action' OR split_part(a.action, '.', 1) = req ->> 'action')
            AND (NOT req ? 'since' OR a.at >= from_millis((req ->> 'since')::bigint))
            AND (NOT req ? 'until' OR a.at < from_millis((req ->> 'until')::bigint))
            AND (NOT req ? 'before' OR a.id < (req ->> 'before')::bigint)
          ORDER BY a.id DESC LIMIT least((req ->> 'limit')::integer, 1000)) AS x
$$;

CREATE FUNCTION public.op_list_budgets(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT op_budgets(jsonb_build_object('now', (req ->> 'now')::bigint))
$$;

CREATE FUNCTION public.op_list_companies(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT crm_page('companies', 'company_facts', jsonb_build_object('crm_company_id', req ->> 'crm_company_id'),
                    (req ->> 'after')::uuid, (req ->> 'limit')::integer)
$$;

CREATE FUNCTION public.op_list_contacts(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT crm_page('contacts', 'contact_facts', jsonb_build_object(
                        'crm_contact_id', req ->> 'crm_contact_id',
                        'division_id', CASE WHEN req ? 'company' THEN
                            (SELECT coalesce(jsonb_agg(d.id), '[]') FROM divisions AS d
                             WHERE d.tenant_id = app_tenant() AND d.company_id = (req ->> 'company')::uuid
                               AND (NOT req ? 'division' OR d.id = (req ->> 'division')::uuid))
                            ELSE to_jsonb((req ->> 'division')::uuid) END),
                    (req ->> 'after')::uuid, (req ->> 'limit')::integer)
$$;

CREATE FUNCTION public.op_list_conversations(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    tenant bigint := app_tenant();
    paused boolean := agent_paused();
    wanted text := req ->> 'channel';
    modes text[] := CASE WHEN NOT req ? 'standing' THEN ARRAY['agent', 'human']
                         WHEN req ->> 'standing' = 'human' THEN ARRAY['human']
                         WHEN req ->> 'standing' = CASE WHEN paused THEN 'paused' ELSE 'agent' END THEN ARRAY['agent']
                         ELSE '{}' END;
    last_minute bigint := coalesce((req ->> 'before_minute')::bigint, 9223372036854775807);
    last_id uuid := coalesce((req ->> 'before')::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff');
    most integer := least((req ->> 'limit')::integer, 1000);
    page jsonb;
BEGIN
    IF req ? 'contact' THEN
        -- as many as the shop has accounts, at most
        SELECT jsonb_agg(conversation_facts(p.c, paused) ORDER BY p.minute DESC, p.id DESC) INTO page
        FROM (SELECT x AS c, x.active_minute AS minute, x.id FROM conversations AS x
              WHERE x.tenant_id = tenant AND x.contact_id = (req ->> 'contact')::uuid AND x.mode = ANY (modes)
                AND (wanted IS NULL OR x.channel = wanted) AND (x.active_minute, x.id) < (last_minute, last_id)
              ORDER BY x.active_minute DESC, x.id DESC LIMIT most) AS p;
        RETURN coalesce(page, '[]');
    END IF;
    -- the newest of each kind, which are few: the index has each of them in order
    SELECT jsonb_agg(conversation_facts(p.c, paused) ORDER BY p.minute DESC, p.id DESC) INTO page
    FROM (SELECT f.c, f.minute, f.id
          FROM unnest(modes) AS m(mode)
          CROSS JOIN (SELECT DISTINCT a.channel FROM accounts AS a
                      WHERE a.tenant_id = tenant AND (wanted IS NULL OR a.channel = wanted)) AS k
          CROSS JOIN LATERAL (SELECT x AS c, x.active_minute AS minute, x.id FROM conversations AS x
                              WHERE x.tenant_id = tenant AND x.channel = k.channel AND x.mode = m.mode
                                AND (x.active_minute, x.id) < (last_minute, last_id)
                              ORDER BY x.active_minute DESC, x.id DESC LIMIT most) AS f
          ORDER BY f.minute DESC, f.id DESC LIMIT most) AS p;
    RETURN coalesce(page, '[]');
END $$;

CREATE FUNCTION public.op_list_credentials(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'category', c.category, 'name', c.name, 'sealed', encode(c.sealed, 'hex'), 'key', wrapped_key(k),
               'at', to_millis(c.updated_at)) ORDER BY c.category, c.name), '[]')
    FROM credentials AS c
    LEFT JOIN tenant_keys AS k ON k.tenant_id = c.tenant_id AND k.version = c.key_version
    WHERE c.tenant_id = app_tenant()
$$;

CREATE FUNCTION public.op_list_divisions(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT crm_page('divisions', 'division_facts',
                    jsonb_build_object('company_id', (req ->> 'company')::uuid, 'crm_division_id', req ->> 'crm_division_id'),
                    (req ->> 'after')::uuid, (req ->> 'limit')::integer)
$$;

CREATE FUNCTION public.op_list_endpoints(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(e)), '[]') FROM list_endpoints((req ->> 'limit')::integer) AS e
$$;

CREATE FUNCTION public.op_list_keys(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
        'keys', (SELECT coalesce(jsonb_agg(wrapped_key(k) ORDER BY k.version), '[]')
                 FROM tenant_keys AS k WHERE k.tenant_id = app_tenant()),
        'unwrapped', (SELECT count(*) FROM credentials AS c
                      WHERE c.tenant_id = app_tenant() AND c.key_version IS NULL))
$$;

CREATE FUNCTION public.op_list_letters(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.op_list_messages(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET jit TO 'off'
    AS $$
DECLARE
    c conversations;
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    last_seq bigint := greatest(coalesce((req ->> 'before_seq')::bigint, 9223372036854775807), 0);
    last_index integer := coalesce((req ->> 'before_index')::integer, 0);
    most integer := least((req ->> 'limit')::integer, 1000);
    newest messages[];
    lowest bigint := 0;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    newest := ARRAY(SELECT m FROM messages AS m
                    WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.id
                      AND m.seq <= CASE WHEN last_index < 0 THEN last_seq - 1 ELSE last_seq END
                    ORDER BY m.seq DESC LIMIT most);
    -- behind the oldest of a full page nobody looks
    IF cardinality(newest) = most THEN
        lowest := newest[most].seq;
    END IF;
    RETURN coalesce((
        WITH bubbles AS (
            SELECT r.id FROM replies AS r
            WHERE r.tenant_id = c.tenant_id AND r.conversation_id = c.id AND r.status <> 'sent'
              AND r.order_seq >= lowest AND r.order_seq <= last_seq
            UNION
            SELECT r.id FROM unnest(newest) AS m JOIN replies AS r ON r.tenant_id = c.tenant_id AND r.turn_id = m.turn_id
            WHERE m.direction = 'out' AND r.status <> 'sent'
        ), places AS (
            SELECT m.seq, -1 AS index, m, NULL::replies AS r FROM unnest(newest) AS m
            UNION ALL
            SELECT greatest(r.order_seq, (SELECT max(m.seq) FROM messages AS m
                                          WHERE m.tenant_id = c.tenant_id AND m.turn_id = r.turn_id AND m.direction = 'out')),
                   r.order_index, NULL, r
            FROM bubbles AS b JOIN replies AS r ON r.tenant_id = c.tenant_id AND r.id = b.id
        ), page AS (
            SELECT p.* FROM places AS p
            WHERE p.seq >= lowest AND (p.seq, p.index) < (last_seq, last_index)
            ORDER BY p.seq DESC, p.index DESC LIMIT most
        )
        SELECT jsonb_agg(CASE WHEN p.index < 0 THEN message_facts(p.m, c.id, moment) ELSE reply_facts(p.r, c, moment) END
                         || jsonb_build_object('place_seq', p.seq, 'place_index', p.index)
                         ORDER BY p.seq DESC, p.index DESC)
        FROM page AS p), '[]');
END $$;

CREATE FUNCTION public.op_list_meta_connections(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(meta_connection_facts(c) ORDER BY c.created_at, c.id), '[]')
    FROM meta_connections AS c WHERE c.tenant_id = app_tenant()
$$;

CREATE FUNCTION public.op_list_operators(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', o.id, 'name', o.name, 'issuer', o.issuer, 'subject', o.subject, 'active', o.active,
        'created_at', to_millis(o.created_at)) ORDER BY o.created_at, o.id), '[]')
    FROM platform_operators AS o
$$;

CREATE FUNCTION public.op_list_opportunities(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT crm_page('opportunities', 'opportunity_facts', jsonb_build_object(
                        'contact_id', (req ->> 'contact')::uuid, 'company_id', (req ->> 'company')::uuid,
                        'stage', req ->> 'stage', 'crm_opportunity_id', req ->> 'crm_opportunity_id'),
                    (req ->> 'after')::uuid, (req ->> 'limit')::integer)
$$;

CREATE FUNCTION public.op_list_pauses(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'stage', p.stage, 'tenant', coalesce(p.tenant_id, 0), 'shop', coalesce(t.slug, ''), 'by', p.paused_by,
        'reason', p.reason, 'since', to_millis(p.at))
        ORDER BY p.at, p.stage, p.tenant_id NULLS FIRST), '[]')
    FROM list_pauses() AS p LEFT JOIN list_tenants() AS t ON t.id = p.tenant_id
$$;

CREATE FUNCTION public.op_list_prices(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'provider', p.provider, 'base_url', p.base_url, 'model', p.model, 'from', to_millis(p.valid_from),
        'until', to_millis(p.valid_until), 'currency', p.currency, 'input', p.input, 'cached_input', p.cached_input,
        'output', p.output) ORDER BY p.provider, p.base_url, p.model, p.valid_from), '[]')
    FROM prices AS p
$$;

CREATE FUNCTION public.op_list_roles(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', r.name, 'built_in', r.tenant_id IS NULL,
                                                 'permissions', permission_names(r.permissions))
                              ORDER BY r.tenant_id NULLS FIRST, r.name), '[]')
    FROM roles AS r
$$;

CREATE FUNCTION public.op_list_sessions(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(x.facts ORDER BY x.created_at DESC, x.id DESC), '[]')
    FROM (SELECT s.created_at, s.id, session_facts(s) AS facts FROM sessions AS s
          WHERE s.tenant_id = app_tenant()
            AND (NOT req ? 'user' OR s.user_id = (req ->> 'user')::uuid)
            AND (NOT req ? 'after'
                 OR (s.created_at, s.id) < (from_millis((req ->> 'after_at')::bigint), (req ->> 'after')::uuid))
          ORDER BY s.created_at DESC, s.id DESC LIMIT least((req ->> 'limit')::integer, 1000)) AS x
$$;

CREATE FUNCTION public.op_list_tenant_page(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    most integer := least((req ->> 'limit')::integer, 1000);
    shop bigint;
    page jsonb := '[]';
BEGIN
    FOR shop IN SELECT t.id FROM list_tenants() AS t WHERE t.id > (req ->> 'after')::bigint ORDER BY t.id LOOP
        EXIT WHEN jsonb_array_length(page) >= most;
        PERFORM set_config('app.tenant_id', shop::text, true);
        IF EXISTS (SELECT FROM tenants AS t WHERE t.id = shop AND t.retired_at IS NULL) THEN
            page := page || op_get_tenant('{}');
        END IF;
    END LOOP;
    PERFORM set_config('app.tenant_id', '', true);
    RETURN page;
END $$;

CREATE FUNCTION public.op_list_tenants(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('tenant', t.id, 'slug', t.slug, 'name', t.name) ORDER BY t.id), '[]')
    FROM list_tenants() AS t
$$;

CREATE FUNCTION public.op_list_usage(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $_$
DECLARE
    most integer := least((req ->> 'limit')::integer, 1000);
    asked jsonb := req - 'turns' - 'conversations';
    keys uuid[];
BEGIN
    IF req ->> 'by' IN ('turn', 'conversation') THEN
        EXECUTE format($query$
            SELECT array_agg(k.id)
            FROM (SELECT x.%1$I AS id FROM model_calls AS x
                  WHERE x.tenant_id = $1 AND x.reserved_at >= $2 AND x.reserved_at < $3 AND ($4 IS NULL OR x.%1$I > $4)
                    AND ($5 IS NULL OR x.agent_id = $5) AND ($6 IS NULL OR x.conversation_id = $6)
                  GROUP BY x.%1$I ORDER BY x.%1$I LIMIT $7) AS k
            $query$, (req ->> 'by') || '_id')
        INTO keys
        USING app_tenant(), coalesce(from_millis((req ->> 'since')::bigint), '-infinity'),
              coalesce(from_millis((req ->> 'until')::bigint), 'infinity'), (req ->> 'after')::uuid,
              (req ->> 'agent')::bigint, (req ->> 'conversation')::uuid, most;
        asked := asked || jsonb_build_object((req ->> 'by') || 's', coalesce(to_jsonb(keys), '[]'));
    ELSIF req ? 'conversation' THEN
        asked := asked || jsonb_build_object('conversations', jsonb_build_array(req ->> 'conversation'));
    END IF;
    RETURN (SELECT coalesce(jsonb_agg(to_jsonb(p) ORDER BY p.key COLLATE "C"), '[]')
            FROM (SELECT l.*, CASE req ->> 'by' WHEN 'agent_id' THEN (SELECT g.name FROM agents AS g
                                                                    WHERE g.tenant_id = app_tenant() AND g.id::text = l.key)
                                                END AS name
                  FROM usage_lines(asked) AS l
                  WHERE NOT req ? 'after' OR l.key COLLATE "C" > (req ->> 'after')
                  ORDER BY l.key COLLATE "C" LIMIT most) AS p);
END $_$;

CREATE FUNCTION public.op_list_users(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(x.facts ORDER BY x.id), '[]')
    FROM (SELECT u.id, user_facts(u) || jsonb_build_object('id', u.id, 'created_at', to_millis(u.created_at)) AS facts
          FROM users AS u
          WHERE u.tenant_id = app_tenant() AND (NOT req ? 'after' OR u.id > (req ->> 'after')::uuid)
          ORDER BY u.id LIMIT least((req ->> 'limit')::integer, 1000)) AS x
$$;

CREATE FUNCTION public.op_list_webhooks(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(w.facts ORDER BY w.channel, w.endpoint_id), '[]')
    FROM (SELECT x.channel, x.endpoint_id, jsonb_strip_nulls(jsonb_build_object(
                     'channel', x.channel, 'endpoint', x.endpoint_id,
                     'key', (SELECT e.key FROM endpoints AS e WHERE e.tenant_id = app_tenant() AND e.id = x.endpoint_id),
                     'accounts', jsonb_agg(x.external_id ORDER BY x.external_id), 'last', to_millis(max(c.at)),
                     'unknown', sum(u.parts), 'unknown_at', to_millis(max(u.at)))) AS facts
          FROM accounts AS x
          -- the index has a channel's newest first, so that it soon meets one of an account in use
          LEFT JOIN LATERAL (SELECT max(k.updated_at) AS at
                             FROM unnest(ARRAY['agent', 'human']) AS m(mode)
                             CROSS JOIN LATERAL (SELECT y.updated_at FROM conversations AS y
                                                 WHERE y.tenant_id = app_tenant() AND y.channel = x.channel AND y.mode = m.mode
                                                   AND y.account_id = x.id
                                                 ORDER BY y.active_minute DESC, y.id DESC LIMIT 1) AS k) AS c ON true
          LEFT JOIN LATERAL (SELECT count(*) AS parts, max(k.appended_at) AS at
                             FROM (SELECT y.appended_at FROM archive AS y
                                   WHERE y.tenant_id = app_tenant() AND y.account_id = x.id
                                   ORDER BY y.appended_at DESC LIMIT 1000) AS k) AS u ON true
          WHERE x.tenant_id = app_tenant() AND x.retired_at IS NULL AND x.channel <> 'web'
          GROUP BY x.channel, x.endpoint_id) AS w
$$;

CREATE FUNCTION public.op_load_inference(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.op_open_erasures(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'erasure', e.id, 'erased_at', to_millis(e.erased_at), 'by', e.erased_by,
        'marks', (SELECT coalesce(jsonb_agg(a.mark), '[]') FROM erased_aliases AS a
                  WHERE a.tenant_id = e.tenant_id AND a.erasure_id = e.id)) ORDER BY e.erased_at), '[]')
    FROM erasures AS e WHERE e.tenant_id = app_tenant() AND e.done_at IS NULL
$$;

CREATE FUNCTION public.op_park(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO timers AS t (id, tenant_id, due_at, topic, key, value, headers)
    VALUES ((req ->> 'id')::uuid, app_tenant(), from_millis((req ->> 'due')::bigint), req ->> 'topic', req ->> 'key',
            req ->> 'value', req -> 'headers')
    ON CONFLICT (id) DO UPDATE SET due_at = greatest(t.due_at, excluded.due_at), value = excluded.value,
                                   headers = excluded.headers, parks = t.parks + 1, leased_until = NULL;
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_pause(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO pauses (stage, tenant_id, paused_by, reason)
    VALUES (req ->> 'stage', app_tenant(), req ->> 'by', req ->> 'reason')
    ON CONFLICT (stage, tenant_id) DO UPDATE SET paused_by = excluded.paused_by, reason = excluded.reason;
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_pause_of(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('stage', p.stage, 'shop', coalesce(t.slug, ''), 'by', p.paused_by, 'reason', p.reason,
                                  'since', to_millis(p.at))
        FROM pauses AS p LEFT JOIN tenants AS t ON t.id = p.tenant_id
        WHERE (p.tenant_id IS NULL OR p.tenant_id = (req ->> 'tenant')::bigint)
          AND (p.stage = req ->> 'waits_at'
               OR EXISTS (SELECT FROM story_scope(req) AS s
                          CROSS JOIN LATERAL timers_about((req ->> 'tenant')::bigint, nullif(req ->> 'conversation', '')::uuid,
                                                          s.ids, s.turn_ids, s.replies_of) AS k
                          WHERE p.tenant_id IS NOT NULL AND k.kept = p.stage))
        ORDER BY p.at, p.stage, p.tenant_id NULLS FIRST LIMIT 1), 'null')
$$;

CREATE FUNCTION public.op_ping(req jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    RETURN 'null'::jsonb;

CREATE FUNCTION public.op_postpone_reply(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM lock_reply((req ->> 'reply')::uuid);
    UPDATE replies AS r SET due_at = from_millis((req ->> 'due')::bigint)
    WHERE r.tenant_id = app_tenant() AND r.id = (req ->> 'reply')::uuid AND r.status = 'pending'
      AND NOT EXISTS (SELECT FROM deliveries AS d
                      WHERE d.tenant_id = r.tenant_id AND d.reply_id = r.id AND d.status = 'intent');
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_price_tokens(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((SELECT jsonb_build_object('currency', p.currency, 'cost', cost_of_tokens(
                                p.input, p.cached_input, p.output, (req ->> 'input')::bigint, (req ->> 'cached')::bigint,
                                (req ->> 'output')::bigint))
                     FROM price_of(req ->> 'provider', req ->> 'base_url', req ->> 'model',
                                   from_millis((req ->> 'now')::bigint)) AS p), 'null')
$$;

CREATE FUNCTION public.op_publish_agent(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    a agents;
BEGIN
    PERFORM lock_agents();
    SELECT * INTO a FROM agents AS x
    WHERE x.tenant_id = app_tenant() AND x.removed_at IS NULL
      AND (x.name = req ->> 'name' OR x.id = (req ->> 'agent')::bigint);
    IF NOT FOUND THEN
        RETURN 'null';
    ELSIF a.version <> (req ->> 'version')::integer THEN
        RETURN '{"stale": true}';
    END IF;
    RETURN publish_as(a.id, req -> 'settings');
END $$;

CREATE FUNCTION public.op_put_budget(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF req ? 'agent' AND NOT EXISTS (SELECT FROM agents AS a
                                     WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL
                                       AND a.id = (req ->> 'agent')::bigint) THEN
        RETURN 'false';
    END IF;
    PERFORM op_set_budget(jsonb_strip_nulls(jsonb_build_object(
        'agent_id', (req ->> 'agent')::bigint, 'period', req ->> 'period', 'currency', req ->> 'currency',
        'hard', (req ->> 'hard')::bigint, 'soft', (req ->> 'soft')::bigint, 'now', (req ->> 'now')::bigint)));
    RETURN 'true';
END $$;

CREATE FUNCTION public.op_put_credentials(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT hold_newest_key(req -> 'credentials') THEN
        RETURN '{"stale": true}';
    END IF;
    PERFORM put_credentials(req -> 'credentials');
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_put_role(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    r roles;
    managed boolean;
    before jsonb;
    after jsonb := (SELECT coalesce(jsonb_object_agg(x.module, x.actions), '{}')
                    FROM (SELECT split_part(p, '.', 1) AS module, jsonb_agg(split_part(p, '.', 2)) AS actions
                          FROM jsonb_array_elements_text(req -> 'permissions') AS p GROUP BY 1) AS x);
BEGIN
    PERFORM lock_people();
    IF EXISTS (SELECT FROM roles AS x WHERE x.tenant_id IS NULL AND x.name = req ->> 'name') THEN
        RETURN '"taken"';
    END IF;
    managed := has_manager();
    SELECT * INTO r FROM roles AS x WHERE x.tenant_id = tenant AND x.name = req ->> 'name';
    before := r.permissions;
    IF exceeds(req -> 'permissions', req -> 'actor') OR exceeds(permission_names(coalesce(before, '{}')), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    INSERT INTO roles (tenant_id, name, permissions) VALUES (tenant, req ->> 'name', after)
    ON CONFLICT (name, tenant_id) DO UPDATE SET permissions = excluded.permissions;
    IF managed AND NOT has_manager() THEN
        RAISE EXCEPTION USING ERRCODE = 'RL001';
    END IF;
    IF before IS DISTINCT FROM after THEN
        PERFORM note_change(req -> 'actor', 'role.put', 'role:' || (req ->> 'name'), before, after);
    END IF;
    RETURN '"done"';
EXCEPTION WHEN SQLSTATE 'RL001' THEN
    RETURN '"last_admin"';
END $$;

CREATE FUNCTION public.op_read_names(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('kind', n.kind, 'value', n.value)), '[]')
    FROM known_names(app_tenant(), ARRAY(SELECT c::uuid FROM jsonb_array_elements_text(req -> 'contacts') AS c)) AS n
$$;

CREATE FUNCTION public.op_read_person(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('created', to_millis(c.created_at), 'contacts', to_jsonb(p.people), 'aliases', (
            SELECT coalesce(jsonb_agg(jsonb_build_object('kind', n.kind, 'value', n.value) ORDER BY n.kind DESC, n.value), '[]')
            FROM known_names(c.tenant_id, p.people) AS n))
        FROM contacts AS c CROSS JOIN LATERAL same_person(c.tenant_id, c.id) AS p(people)
        WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'contact')::uuid), 'null')
$$;

CREATE FUNCTION public.op_read_timers(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', t.id, 'due', to_millis(t.due_at), 'life', t.life, 'parks', t.parks, 'topic', t.topic, 'key', t.key,
        'value', t.value, 'headers', t.headers) ORDER BY t.due_at, t.id), '[]')
    FROM timers AS t
    WHERE t.tenant_id IS NOT DISTINCT FROM app_tenant()
      AND t.id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::uuid))
$$;

CREATE FUNCTION public.op_read_web(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce((
        SELECT jsonb_build_object('tenant', c.tenant_id, 'conversation', c.id, 'human', c.mode = 'human',
                                  'epoch', c.epoch, 'messages', coalesce(lines.messages, '[]'))
        FROM accounts AS a
        JOIN aliases AS l ON l.tenant_id = a.tenant_id AND l.kind = 'web_visitor' AND l.value = req ->> 'visitor'
        JOIN conversations AS c ON c.tenant_id = a.tenant_id AND c.account_id = a.id AND c.contact_id = l.contact_id
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object(
                'id', m.id, 'seq', m.seq, 'inbound', m.direction = 'in', 'text', m.text, 'at', to_millis(m.at),
                -- an event of the web is called visitor/client_id
                'client_id', CASE m.direction WHEN 'in' THEN substr(m.event_id, length(req ->> 'visitor') + 2)
                                              ELSE '' END,
                'turn', CASE m.author WHEN 'agent' THEN coalesce(m.turn_id::text, '') ELSE '' END,
                'index', coalesce(m.index, 0)) ORDER BY m.seq) AS messages
            FROM (SELECT x.*, r.index FROM messages AS x
                  LEFT JOIN replies AS r ON r.tenant_id = x.tenant_id AND r.id = x.reply_id
                  WHERE x.tenant_id = c.tenant_id AND x.conversation_id = c.id AND x.seq > (req ->> 'after')::bigint
                    AND x.kind <> 'reaction'
                  ORDER BY x.seq DESC LIMIT 200) AS m) AS lines ON true
        WHERE a.tenant_id = app_tenant() AND a.endpoint_id = (req ->> 'endpoint')::bigint
        LIMIT 1), 'null')
$$;

CREATE FUNCTION public.op_redeem_ticket(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    wanted bytea := decode(req ->> 'hash', 'hex');
    named record;
    u users;
    k api_keys;
    themselves jsonb;
    vouched_now boolean;
    vouched_before boolean;
BEGIN
    SELECT * INTO named FROM find_ticket(wanted);
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    SELECT * INTO u FROM users AS x WHERE x.tenant_id = named.tenant_id AND x.id = named.user_id FOR NO KEY UPDATE;
    IF NOT FOUND OR u.status = 'disabled' THEN
        RETURN 'null';
    END IF;
    DELETE FROM user_tickets AS t
    WHERE t.tenant_id = u.tenant_id AND t.user_id = u.id AND t.hash = wanted AND t.expires_at > moment
      AND t.bound @> permissions_of(u.id)
      AND (t.drawn_by IS NULL
           OR EXISTS (SELECT FROM users AS d
                      WHERE d.tenant_id = u.tenant_id AND d.id = t.drawn_by AND d.status = 'active')
              AND permissions_of(t.drawn_by) @> permissions_of(u.id) AND permissions_of(t.drawn_by) ? 'users.invite')
    RETURNING t.vouched INTO vouched_now;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    DELETE FROM user_identities AS i WHERE i.tenant_id = u.tenant_id AND i.user_id = u.id;
    -- it had the same address: changing that ends the password
    DELETE FROM user_passwords AS p WHERE p.tenant_id = u.tenant_id AND p.user_id = u.id
    RETURNING p.vouched INTO vouched_before;
    IF req ? 'password_hash' THEN
        IF vouched_now THEN
            PERFORM free_address(u.email);
        END IF;
        INSERT INTO user_passwords (tenant_id, user_id, email, hash, vouched, changed_at)
        VALUES (u.tenant_id, u.id, u.email, req ->> 'password_hash', vouched_now OR coalesce(vouched_before, false), moment);
    ELSE
        INSERT INTO user_identities (tenant_id, user_id, issuer, subject, created_at)
        VALUES (u.tenant_id, u.id, req ->> 'issuer', req ->> 'subject', moment);
    END IF;
    UPDATE users AS x SET status = 'active', updated_at = moment WHERE x.tenant_id = u.tenant_id AND x.id = u.id;
    UPDATE sessions AS s SET ended_at = moment
    WHERE s.tenant_id = u.tenant_id AND s.user_id = u.id AND s.ended_at IS NULL;
    themselves := jsonb_build_object('kind', 'user', 'id', u.id, 'name', u.name);
    FOR k IN UPDATE api_keys AS x SET revoked_at = moment
             WHERE x.tenant_id = u.tenant_id AND x.owner_id = u.id AND x.revoked_at IS NULL RETURNING * LOOP
        PERFORM note_change(themselves, 'key.revoke', 'key:' || k.id, NULL, api_key_facts(k));
    END LOOP;
    PERFORM note_change(themselves, 'user.prove', 'user:' || u.id, jsonb_build_object('status', u.status),
                        jsonb_build_object('status', 'active', 'signs_in_with', coalesce(req ->> 'issuer', 'password')));
    RETURN person_of(u.id);
EXCEPTION WHEN unique_violation THEN
    -- somebody else of the installation has that proof: all of the above is undone, the ticket too
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_redrive_account(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_redrive_letters(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    SELECT redrive_letters(ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::bigint), req ->> 'by',
                           from_millis((req ->> 'now')::bigint), from_millis((req ->> 'expires')::bigint))
$$;

CREATE FUNCTION public.op_register_tenant(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    known boolean := EXISTS (SELECT FROM list_tenants() AS t WHERE t.slug = req ->> 'slug');
    tenant bigint := register_tenant(req ->> 'slug', req ->> 'name');
BEGIN
    IF NOT known THEN
        PERFORM set_config('app.tenant_id', tenant::text, true);
        PERFORM note_change(acting(), 'shop.add', 'shop:' || tenant, NULL,
                            jsonb_build_object('slug', req -> 'slug', 'name', req -> 'name'));
    END IF;
    RETURN to_jsonb(tenant);
END $$;

CREATE FUNCTION public.op_rehash(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE user_passwords AS p SET hash = req ->> 'after'
    WHERE p.tenant_id = app_tenant() AND p.user_id = (req ->> 'user')::uuid AND p.hash = req ->> 'before';
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_release_calls(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
BEGIN
    PERFORM hold_budgets(moment);
    PERFORM release_calls(moment);
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_remove_agent(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    agent bigint := (req ->> 'agent')::bigint;
BEGIN
    PERFORM lock_agents();
    IF NOT EXISTS (SELECT FROM agents AS a WHERE a.tenant_id = tenant AND a.id = agent AND a.removed_at IS NULL) THEN
        RETURN '"not_found"';
    ELSIF EXISTS (SELECT FROM accounts AS x
                  WHERE x.tenant_id = tenant AND x.retired_at IS NULL AND agent IN (x.agent_id, x.chosen_agent_id)) THEN
        RETURN '"in_use"';
    ELSIF agent = own_agent() AND EXISTS (SELECT FROM agents AS a WHERE a.tenant_id = tenant AND a.id <> agent AND a.version > 0
                                                                    AND a.removed_at IS NULL) THEN
        RETURN '"default"';
    END IF;
    UPDATE accounts AS x SET chosen_agent_id = NULL WHERE x.tenant_id = tenant AND x.chosen_agent_id = agent;
    UPDATE agents AS a
    SET removed_at = from_millis((req ->> 'now')::bigint), is_own = false, draft = NULL,
        name = concat_ws(' #', left(a.name, 150), gen_random_uuid())  -- which nobody has, or names
    WHERE a.tenant_id = tenant AND a.id = agent;
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_remove_budget(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(budgets_lock());
    DELETE FROM budgets AS b
    WHERE b.tenant_id = app_tenant() AND b.period = req ->> 'period'
      AND b.agent_id IS NOT DISTINCT FROM (SELECT a.id FROM agents AS a
                                           WHERE a.tenant_id = app_tenant() AND a.name = req ->> 'agent')
      AND (b.agent_id IS NULL) = (req ->> 'agent' IS NULL);
    RETURN to_jsonb(FOUND);
END $$;

CREATE FUNCTION public.op_remove_company(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    company uuid := (req ->> 'company')::uuid;
BEGIN
    PERFORM FROM companies AS c WHERE c.tenant_id = app_tenant() AND c.id = company AND c.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    ELSIF EXISTS (SELECT FROM divisions AS d WHERE d.tenant_id = app_tenant() AND d.company_id = company AND d.deleted_at IS NULL)
          OR EXISTS (SELECT FROM opportunities AS o
                     WHERE o.tenant_id = app_tenant() AND o.company_id = company AND o.deleted_at IS NULL) THEN
        RETURN '"in_use"';
    END IF;
    UPDATE companies AS c SET deleted_at = now() WHERE c.tenant_id = app_tenant() AND c.id = company;
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_remove_contact(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    contact uuid := (req ->> 'contact')::uuid;
BEGIN
    PERFORM FROM contacts AS c WHERE c.tenant_id = app_tenant() AND c.id = contact AND c.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    ELSIF EXISTS (SELECT FROM opportunities AS o
                  WHERE o.tenant_id = app_tenant() AND o.contact_id = contact AND o.deleted_at IS NULL) THEN
        RETURN '"in_use"';
    END IF;
    UPDATE contacts AS c SET deleted_at = now(), log_name = coalesce(c.log_name, gen_random_uuid())
    WHERE c.tenant_id = app_tenant() AND c.id = contact;
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_remove_credential(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM credentials AS c
    WHERE c.tenant_id = app_tenant() AND c.category = req ->> 'category' AND c.name = req ->> 'name';
    RETURN to_jsonb(FOUND);
END $$;

CREATE FUNCTION public.op_remove_division(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    division uuid := (req ->> 'division')::uuid;
BEGIN
    PERFORM FROM divisions AS d WHERE d.tenant_id = app_tenant() AND d.id = division AND d.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    ELSIF EXISTS (SELECT FROM contacts AS c
                  WHERE c.tenant_id = app_tenant() AND c.division_id = division AND c.deleted_at IS NULL) THEN
        RETURN '"in_use"';
    END IF;
    UPDATE divisions AS d SET deleted_at = now() WHERE d.tenant_id = app_tenant() AND d.id = division;
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_remove_opportunity(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE opportunities AS o SET deleted_at = now()
    WHERE o.tenant_id = app_tenant() AND o.id = (req ->> 'opportunity')::uuid AND o.deleted_at IS NULL;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"not_found"' END;
END $$;

CREATE FUNCTION public.op_remove_role(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    r roles;
BEGIN
    PERFORM lock_people();
    SELECT * INTO r FROM roles AS x WHERE x.tenant_id = app_tenant() AND x.name = req ->> 'name';
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(permission_names(r.permissions), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    IF EXISTS (SELECT FROM user_roles AS u WHERE u.tenant_id = r.tenant_id AND u.role_id = r.id) THEN
        RETURN '"taken"';
    END IF;
    DELETE FROM roles AS x WHERE x.tenant_id = r.tenant_id AND x.id = r.id;
    PERFORM note_change(req -> 'actor', 'role.remove', 'role:' || r.name, r.permissions, NULL);
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_rename_contact(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_request_reply(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    c conversations;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    IF NOT EXISTS (SELECT FROM replies AS r
                   WHERE r.tenant_id = c.tenant_id AND r.id = (req ->> 'requested')::uuid) THEN
        -- behind the agent's bubbles of the same moment
        INSERT INTO replies (tenant_id, id, conversation_id, author, text, epoch, order_seq, order_index, created_at)
        SELECT c.tenant_id, (req ->> 'requested')::uuid, c.id, 'human', req ->> 'text', c.epoch, c.last_seq,
               greatest(coalesce(max(r.order_index), 0), 999) + 1, from_millis((req ->> 'now')::bigint)
        FROM replies AS r
        WHERE r.tenant_id = c.tenant_id AND r.conversation_id = c.id AND r.order_seq = c.last_seq;
    END IF;
    RETURN to_jsonb(req ->> 'requested');
END $$;

CREATE FUNCTION public.op_reseal_credential(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE credentials AS c SET sealed = decode(req ->> 'sealed', 'hex'), key_version = (req ->> 'key')::integer
    WHERE c.tenant_id = app_tenant() AND c.category = req ->> 'category' AND c.name = req ->> 'name'
      AND c.sealed = decode(req ->> 'was', 'hex');
    RETURN to_jsonb(FOUND);
END $$;

CREATE FUNCTION public.op_reserve_call(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    told jsonb := reserve_call(req);
BEGIN
    IF told ->> 'state' <> 'granted' THEN
        RETURN told;
    END IF;
    RETURN told || jsonb_build_object('bounded', EXISTS (
        SELECT FROM model_calls AS c
        JOIN budgets AS b ON b.tenant_id = c.tenant_id AND b.hard IS NOT NULL AND (b.agent_id IS NULL OR b.agent_id = c.agent_id)
        WHERE c.tenant_id = app_tenant() AND c.turn_id = (req ->> 'turn')::uuid AND c.step = (req ->> 'step')::integer
          AND c.attempt = (told ->> 'attempt')::integer AND NOT c.free AND c.output_price > 0));
END $$;

CREATE FUNCTION public.op_resume(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM pauses AS p WHERE p.stage = req ->> 'stage' AND p.tenant_id IS NOT DISTINCT FROM app_tenant();
    RETURN to_jsonb(FOUND);
END $$;

CREATE FUNCTION public.op_retire_account(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    known boolean := EXISTS (SELECT FROM accounts AS x
                             WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'account')::uuid);
BEGIN
    UPDATE accounts AS x SET retired_at = from_millis((req ->> 'now')::bigint)
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'account')::uuid AND x.retired_at IS NULL;
    IF FOUND THEN
        UPDATE vault SET changes = changes + 1;
    END IF;
    RETURN to_jsonb(known);
END $$;

CREATE FUNCTION public.op_retire_shop(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_revoke_api_key(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    k api_keys;
    before jsonb;
BEGIN
    SELECT * INTO k FROM api_keys AS x WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'key')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF k.owner_id::text IS DISTINCT FROM req #>> '{actor,id}' AND exceeds(to_jsonb(k.scopes), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    IF k.revoked_at IS NULL THEN
        before := api_key_facts(k);
        UPDATE api_keys AS x SET revoked_at = from_millis((req ->> 'now')::bigint)
        WHERE x.tenant_id = k.tenant_id AND x.id = k.id RETURNING * INTO k;
        PERFORM note_change(req -> 'actor', 'key.revoke', 'key:' || k.id, before, api_key_facts(k));
    END IF;
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_rewrap_key(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE tenant_keys AS k SET master = (req ->> 'master')::integer, wrapped = decode(req ->> 'wrapped', 'hex')
    WHERE k.tenant_id = app_tenant() AND k.version = (req ->> 'version')::integer
      AND k.master = (req ->> 'was')::integer;
    RETURN to_jsonb(FOUND);
END $$;

CREATE FUNCTION public.op_search(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    tenant bigint := app_tenant();
    words tsvector := to_tsvector('public.relevo_spanish', req ->> 'text');
    weights real[] := '{0, 0.2, 0.4, 1}';  -- of D, a label, to A, a title
    query tsquery;
    passages jsonb;
BEGIN
    SELECT words || coalesce(to_tsvector('public.relevo_spanish', string_agg(meaning, ' ')), '') INTO words
    FROM tenants AS t, jsonb_each(t.synonyms) AS s(said, meant), jsonb_array_elements_text(s.meant) AS meaning
    WHERE t.id = tenant AND plainto_tsquery('public.relevo_spanish', s.said) @@ words
      AND numnode(plainto_tsquery('public.relevo_spanish', s.said)) > 0;
    SELECT string_agg(quote_literal(lexeme), ' | ')::tsquery INTO query FROM unnest(words);
    IF query IS NULL THEN
        RETURN '[]';
    END IF;
    SELECT jsonb_agg(jsonb_build_object('source', p.source, 'title', p.title, 'text', p.text, 'score', p.score)
                     ORDER BY p.score DESC, p.id)
    INTO passages
    FROM (SELECT k.id, s.name AS source, k.title, k.text, ts_rank(weights, k.tsv, query, 1) AS score,
                 max(ts_rank(weights, k.tsv, query, 1)) OVER () AS best
          FROM chunks AS k JOIN sources AS s ON s.tenant_id = tenant AND s.id = k.source_id
          WHERE k.tenant_id = tenant AND k.tsv @@ query
          ORDER BY score DESC, k.id LIMIT (req ->> 'limit')::integer) AS p
    WHERE p.score > 0 OR p.best = 0;
    RETURN coalesce(passages, '[]');
END $$;

CREATE FUNCTION public.op_set_budget(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    agent bigint := (SELECT a.id FROM agents AS a
                     WHERE a.tenant_id = app_tenant()
                       AND CASE WHEN req ? 'agent_id' THEN a.id = (req ->> 'agent_id')::bigint ELSE a.name = req ->> 'agent' END);
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    made bigint;
BEGIN
    IF req ?| ARRAY['agent', 'agent_id'] AND agent IS NULL THEN
        RETURN '"unknown"';
    END IF;
    PERFORM pg_advisory_xact_lock(budgets_lock());
    INSERT INTO budgets (tenant_id, agent_id, period, currency, hard, soft)
    VALUES (app_tenant(), agent, req ->> 'period', req ->> 'currency', (req ->> 'hard')::bigint, (req ->> 'soft')::bigint)
    ON CONFLICT (agent_id, period, tenant_id)
    DO UPDATE SET currency = excluded.currency, hard = excluded.hard, soft = excluded.soft
    RETURNING id INTO made;
    PERFORM begin_period(made, moment);
    RETURN (SELECT unpriced_models(b, moment) FROM budgets AS b WHERE b.tenant_id = app_tenant() AND b.id = made);
END $$;

CREATE FUNCTION public.op_set_own_agent(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    agent bigint := (req ->> 'agent')::bigint;
BEGIN
    PERFORM lock_agents();
    IF NOT EXISTS (SELECT FROM agents AS a WHERE a.tenant_id = tenant AND a.id = agent AND a.version > 0
                                             AND a.removed_at IS NULL) THEN
        RETURN 'false';
    END IF;
    UPDATE agents AS a SET is_own = (a.id = agent) WHERE a.tenant_id = tenant AND a.is_own <> (a.id = agent);
    PERFORM renew_answers();
    RETURN 'true';
END $$;

CREATE FUNCTION public.op_set_synonyms(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    UPDATE tenants AS t SET synonyms = req -> 'synonyms' WHERE t.id = app_tenant() RETURNING 'null'::jsonb
$$;

CREATE FUNCTION public.op_settle(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    ranks text[] := ARRAY['sent', 'delivered', 'read'];
    told text := req ->> 'status';
    locked record;
    d deliveries;
    r replies;
BEGIN
    d := delivery_of(req);
    IF d.reply_id IS NULL THEN
        RETURN '{"state": "not_ours"}';
    END IF;
    SELECT * INTO locked FROM lock_reply(d.reply_id);
    r := locked.r;
    SELECT * INTO STRICT d FROM deliveries AS x
    WHERE x.tenant_id = tenant AND x.reply_id = d.reply_id AND x.attempt = d.attempt;
    IF d.receipt = 'failed'
       OR told = 'failed' AND d.receipt IN ('delivered', 'read')
       OR array_position(ranks, told) <= coalesce(array_position(ranks, d.receipt), 0) THEN
        RETURN '{"state": "stale"}';
    END IF;
    UPDATE deliveries AS x
    SET receipt = told, receipt_at = coalesce(from_millis((req ->> 'at')::bigint), moment),
        provider_id = CASE x.provider_id WHEN '' THEN req ->> 'provider_id' ELSE x.provider_id END,
        status = CASE WHEN told = 'failed' THEN 'failed' ELSE 'confirmed' END,
        code = CASE told WHEN 'failed' THEN req ->> 'code' ELSE x.code END,
        text = CASE told WHEN 'failed' THEN req ->> 'text' ELSE x.text END
    WHERE x.tenant_id = tenant AND x.reply_id = d.reply_id AND x.attempt = d.attempt;
    IF told <> 'failed' THEN
        IF r.status <> 'sent' THEN
            PERFORM confirm_reply(r, moment);
        END IF;
    ELSIF NOT EXISTS (SELECT FROM deliveries AS x WHERE x.tenant_id = tenant AND x.reply_id = r.id
                                                    AND x.attempt <> d.attempt
                                                    AND x.status IN ('confirmed', 'intent')) THEN
        PERFORM close_reply(r.id, 'failed', req ->> 'code');
    END IF;
    RETURN jsonb_build_object('state', 'moved', 'conversation', r.conversation_id);
END $$;

CREATE FUNCTION public.op_settle_call(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
BEGIN
    PERFORM hold_budgets(moment);
    PERFORM settle_call((req ->> 'turn')::uuid, (req ->> 'step')::integer, (req ->> 'attempt')::integer, req -> 'usage',
                        req ->> 'code', moment);
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_settle_meta_connection(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE meta_connections AS c
    SET leased_until = NULL, code = req ->> 'code', detail = req ->> 'detail',
        status = CASE WHEN (req ->> 'refused')::boolean THEN 'refused' ELSE c.status END,
        attempts = CASE WHEN req ? 'retry_at' THEN c.attempts + 1 ELSE 0 END,
        due_at = CASE WHEN (req ->> 'refused')::boolean THEN NULL
                      WHEN req ? 'retry_at' THEN from_millis((req ->> 'retry_at')::bigint)
                      WHEN EXISTS (SELECT FROM meta_accounts AS m
                                   JOIN accounts AS a ON a.tenant_id = m.tenant_id AND a.id = m.account_id
                                   WHERE m.tenant_id = c.tenant_id AND m.connection_id = c.id AND m.step <> 'ready'
                                     AND m.code = '' AND a.retired_at IS NULL) THEN c.due_at
                      ELSE c.refresh_at END
    WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'id')::uuid AND c.life = (req ->> 'life')::bigint
      AND c.status IN ('exchanged', 'connected');
    IF NOT FOUND THEN
        RETURN 'false';
    END IF;
    IF (req ->> 'refused')::boolean THEN
        DELETE FROM credentials AS k
        WHERE k.tenant_id = app_tenant() AND k.category = req #>> '{forget,category}' AND k.name = req #>> '{forget,name}';
    END IF;
    RETURN 'true';
END $$;

CREATE FUNCTION public.op_settle_timers(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    woken jsonb;
BEGIN
    FOR woken IN SELECT jsonb_array_elements(req -> 'woken') LOOP
        DELETE FROM timers AS t
        WHERE t.tenant_id IS NOT DISTINCT FROM app_tenant() AND t.id = (woken ->> 'id')::uuid
          AND t.life = coalesce((woken ->> 'life')::bigint, t.life) AND t.parks = (woken ->> 'parks')::integer;
    END LOOP;
    RETURN 'null';
END $$;

CREATE FUNCTION public.op_shop_standing(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
        'retired', (SELECT t.retired_at IS NOT NULL FROM tenants AS t WHERE t.id = app_tenant()),
        'guests', has_guests(),
        'accounts', (SELECT count(*) FROM accounts AS a WHERE a.tenant_id = app_tenant() AND a.retired_at IS NULL),
        'conversations', open_conversations(),
        'replies', (SELECT count(*) FROM replies AS r WHERE r.tenant_id = app_tenant() AND r.status = 'pending'),
        'credentials', (SELECT count(*) FROM credentials AS c
                        WHERE c.tenant_id = app_tenant() AND c.category <> 'relevo'))
$$;

CREATE FUNCTION public.op_step_meta_account(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE meta_accounts AS m
    SET step = req ->> 'step', code = req ->> 'code', detail = req ->> 'detail',
        updated_at = from_millis((req ->> 'now')::bigint)
    FROM meta_connections AS c
    WHERE m.tenant_id = app_tenant() AND m.account_id = (req ->> 'account')::uuid
      AND m.connection_id = (req ->> 'id')::uuid AND c.tenant_id = m.tenant_id AND c.id = m.connection_id
      AND c.life = (req ->> 'life')::bigint;
    RETURN to_jsonb(FOUND);
END $$;

CREATE FUNCTION public.op_stop_session(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    s sessions;
BEGIN
    SELECT * INTO s FROM sessions AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'session')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(permissions_of(s.user_id), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    IF s.ended_at IS NULL THEN
        UPDATE sessions AS x SET ended_at = from_millis((req ->> 'now')::bigint)
        WHERE x.tenant_id = s.tenant_id AND x.id = s.id;
        PERFORM note_change(req -> 'actor', 'user.end_session', 'user:' || s.user_id, NULL,
                            jsonb_build_object('session', s.id));
    END IF;
    RETURN '"done"';
END $$;

CREATE FUNCTION public.op_store_echo(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    refused jsonb := CASE WHEN has_erased() THEN refuse_erased(req) END;
BEGIN
    RETURN coalesce(refused, stored_unless_erased(store_echo(req), req));
END $$;

CREATE FUNCTION public.op_store_message(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.op_stored_answer(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT s.response FROM steps AS s
    WHERE s.tenant_id = app_tenant() AND s.turn_id = (req ->> 'turn')::uuid AND s.step = (req ->> 'step')::integer
$$;

CREATE FUNCTION public.op_stored_turn(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    told jsonb := stored_turn(req);
BEGIN
    RETURN CASE WHEN told = 'null' THEN told ELSE told || frozen_context((req ->> 'turn')::uuid) END;
END $$;

CREATE FUNCTION public.op_stored_turns(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('tenant', x.tenant_id, 'turn', x.id) ORDER BY x.created_at, x.id), '[]')
    FROM (SELECT t.tenant_id, t.id, t.created_at FROM turns AS t
          WHERE (req ->> 'conversation' IS NULL OR t.conversation_id = (req ->> 'conversation')::uuid)
            AND (req ->> 'shop' IS NULL
                 OR t.tenant_id = (SELECT n.id FROM tenants AS n WHERE n.slug = req ->> 'shop'))
            AND EXISTS (SELECT FROM steps AS s WHERE s.tenant_id = t.tenant_id AND s.turn_id = t.id
                                                 AND s.response IS NOT NULL)
          ORDER BY t.created_at DESC, t.id DESC LIMIT (req ->> 'last')::integer) AS x
$$;

CREATE FUNCTION public.op_story(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    tenant bigint := (req ->> 'tenant')::bigint;
    conversation uuid := (req ->> 'conversation')::uuid;
    ids uuid[] := '{}';
    turn_ids uuid[] := '{}';
    replies_of uuid[] := '{}';
    record_ids text[] := '{}';
    head jsonb := '{}';
    standing jsonb;
BEGIN
    IF req ? 'letter' THEN
        record_ids := ARRAY(SELECT left(k.headers ->> 'ce_id', 200) FROM dead_letters AS k
                            WHERE k.id = (req ->> 'letter')::bigint AND k.headers ->> 'ce_id' <> '');
        SELECT jsonb_build_object('ended', CASE k.status WHEN 'redriven' THEN 'open' ELSE k.status END,
                                  'reason', CASE k.status WHEN 'dead' THEN k.code WHEN 'dropped' THEN k.reason
                                                          ELSE 'redriven' END,
                                  'letter', k.id, 'waits_at', k.stage, 'since', to_millis(coalesce(k.status_at, k.at)),
                                  'code', k.code, 'text', k.text, 'until', (SELECT to_millis(min(t.due_at)) FROM timers AS t
                                                                           WHERE t.letter = k.id)),
               jsonb_build_object('channel', k.about -> 'channel', 'account', k.about -> 'account',
                                  'traceparent', k.headers -> 'traceparent', 'event_id', k.about -> 'event_id')
        INTO standing, head
        FROM dead_letters AS k WHERE k.id = (req ->> 'letter')::bigint;
        RETURN head || jsonb_build_object('standing', standing, 'spans', '[]'::jsonb, 'events', (
            SELECT coalesce(jsonb_agg(to_jsonb(x) ORDER BY x.place, x.rank, x.tie, x.event, x.facts), '[]')
            FROM (SELECT to_millis(e.at) AS at, e.place, e.rank, e.tie, e.stage, e.event, e.facts
                  FROM story_events(tenant, conversation, ids, turn_ids, replies_of, record_ids) AS e
                  UNION
                  SELECT to_millis(k.at), k.at, 14, ARRAY[k.id], k.stage, 'record.dead',
                         jsonb_build_object('letter', k.id, 'topic', k.topic, 'code', k.code, 'text', k.text,
                                            'attempts', k.attempts)
                  FROM dead_letters AS k WHERE k.id = (req ->> 'letter')::bigint AND record_ids = '{}') AS x));
    END IF;
    SELECT * INTO ids, turn_ids, replies_of FROM story_scope(req);
    record_ids := ARRAY(SELECT left(k.headers ->> 'ce_id', 200) FROM messages AS m
                        JOIN accounts AS a ON a.tenant_id = tenant AND a.id = m.account_id
                        JOIN dead_letters AS k ON k.about ->> 'event_id' = m.event_id AND k.about ? 'event_id'
                                                  AND k.about ->> 'channel' = a.channel
                                                  AND k.about ->> 'account' IN (a.external_id, '')
                        WHERE m.tenant_id = tenant AND m.id = ANY (ids) AND k.headers ->> 'ce_id' <> '');
    SELECT jsonb_build_object('slug', t.slug, 'shop', t.name, 'channel', c.channel, 'account', a.external_id,
                              'conversation', c.id, 'mode', c.mode,
                              'aliases', (SELECT jsonb_agg(l.value ORDER BY l.created_at, l.value) FROM aliases AS l
                                          WHERE l.tenant_id = tenant AND l.contact_id = c.contact_id))
    INTO head
    FROM conversations AS c JOIN tenants AS t ON t.id = c.tenant_id
    JOIN accounts AS a ON a.tenant_id = tenant AND a.id = c.account_id
    WHERE c.tenant_id = tenant AND c.id = conversation;
    SELECT head || jsonb_build_object('trace', m.trace, 'event_id', m.event_id, 'message', m.id) INTO head
    FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ids[cardinality(ids)];
    RETURN head || jsonb_build_object(
        'standing', CASE WHEN cardinality(ids) > 0 THEN message_standing(tenant, conversation, ids[cardinality(ids)], req)
                         ELSE reply_standing(tenant, (req ->> 'reply')::uuid) END,
        'spans', story_spans(tenant, ids, turn_ids, replies_of),
        'events', (SELECT coalesce(jsonb_agg(jsonb_build_object('at', to_millis(e.at), 'stage', e.stage, 'event', e.event,
                                                                'facts', jsonb_strip_nulls(e.facts))
                                             ORDER BY e.place, e.rank, e.tie, e.event, e.facts), '[]')
                   FROM story_events(tenant, conversation, ids, turn_ids, replies_of, record_ids) AS e));
END $$;

CREATE FUNCTION public.op_story_text(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_object_agg(x.id, x.text), '{}')
    FROM (SELECT m.id, m.text FROM messages AS m
          WHERE m.tenant_id = (req ->> 'tenant')::bigint
            AND m.id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::uuid))
          UNION ALL
          SELECT r.id, r.text FROM replies AS r
          WHERE r.tenant_id = (req ->> 'tenant')::bigint
            AND r.id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'ids')::uuid))) AS x
$$;

CREATE FUNCTION public.op_take_over(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    c conversations;
BEGIN
    SELECT * INTO c FROM conversations AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'conversation')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'false';
    END IF;
    IF c.mode = 'agent' THEN
        PERFORM silence_agent(c.id, from_millis((req ->> 'now')::bigint));
    END IF;
    RETURN 'true';
END $$;

CREATE FUNCTION public.op_take_sweep(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE sweeps SET next_at = from_millis((req ->> 'now')::bigint) + (req ->> 'every_ms')::bigint * interval '1 millisecond'
    WHERE next_at <= from_millis((req ->> 'now')::bigint);
    RETURN to_jsonb(FOUND);
END $$;

CREATE FUNCTION public.op_turn_cost(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM turn_cost((req ->> 'turn')::uuid) AS c
$$;

CREATE FUNCTION public.op_turn_text(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    tenant bigint := app_tenant();
    t turns;
    said text;
BEGIN
    SELECT * INTO t FROM turns AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'turn')::uuid;
    IF NOT FOUND THEN
        RETURN '{"state": "erased"}';
    END IF;
    SELECT string_agg(m.text, E'\n' ORDER BY m.seq) INTO said
    FROM (SELECT x.text, x.seq FROM messages AS x
          WHERE x.tenant_id = tenant AND x.turn_id = ANY (answered_turns(t.id)) AND x.direction = 'in'
          ORDER BY x.seq DESC LIMIT 100) AS m;
    RETURN jsonb_build_object(
        'state', CASE WHEN said IS NULL THEN 'erased' WHEN t.status = 'open' THEN 'live' ELSE 'over' END,
        'text', coalesce(said, ''));
END $$;

CREATE FUNCTION public.op_unknown_accounts(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.letters DESC, a.channel, a.account), '[]')
    FROM (SELECT coalesce(k.about ->> 'channel', '') AS channel, coalesce(k.about ->> 'account', '') AS account,
                 count(*) AS letters, count(DISTINCT k.about ->> 'contact') AS contacts,
                 to_millis(min(k.at)) AS first, to_millis(max(k.at)) AS last
          FROM dead_letters AS k WHERE k.code = 'resolve.unknown_account' AND k.status = 'dead'
          GROUP BY 1, 2) AS a
$$;

CREATE FUNCTION public.op_unknown_erasures(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(k -> 'erasure'), '[]') FROM jsonb_array_elements(req -> 'erasures') AS k
    WHERE NOT EXISTS (SELECT FROM erasures AS e WHERE e.tenant_id = app_tenant() AND e.id = (k ->> 'erasure')::uuid
                                                  AND e.erased_at >= from_millis((k ->> 'erased_at')::bigint))
      AND from_millis((k ->> 'erased_at')::bigint) >= (SELECT t.created_at FROM tenants AS t WHERE t.id = app_tenant())
$$;

CREATE FUNCTION public.op_usage(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
        'known', req ->> 'tenant' IS NULL OR EXISTS (SELECT FROM tenants AS t WHERE t.slug = req ->> 'tenant'),
        'lines', coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.shop, l.key), '[]'))
    FROM usage_lines(req) AS l
$$;

CREATE FUNCTION public.op_use_master(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    UPDATE vault SET master = greatest(master, (req ->> 'master')::integer) RETURNING 'null'::jsonb
$$;

CREATE FUNCTION public.op_vault(req jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('master', v.master, 'changes', v.changes) FROM vault AS v
$$;

CREATE FUNCTION public.op_wait_for_archive(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    LOCK TABLE archive IN SHARE ROW EXCLUSIVE MODE;
    RETURN to_jsonb(pg_relation_size('archive') / current_setting('block_size')::bigint);
END $$;

CREATE FUNCTION public.op_wake_kept(req jsonb) RETURNS jsonb
    LANGUAGE sql
    AS $$
    WITH next AS (
        SELECT x.id, row_number() OVER (ORDER BY (x.headers ->> 'time')::bigint, x.life) AS place FROM timers AS x
        WHERE x.tenant_id = app_tenant() AND x.kept = req ->> 'stage'
        ORDER BY (x.headers ->> 'time')::bigint, x.life LIMIT (req ->> 'limit')::integer
    ), woken AS (
        UPDATE timers AS t
        SET kept = NULL,
            due_at = greatest(now(), from_millis((req ->> 'from')::bigint)) + next.place * interval '200 microseconds'
        FROM next WHERE t.tenant_id = app_tenant() AND t.id = next.id
        RETURNING t.due_at
    )
    SELECT jsonb_build_object('count', count(*), 'until', coalesce(to_millis(max(w.due_at)) + 1, 0)) FROM woken AS w
$$;

CREATE FUNCTION public.open_conversations() RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT count(*)
    FROM (SELECT t.conversation_id FROM turns AS t WHERE t.tenant_id = app_tenant() AND t.status = 'open'
          UNION SELECT r.conversation_id FROM replies AS r WHERE r.tenant_id = app_tenant() AND r.status = 'pending'
          UNION SELECT m.conversation_id
                FROM messages AS m JOIN conversations AS c ON c.id = m.conversation_id AND c.tenant_id = m.tenant_id
                WHERE m.tenant_id = app_tenant() AND m.turn_id IS NULL AND m.direction = 'in' AND m.kind = 'message'
                  AND c.mode = 'agent' AND m.seq > c.handled_seq) AS o
$$;

CREATE TABLE public.opportunities (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    contact_id uuid,
    company_id uuid,
    title text NOT NULL,
    problem text,
    stage text DEFAULT 'new'::text NOT NULL,
    amount bigint,
    currency text,
    crm_opportunity_id text,
    deleted_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT opportunities_amount_check CHECK ((amount >= 0)),
    CONSTRAINT opportunities_check CHECK (((contact_id IS NOT NULL) OR (company_id IS NOT NULL))),
    CONSTRAINT opportunities_check1 CHECK (((amount IS NULL) = (currency IS NULL))),
    CONSTRAINT opportunities_crm_opportunity_id_check CHECK ((length(crm_opportunity_id) <= 200)),
    CONSTRAINT opportunities_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT opportunities_problem_check CHECK ((length(problem) <= 4000)),
    CONSTRAINT opportunities_stage_check CHECK ((length(stage) <= 63)),
    CONSTRAINT opportunities_title_check CHECK ((length(title) <= 200))
);

ALTER TABLE ONLY public.opportunities FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.opportunity_facts(o public.opportunities) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', o.id, 'contact', o.contact_id, 'company', o.company_id, 'title', o.title, 'problem', o.problem, 'stage', o.stage,
        'amount', CASE WHEN o.amount IS NOT NULL
                       THEN jsonb_build_object('minor_units', o.amount, 'currency', o.currency) END,
        'recommendations', (SELECT coalesce(jsonb_agg(jsonb_build_object('sku', r.sku, 'name', r.name, 'rank', r.rank,
                                                                         'justification', r.justification) ORDER BY r.rank), '[]')
                            FROM opportunity_recommendations AS r
                            WHERE r.tenant_id = o.tenant_id AND r.opportunity_id = o.id),
        'crm_opportunity_id', o.crm_opportunity_id,
        'created_at', to_iso(o.created_at), 'updated_at', to_iso(o.updated_at)))
$$;

CREATE FUNCTION public.own_agent() RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT a.id FROM agents AS a WHERE a.tenant_id = app_tenant() AND a.is_own LIMIT 1
$$;

CREATE FUNCTION public.period_of(kind text, zone text, moment timestamp with time zone, OUT starts timestamp with time zone, OUT ends timestamp with time zone) RETURNS record
    LANGUAGE sql STABLE
    AS $$
    SELECT date_trunc(kind, moment, zone),
           (date_trunc(kind, moment AT TIME ZONE zone) + ('1 ' || kind)::interval) AT TIME ZONE zone
$$;

CREATE FUNCTION public.permission_names(permissions jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT coalesce(jsonb_agg(format('%s.%s', m.key, a.action)), '[]')
    FROM jsonb_each(permissions) AS m CROSS JOIN LATERAL jsonb_array_elements_text(m.value) AS a(action)
$$;

CREATE FUNCTION public.permissions_of(person uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(DISTINCT format('%s.%s', m.key, a.action)), '[]')
    FROM user_roles AS u JOIN roles AS r ON r.id = u.role_id
    CROSS JOIN LATERAL jsonb_each(r.permissions) AS m
    CROSS JOIN LATERAL jsonb_array_elements_text(m.value) AS a(action)
    WHERE u.tenant_id = app_tenant() AND u.user_id = person
$$;

CREATE FUNCTION public.permit_of(r public.replies, c public.conversations, attempt integer) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
        'state', 'send', 'attempt', attempt, 'channel', c.channel, 'account', a.external_id,
        'to', jsonb_build_object('kind', c.address_kind, 'value', c.address_value), 'text', r.text)
    FROM accounts AS a WHERE a.tenant_id = c.tenant_id AND a.id = c.account_id
$$;

CREATE FUNCTION public.person_archive(tenant bigint, names text[], after text, most integer) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $_$
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
END $_$;

CREATE FUNCTION public.person_keys(tenant bigint, names text[], conversation_ids uuid[]) RETURNS text[]
    LANGUAGE sql
    AS $$
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

CREATE FUNCTION public.person_of(person uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('tenant', u.tenant_id, 'user', u.id, 'email', u.email, 'name', u.name,
                              'permissions', permissions_of(u.id))
    FROM users AS u JOIN tenants AS t ON t.id = u.tenant_id AND t.retired_at IS NULL
    WHERE u.tenant_id = app_tenant() AND u.id = person AND u.status = 'active'
$$;

CREATE FUNCTION public.person_rows(t public.personal_tables, tenant bigint, people uuid[], conversation_ids uuid[], keys text[], after text, most integer) RETURNS jsonb
    LANGUAGE plpgsql
    AS $_$
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
END $_$;

CREATE FUNCTION public.phone_names(phone text) RETURNS text[]
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
    SELECT array_agg(DISTINCT n.digits)
    FROM (SELECT regexp_replace(regexp_replace(phone, '[^0-9]', '', 'g'), '^00', '') AS digits) AS p
    CROSS JOIN LATERAL (VALUES (p.digits),
                               (CASE WHEN p.digits ~ '^549[0-9]{10}$' THEN '54' || substr(p.digits, 4)
                                     WHEN p.digits ~ '^55[0-9]{2}9[6-9][0-9]{7}$' THEN left(p.digits, 4) || substr(p.digits, 6)
                                     ELSE p.digits END)) AS n(digits)
    WHERE length(p.digits) >= 7
$_$;

CREATE FUNCTION public.plain_email(email text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT nullif(lower(btrim(email)), '')
$$;

CREATE TABLE public.prices (
    provider text NOT NULL,
    base_url text DEFAULT ''::text NOT NULL,
    model text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    valid_until timestamp with time zone,
    currency text NOT NULL,
    input bigint NOT NULL,
    cached_input bigint NOT NULL,
    output bigint NOT NULL,
    CONSTRAINT prices_cached_input_check CHECK (((cached_input >= 0) AND (cached_input <= '10000000000000'::bigint))),
    CONSTRAINT prices_check CHECK ((valid_until > valid_from)),
    CONSTRAINT prices_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT prices_input_check CHECK (((input >= 0) AND (input <= '10000000000000'::bigint))),
    CONSTRAINT prices_output_check CHECK (((output >= 0) AND (output <= '10000000000000'::bigint)))
);

CREATE FUNCTION public.price_of(wanted_provider text, wanted_base_url text, wanted_model text, moment timestamp with time zone) RETURNS SETOF public.prices
    LANGUAGE sql STABLE
    AS $$
    SELECT p.* FROM prices AS p
    WHERE p.provider = wanted_provider AND p.base_url = rtrim(wanted_base_url, '/')
      AND p.valid_from <= moment AND (p.valid_until IS NULL OR p.valid_until > moment)
      AND (p.model = wanted_model
           OR right(p.model, 1) = '*' AND starts_with(wanted_model, left(p.model, -1)))
    ORDER BY p.model = wanted_model DESC, length(p.model) DESC, p.valid_from DESC LIMIT 1
$$;

CREATE FUNCTION public.protect_tenant_rows(target regclass, tenant_column name DEFAULT 'tenant_id'::name) RETURNS void
    LANGUAGE plpgsql
    AS $_$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format($policy$CREATE POLICY tenant ON %1$s
        USING (%2$I = nullif(current_setting('app.tenant_id', true), '')::bigint)
        WITH CHECK (%2$I = nullif(current_setting('app.tenant_id', true), '')::bigint)$policy$, target, tenant_column);
END $_$;

CREATE FUNCTION public.publish_as(agent bigint, settings jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    taken jsonb := channel_taken(agent, settings -> 'channels');
    made integer;
BEGIN
    IF taken IS NOT NULL THEN
        RETURN taken;
    END IF;
    made := publish_settings(agent, settings);
    UPDATE agents AS x SET draft = NULL WHERE x.tenant_id = tenant AND x.id = agent AND x.draft = settings;
    IF own_agent() IS NULL THEN
        UPDATE agents AS x SET is_own = true WHERE x.tenant_id = tenant AND x.id = agent;
    END IF;
    PERFORM renew_answers();
    RETURN jsonb_build_object('version', made);
END $$;

CREATE FUNCTION public.publish_settings(agent bigint, stated jsonb) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    a agents;
    before jsonb;
    s jsonb;
BEGIN
    SELECT * INTO STRICT a FROM agents AS x WHERE x.tenant_id = tenant AND x.id = agent FOR NO KEY UPDATE;
    before := agent_snapshot(a);
    s := before || stated;
    UPDATE agents AS x
    SET role = s ->> 'role', provider = s ->> 'provider', base_url = s ->> 'base_url', model = s ->> 'model',
        prompt = s ->> 'prompt', disclosure = s ->> 'disclosure', temperature = (s ->> 'temperature')::double precision,
        max_output_tokens = (s ->> 'max_output_tokens')::integer, enabled_tools = s -> 'enabled_tools',
        fallbacks = s -> 'fallbacks', on_failure = s ->> 'on_failure', channels = s -> 'channels',
        quiet_ms = (s ->> 'quiet_ms')::integer, max_wait_ms = (s ->> 'max_wait_ms')::integer,
        max_messages = (s ->> 'max_messages')::integer, spacing_ms = (s ->> 'spacing_ms')::integer, hours = s -> 'hours',
        on_closed = s ->> 'on_closed', closed_text = s ->> 'closed_text'
    WHERE x.tenant_id = tenant AND x.id = a.id RETURNING * INTO a;
    IF a.version = 0 OR agent_snapshot(a) <> before THEN
        UPDATE agents AS x SET version = x.version + 1, updated_at = now()
        WHERE x.tenant_id = tenant AND x.id = a.id RETURNING * INTO a;
        INSERT INTO agent_versions (tenant_id, agent_id, version, snapshot)
        VALUES (tenant, a.id, a.version, agent_snapshot(a));
    END IF;
    RETURN a.version;
END $$;

CREATE FUNCTION public.put_credentials(sealed jsonb) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO credentials (tenant_id, category, name, sealed, key_version)
    SELECT app_tenant(), c ->> 'category', c ->> 'name', decode(c ->> 'sealed', 'hex'), (c ->> 'key')::integer
    FROM jsonb_array_elements(sealed) AS c
    ON CONFLICT (tenant_id, category, name) DO UPDATE
    SET sealed = excluded.sealed, key_version = excluded.key_version, updated_at = now()
$$;

CREATE FUNCTION public.readable_row(its_table name, its_row jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE its_table WHEN 'dead_letters' THEN its_row || jsonb_build_object(
        'record_key', bytes_text((its_row ->> 'record_key')::bytea), 'value', bytes_text((its_row ->> 'value')::bytea),
        'original', bytes_text((its_row ->> 'original')::bytea)) ELSE its_row END
$$;

CREATE FUNCTION public.recommend(opportunity uuid, stated jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    was jsonb := (SELECT coalesce(jsonb_agg(r.sku ORDER BY r.rank), '[]') FROM opportunity_recommendations AS r
                  WHERE r.tenant_id = tenant AND r.opportunity_id = opportunity);
    is_now jsonb := (SELECT coalesce(jsonb_agg(s.item -> 'sku' ORDER BY s.rank), '[]')
                     FROM jsonb_array_elements(stated) WITH ORDINALITY AS s(item, rank));
BEGIN
    DELETE FROM opportunity_recommendations AS r
    WHERE r.tenant_id = tenant AND r.opportunity_id = opportunity AND NOT is_now ? r.sku;
    INSERT INTO opportunity_recommendations AS r (tenant_id, opportunity_id, sku, name, justification, rank)
    SELECT tenant, opportunity, e.sku, e.name, s.item ->> 'justification', s.rank
    FROM jsonb_array_elements(stated) WITH ORDINALITY AS s(item, rank)
    JOIN catalogue_entries AS e ON e.tenant_id = tenant AND e.sku = s.item ->> 'sku'
    ON CONFLICT (opportunity_id, sku, tenant_id) DO UPDATE
    SET name = excluded.name, justification = excluded.justification, rank = excluded.rank;
    UPDATE opportunities AS o SET updated_at = now() WHERE o.tenant_id = tenant AND o.id = opportunity;
    IF was <> is_now THEN
        PERFORM note_change(acting(), 'opportunity.recommend', 'opportunity:' || opportunity,
                            jsonb_build_object('products', was), jsonb_build_object('products', is_now));
    END IF;
END $$;

CREATE FUNCTION public.redrive_account_letters(wanted text, most integer) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    ids bigint[] := ARRAY(SELECT x.id FROM dead_letters AS x
                          WHERE x.tenant_id IS NULL AND x.status = 'dead' AND x.wants = wanted
                          ORDER BY x.topic, x.partition, x.record_offset, x.id LIMIT most);
BEGIN
    RETURN cardinality(ids) - jsonb_array_length(redrive_letters(ids, 'account created', now(), NULL));
END $$;

CREATE FUNCTION public.wanted_account(channel text, account text, scope text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((channel || '/'::text) || CASE account WHEN ''::text THEN (':'::text || scope) ELSE account END);

CREATE TABLE public.dead_letters (
    id bigint NOT NULL,
    tenant_id bigint,
    stage text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    record_key bytea NOT NULL,
    value bytea NOT NULL,
    headers jsonb NOT NULL,
    code text NOT NULL,
    text text NOT NULL,
    attempts integer NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    status text DEFAULT 'dead'::text NOT NULL,
    status_at timestamp with time zone,
    status_by text DEFAULT ''::text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    edited_at timestamp with time zone,
    edited_by text DEFAULT ''::text NOT NULL,
    original bytea,
    bytes integer GENERATED ALWAYS AS (octet_length(value)) STORED,
    about jsonb GENERATED ALWAYS AS (public.about_record(value)) STORED,
    wants text GENERATED ALWAYS AS (
CASE
    WHEN (code = 'resolve.unknown_account'::text) THEN public.wanted_account((public.about_record(value) ->> 'channel'::text), (public.about_record(value) ->> 'account'::text), (public.about_record(value) ->> 'scope'::text))
    ELSE NULL::text
END) STORED,
    CONSTRAINT dead_letters_status_check CHECK ((status = ANY (ARRAY['dead'::text, 'redriven'::text, 'dropped'::text])))
);

ALTER TABLE ONLY public.dead_letters FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.redrive_letter(l public.dead_letters, actor text, moment timestamp with time zone, fresh timestamp with time zone) RETURNS text
    LANGUAGE plpgsql
    AS $$
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
                    'id', coalesce(nullif(l.headers ->> 'ce_id', ''), 'letter ' || l.id), 'type', coalesce(l.headers ->> 'ce_type', ''),
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

CREATE FUNCTION public.redrive_letters(ids bigint[], actor text, moment timestamp with time zone, fresh timestamp with time zone) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% only grows', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION public.refuse_commit() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a scratch transaction is never committed';
END $$;

CREATE FUNCTION public.refuse_erased(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.refuse_opportunity(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NOT hold_contact((req ->> 'contact')::uuid) THEN
        RETURN '"no_contact"';
    ELSIF NOT hold_company((req ->> 'company')::uuid) THEN
        RETURN '"no_company"';
    ELSIF EXISTS (SELECT FROM jsonb_array_elements(req -> 'recommendations') AS s
                  WHERE NOT EXISTS (SELECT FROM catalogue_entries AS e
                                    WHERE e.tenant_id = app_tenant() AND e.sku = s ->> 'sku')) THEN
        RETURN '"no_product"';
    ELSIF EXISTS (SELECT FROM jsonb_array_elements(req -> 'recommendations') AS s GROUP BY s ->> 'sku' HAVING count(*) > 1) THEN
        RETURN '"same_product"';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION public.register_tenant(wanted_slug text, wanted_name text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
BEGIN
    INSERT INTO tenants (slug, name) VALUES (wanted_slug, wanted_name) ON CONFLICT (slug) DO NOTHING;
    RETURN (SELECT t.id FROM tenants AS t WHERE t.slug = wanted_slug);
END $$;

CREATE FUNCTION public.release_calls(moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    c model_calls;
BEGIN
    FOR c IN SELECT * FROM model_calls AS x
             WHERE x.tenant_id = app_tenant() AND x.status = 'open' AND x.expires_at <= moment
             ORDER BY x.expires_at LIMIT 100 FOR UPDATE SKIP LOCKED LOOP
        PERFORM count_call(c, -c.reserved, 0);
        UPDATE model_calls AS x SET status = 'released', turn_id = kept_turn(x.turn_id), ended_at = moment
        WHERE x.tenant_id = c.tenant_id AND x.turn_id = c.turn_id AND x.step = c.step AND x.attempt = c.attempt;
    END LOOP;
END $$;

CREATE FUNCTION public.renew_answers() RETURNS void
    LANGUAGE sql
    AS $$
    UPDATE accounts AS x SET agent_id = agent_for(x.id, x.channel, coalesce(own_agent(), x.agent_id))
    WHERE x.tenant_id = app_tenant() AND x.agent_id <> agent_for(x.id, x.channel, coalesce(own_agent(), x.agent_id))
$$;

CREATE FUNCTION public.reply_facts(r public.replies, c public.conversations, moment timestamp with time zone) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', r.id, 'direction', 'out', 'author', r.author, 'kind', 'message', 'type', 'text', 'text', r.text,
        'at', to_millis(r.created_at), 'turn', r.turn_id, 'reply', r.id, 'delivery', delivery_facts(r.id),
        'standing', CASE r.status WHEN 'pending' THEN 'waiting' ELSE r.status END,
        'reason', CASE WHEN r.status <> 'pending' THEN nullif(r.reason, '')
                       WHEN r.author = 'agent'
                            AND (SELECT is_held(t, c, moment) FROM turns AS t
                                 WHERE t.tenant_id = r.tenant_id AND t.id = r.turn_id) THEN 'held' END,
        'until', CASE r.status WHEN 'pending' THEN to_millis(r.due_at) END))
$$;

CREATE FUNCTION public.reply_ids(turn uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(r.id ORDER BY r.index), '[]') FROM replies AS r
    WHERE r.tenant_id = app_tenant() AND r.turn_id = turn
$$;

CREATE FUNCTION public.reply_standing(tenant bigint, reply uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'ended', CASE r.status WHEN 'pending' THEN 'open' WHEN 'sent' THEN 'answered' WHEN 'unknown' THEN 'answered'
                               ELSE 'dropped' END,
        'reason', CASE r.status WHEN 'unknown' THEN 'delivery unknown' ELSE r.reason END,
        'waits_at', CASE r.status WHEN 'pending' THEN 'relay' END, 'since', to_millis(r.created_at),
        'until', to_millis(r.due_at), 'code', d.code, 'text', d.text))
    FROM replies AS r
    LEFT JOIN LATERAL (SELECT y.code, y.text FROM deliveries AS y
                       WHERE y.tenant_id = tenant AND y.reply_id = r.id AND y.code <> ''
                       ORDER BY y.attempt DESC LIMIT 1) AS d ON true
    WHERE r.tenant_id = tenant AND r.id = reply
$$;

CREATE FUNCTION public.reserve_call(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    price prices;
    b budgets;
    earlier model_calls;
    c model_calls;
    mine bigint;
    waits boolean := false;
    refused jsonb;
BEGIN
    PERFORM hold_budgets(moment);
    PERFORM release_calls(moment);
    SELECT v.id, coalesce(s.agent_id, a.agent_id) INTO c.conversation_id, c.agent_id
    FROM turns AS t
    JOIN conversations AS v ON v.tenant_id = tenant AND v.id = t.conversation_id
    JOIN accounts AS a ON a.tenant_id = tenant AND a.id = v.account_id
    LEFT JOIN steps AS s ON s.tenant_id = tenant AND s.turn_id = t.id AND s.step = 0
    WHERE t.tenant_id = tenant AND t.id = (req ->> 'turn')::uuid;
    IF NOT FOUND THEN
        RETURN '{"state": "refused", "reason": "erased"}';
    END IF;
    c.tenant_id := tenant;
    c.turn_id := (req ->> 'turn')::uuid;
    c.step := (req ->> 'step')::integer;
    c.free := (req ->> 'free')::boolean;
    IF NOT c.free THEN
        SELECT * INTO price FROM price_of(req ->> 'provider', req ->> 'base_url', req ->> 'model', moment);
    END IF;
    c.currency := price.currency;
    c.reserved := coalesce(cost_of_tokens(greatest(price.input, price.cached_input), 0, price.output,
                                          (req ->> 'input')::bigint, 0, (req ->> 'output')::bigint), 0);
    -- a clock that is behind another one's counts in the period that has begun
    SELECT greatest(moment, max(x.starts_at)) INTO c.reserved_at FROM budgets AS x WHERE x.tenant_id = tenant;
    SELECT * INTO earlier FROM model_calls AS x
    WHERE x.tenant_id = tenant AND x.turn_id = c.turn_id AND x.step = c.step AND x.status = 'open' FOR UPDATE;

    FOR b IN SELECT * FROM budgets AS x
             WHERE x.tenant_id = tenant AND x.hard IS NOT NULL AND (x.agent_id IS NULL OR x.agent_id = c.agent_id)
             ORDER BY x.id LOOP
        CONTINUE WHEN c.free OR c.currency = b.currency AND c.reserved = 0;
        mine := CASE WHEN counts_in(b, earlier) THEN earlier.reserved ELSE 0 END;
        IF c.currency IS DISTINCT FROM b.currency THEN
            refused := coalesce(refused, jsonb_build_object('reason', 'unpriced'));
            PERFORM note_budget(b, 'unpriced', moment);
        ELSIF b.spent + c.reserved > b.hard THEN
            refused := coalesce(refused, jsonb_build_object('reason', 'exhausted', 'period', b.period, 'hard', b.hard,
                                    'spent', b.spent, 'asked', c.reserved, 'currency', b.currency));
            PERFORM note_budget(b, 'exhausted', moment);
        ELSIF b.spent + b.reserved - mine + c.reserved > b.hard THEN
            waits := true;
        END IF;
    END LOOP;
    IF refused IS NOT NULL THEN
        RETURN refused || '{"state": "refused"}';
    ELSIF waits THEN
        RETURN '{"state": "wait"}';
    END IF;

    IF earlier.turn_id IS NOT NULL THEN
        PERFORM count_call(earlier, -earlier.reserved, 0);
        UPDATE model_calls AS x
        SET provider = req ->> 'provider', base_url = req ->> 'base_url', model = req ->> 'model', free = c.free,
            currency = c.currency, input_price = price.input, cached_price = price.cached_input,
            output_price = price.output, reserved = c.reserved, reserved_at = c.reserved_at,
            expires_at = moment + (req ->> 'lease_ms')::bigint * interval '1 millisecond', cut_off = x.cut_off + 1
        WHERE x.tenant_id = tenant AND x.turn_id = c.turn_id AND x.step = c.step AND x.attempt = earlier.attempt
        RETURNING * INTO c;
    ELSE
        INSERT INTO model_calls (tenant_id, turn_id, step, attempt, conversation_id, agent_id, provider, base_url, model,
                                 free, currency, input_price, cached_price, output_price, status, reserved, reserved_at,
                                 expires_at)
        SELECT tenant, c.turn_id, c.step, coalesce(max(x.attempt), 0) + 1, c.conversation_id, c.agent_id,
               req ->> 'provider', req ->> 'base_url', req ->> 'model', c.free, c.currency, price.input,
               price.cached_input, price.output, 'open', c.reserved, c.reserved_at,
               moment + (req ->> 'lease_ms')::bigint * interval '1 millisecond'
        FROM model_calls AS x WHERE x.tenant_id = tenant AND x.turn_id = c.turn_id AND x.step = c.step
        ON CONFLICT DO NOTHING RETURNING * INTO c;
        IF NOT FOUND THEN
            -- another owner of the turn was first: asked again, this call is begun anew
            RAISE SQLSTATE '40001' USING MESSAGE = 'two owners reserved at once';
        END IF;
    END IF;
    PERFORM count_call(c, c.reserved, 0);
    RETURN jsonb_build_object('state', 'granted', 'attempt', c.attempt);
END $$;

CREATE FUNCTION public.resolve_account(wanted_channel text, wanted_id text, scope bigint, written timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS TABLE(tenant_id bigint, id uuid, channel text, external_id text, endpoint_id bigint, agent_id bigint, retired boolean, moved boolean, spoken_for boolean)
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
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

CREATE FUNCTION public.resolve_owner(wanted_channel text, scope bigint) RETURNS TABLE(tenant_id bigint, id uuid)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'public'
    AS $$
    SELECT a.tenant_id, a.id FROM accounts AS a
    WHERE a.channel = wanted_channel AND a.tenant_id = sole_shop(scope)
    ORDER BY a.retired_at DESC NULLS FIRST, a.created_at, a.external_id LIMIT 1
$$;

CREATE FUNCTION public.role_names_of(person uuid) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(r.name ORDER BY r.name), '[]') FROM user_roles AS u JOIN roles AS r ON r.id = u.role_id
    WHERE u.tenant_id = app_tenant() AND u.user_id = person
$$;

CREATE FUNCTION public.roles_exist(names jsonb) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT NOT EXISTS (SELECT FROM jsonb_array_elements_text(names) AS n(name)
                       WHERE NOT EXISTS (SELECT FROM roles AS r WHERE r.name = n.name))
$$;

CREATE FUNCTION public.run_batch(op text, batch jsonb) RETURNS TABLE(place integer, result text)
    LANGUAGE plpgsql
    AS $_$
DECLARE
    statement text := format('SELECT (%I($1))::text', 'op_' || op);
    item record;
BEGIN
    IF jsonb_array_length(batch) = 1 THEN
        PERFORM set_config('app.tenant_id', coalesce(batch #>> '{0,t}', ''), true),
                set_config('app.actor', coalesce(batch #>> '{0,r,actor}', ''), true);
        place := 0;
        EXECUTE statement INTO result USING batch #> '{0,r}';
        RETURN NEXT;
        RETURN;
    END IF;
    FOR item IN
        SELECT i.tenant, i.request, i.nth
        FROM (SELECT e.item ->> 't' AS tenant, e.item -> 'r' AS request, e.nth,
                     batch_key(e.item ->> 't', e.item -> 'r') AS key
              FROM jsonb_array_elements(batch) WITH ORDINALITY AS e(item, nth)) AS i
        ORDER BY i.tenant::bigint, i.key, i.nth
    LOOP
        PERFORM set_config('app.tenant_id', coalesce(item.tenant, ''), true),
                set_config('app.actor', coalesce(item.request ->> 'actor', ''), true);
        place := item.nth - 1;
        EXECUTE statement INTO result USING item.request;
        RETURN NEXT;
    END LOOP;
END $_$;

CREATE FUNCTION public.same_person(tenant bigint, contact uuid, upto timestamp with time zone DEFAULT 'infinity'::timestamp with time zone) RETURNS uuid[]
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.scope_of(about jsonb) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE(("substring"((about ->> 'scope'::text), '^[0-9]{1,18}$'::text))::bigint, (0)::bigint);

CREATE TABLE public.catalogue_entries (
    tenant_id bigint NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    price text DEFAULT ''::text NOT NULL,
    currency text DEFAULT ''::text NOT NULL,
    url text DEFAULT ''::text NOT NULL,
    attributes jsonb DEFAULT '{}'::jsonb NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.catalogue_entries FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.searched_text(e public.catalogue_entries) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT concat_ws(E'\n', e.description,
                     (SELECT string_agg(x.value, E'\n' ORDER BY x.key) FROM jsonb_each_text(e.attributes) AS x),
                     e.price, e.url)
$$;

CREATE TABLE public.sessions (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    hash bytea NOT NULL,
    last4 text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    used_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT sessions_hash_check CHECK ((length(hash) = 32))
);

ALTER TABLE ONLY public.sessions FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.session_facts(s public.sessions) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', s.id, 'user', s.user_id, 'last4', s.last4, 'created_at', to_millis(s.created_at),
        'used_at', to_millis(s.used_at), 'expires_at', to_millis(s.expires_at), 'ended_at', to_millis(s.ended_at)))
$$;

CREATE FUNCTION public.set_roles(person uuid, names jsonb) RETURNS void
    LANGUAGE sql
    AS $$
    DELETE FROM user_roles AS u
    WHERE u.tenant_id = app_tenant() AND u.user_id = person
      AND NOT EXISTS (SELECT FROM roles AS r WHERE r.id = u.role_id AND names ? r.name);
    INSERT INTO user_roles (tenant_id, user_id, role_id)
    SELECT app_tenant(), person, r.id FROM roles AS r WHERE names ? r.name
    ON CONFLICT DO NOTHING;
$$;

CREATE FUNCTION public.setting_changes(was jsonb, is_now jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('part', k.key, 'change', 'changed', 'before', was -> k.key, 'after', k.value)
                              ORDER BY k.key), '[]')
    FROM jsonb_each(is_now) AS k WHERE k.value IS DISTINCT FROM was -> k.key
$$;

CREATE FUNCTION public.settle_call(turn uuid, number integer, its_attempt integer, usage jsonb, why text, moment timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    c model_calls;
    b budgets;
    was text;
BEGIN
    SELECT * INTO c FROM model_calls AS x
    WHERE x.tenant_id = app_tenant() AND x.turn_id = turn AND x.step = number AND x.status <> 'settled'
      AND (its_attempt IS NULL OR x.attempt = its_attempt)
    ORDER BY x.attempt DESC LIMIT 1 FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    was := c.status;
    UPDATE model_calls AS x
    SET status = 'settled', turn_id = kept_turn(x.turn_id), code = why, ended_at = moment,
        input_tokens = coalesce((usage ->> 'input_tokens')::bigint, 0),
        cached_tokens = coalesce((usage ->> 'cached_tokens')::bigint, 0),
        output_tokens = coalesce((usage ->> 'output_tokens')::bigint, 0),
        reported = coalesce((usage ->> 'reported')::boolean, false),
        cost = CASE WHEN x.free THEN 0
                    ELSE cost_of_tokens(x.input_price, x.cached_price, x.output_price, (usage ->> 'input_tokens')::bigint,
                                        coalesce((usage ->> 'cached_tokens')::bigint, 0),
                                        (usage ->> 'output_tokens')::bigint) END
    WHERE x.tenant_id = c.tenant_id AND x.turn_id = c.turn_id AND x.step = c.step AND x.attempt = c.attempt
    RETURNING * INTO c;
    PERFORM count_call(c, CASE was WHEN 'open' THEN -c.reserved ELSE 0 END, coalesce(c.cost, 0));
    FOR b IN SELECT * FROM budgets AS x WHERE x.tenant_id = c.tenant_id AND x.spent >= x.soft AND counts_in(x, c) LOOP
        PERFORM note_budget(b, 'soft', moment);
    END LOOP;
    RETURN true;
END $$;

CREATE FUNCTION public.shop_accounts() RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_object_agg(a.channel || ' ' || a.external_id,
                                     jsonb_build_object('name', a.name, 'endpoint', a.endpoint_id, 'key', e.key,
                                                        'retired', a.retired_at IS NOT NULL)), '{}')
    FROM accounts AS a LEFT JOIN endpoints AS e ON e.tenant_id = a.tenant_id AND e.id = a.endpoint_id
    WHERE a.tenant_id = app_tenant()
$$;

CREATE FUNCTION public.shop_products() RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_object_agg(
               e.sku, jsonb_build_array(e.name, e.description, e.price, e.currency, e.url, e.attributes)), '{}')
    FROM catalogue_entries AS e WHERE e.tenant_id = app_tenant()
$$;

CREATE FUNCTION public.shop_redacts() RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT t.redact FROM tenants AS t WHERE t.id = app_tenant()
$$;

CREATE FUNCTION public.shop_settings() RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object(
        'name', t.name, 'language', t.language, 'time_zone', t.time_zone, 'fallback_text', t.fallback_text,
        'keep_days', coalesce(t.keep_days::text, 'for ever'),
        'redact', coalesce((SELECT string_agg(k.kind, ', ' ORDER BY k.kind) FROM jsonb_array_elements_text(t.redact) AS k(kind)),
                           'nothing'))
    FROM tenants AS t WHERE t.id = app_tenant()
$$;

CREATE FUNCTION public.shown_alias(kind text, value text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE kind WHEN 'web_visitor' THEN left(encode(sha256(convert_to(value, 'UTF8')), 'hex'), 12) ELSE value END
$$;

CREATE FUNCTION public.silence_agent(conversation uuid, moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.sole_account(scope bigint) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    SELECT a.external_id FROM accounts AS a
    WHERE a.endpoint_id = scope AND sole_shop(scope) IS NOT NULL
      AND (SELECT count(*) FROM accounts AS x WHERE x.endpoint_id = scope AND x.retired_at IS NULL) <= 1
    ORDER BY a.retired_at DESC NULLS FIRST LIMIT 1
$$;

CREATE FUNCTION public.sole_shop(scope bigint) RETURNS bigint
    LANGUAGE sql STABLE
    AS $$
    SELECT CASE count(DISTINCT t.tenant_id) WHEN 1 THEN min(t.tenant_id) END
    FROM (SELECT e.tenant_id FROM endpoints AS e WHERE e.id = scope
          UNION ALL SELECT a.tenant_id FROM accounts AS a WHERE a.endpoint_id = scope
          UNION ALL SELECT f.tenant_id FROM former_endpoints AS f
                    WHERE f.endpoint_id = scope AND f.until > now()) AS t
$$;

CREATE FUNCTION public.stated_names(phone text, email text) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
    SELECT unnest(phone_names(phone)) UNION SELECT plain_email(email) WHERE plain_email(email) IS NOT NULL
$$;

CREATE FUNCTION public.store_echo(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.store_message(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
DECLARE
    tenant bigint := app_tenant();
    account uuid := (req ->> 'account')::uuid;
    retired boolean := coalesce((req ->> 'retired')::boolean, false);
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
    IF retired THEN
        PERFORM drop_message((req ->> 'message')::uuid, 'account retired', from_millis((req ->> 'appended')::bigint));
    END IF;
    UPDATE conversations AS x
    SET last_seq = c.last_seq + 1,
        handled_seq = CASE WHEN c.mode = 'human' THEN c.last_seq + 1 ELSE x.handled_seq END,
        address_kind = req #>> '{aliases,0,kind}', address_value = req #>> '{aliases,0,value}',
        updated_at = from_millis((req ->> 'appended')::bigint)
    WHERE x.tenant_id = tenant AND x.id = c.id;
    RETURN jsonb_build_object('conversation', c.id, 'message', req ->> 'message', 'seq', c.last_seq + 1,
                              'human', c.mode = 'human', 'retired', retired AND req ->> 'kind' = 'message');
END $$;

CREATE FUNCTION public.stored_message(m public.messages) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('conversation', m.conversation_id, 'message', m.id, 'seq', m.seq,
                              'human', m.turn_id IS NULL AND m.seq <= c.handled_seq,
                              'retired', EXISTS (SELECT FROM turns AS t
                                                 WHERE t.tenant_id = m.tenant_id AND t.id = m.turn_id
                                                   AND t.status = 'dropped' AND t.reason = 'account retired'))
    FROM conversations AS c WHERE c.tenant_id = m.tenant_id AND c.id = m.conversation_id
$$;

CREATE FUNCTION public.stored_turn(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    tenant bigint := app_tenant();
    t turns;
    c conversations;
    s steps;
    wanted integer;
    persona jsonb;
BEGIN
    SELECT * INTO t FROM turns AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'turn')::uuid;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    SELECT * INTO STRICT c FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = t.conversation_id;
    SELECT * INTO s FROM steps AS x WHERE x.tenant_id = tenant AND x.turn_id = t.id AND x.step = 0;
    wanted := coalesce((req ->> 'agent_version')::integer, s.agent_version);
    SELECT v.snapshot INTO persona FROM agent_versions AS v
    WHERE v.tenant_id = tenant AND v.agent_id = s.agent_id AND v.version = wanted;
    IF persona IS NULL THEN
        SELECT agent_snapshot(g) INTO persona FROM agents AS g
        WHERE g.tenant_id = tenant AND g.id = s.agent_id AND (req ->> 'agent_version' IS NULL OR g.version = wanted);
    END IF;
    IF persona IS NULL THEN
        RETURN 'null';
    END IF;
    RETURN jsonb_build_object(
        'state', 'live', 'epoch', t.epoch, 'agent', persona, 'agent_version', wanted,
        'shop', (SELECT x.name FROM tenants AS x WHERE x.id = tenant),
        'slug', (SELECT x.slug FROM tenants AS x WHERE x.id = tenant),
        'passages', coalesce(s.request -> 'passages', '[]'), 'redact', coalesce(s.request -> 'redact', shop_redacts()),
        'history', history_lines(t, coalesce((s.request ->> 'cutoff')::bigint, c.last_seq),
                                 ARRAY(SELECT jsonb_array_elements_text(s.request -> 'pending')::uuid)),
        'metadata', (SELECT jsonb_agg(m.metadata ORDER BY m.seq) FROM messages AS m
                     WHERE m.tenant_id = tenant AND m.turn_id = ANY (answered_turns(t.id)) AND m.direction = 'in'
                       AND m.metadata IS NOT NULL)::text,
        'channel', c.channel, 'conversation', c.id, 'created', to_millis(t.created_at),
        'steps', (SELECT jsonb_agg(x.response ORDER BY x.step) FROM steps AS x
                  WHERE x.tenant_id = tenant AND x.turn_id = t.id AND x.response IS NOT NULL),
        'tools', (SELECT coalesce(jsonb_agg(jsonb_build_object(
                             'tool', k.tool, 'arguments', k.arguments, 'result', k.result, 'status', k.status)
                             ORDER BY k.step, k.index), '[]')
                  FROM tool_calls AS k WHERE k.tenant_id = tenant AND k.turn_id = t.id));
END $$;

CREATE FUNCTION public.stored_unless_erased(stored jsonb, req jsonb) RETURNS jsonb
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF stored IS NULL OR has_erased() AND refuse_erased(req) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = 'the person was erased meanwhile';
    END IF;
    RETURN stored;
END $$;

CREATE FUNCTION public.story_events(tenant bigint, conversation uuid, ids uuid[], turn_ids uuid[], reply_ids uuid[], record_ids text[]) RETURNS TABLE(at timestamp with time zone, place timestamp with time zone, rank integer, tie bigint[], stage text, event text, facts jsonb)
    LANGUAGE sql STABLE
    AS $$
    SELECT m.at, m.at, 0, ARRAY[m.seq], '', 'message.sent', jsonb_build_object('message', m.id, 'author', m.author)
    FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (ids) AND m.at < m.appended_at
    UNION ALL
    SELECT m.appended_at, m.appended_at, 1, ARRAY[m.seq], 'ingress', 'message.received', jsonb_build_object(
        'message', m.id, 'event_id', m.event_id, 'kind', m.kind, 'type', m.type, 'author', m.author)
    FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (ids)
    UNION ALL
    SELECT NULL, m.appended_at, 2, ARRAY[m.seq], 'resolve', 'message.stored', jsonb_build_object(
        'message', m.id, 'seq', m.seq, 'human', m.turn_id IS NULL AND m.seq <= c.handled_seq AND m.kind = 'message')
    FROM messages AS m JOIN conversations AS c ON c.tenant_id = tenant AND c.id = conversation
    WHERE m.tenant_id = tenant AND m.id = ANY (ids)
    UNION ALL
    SELECT m.at, m.appended_at, 3, ARRAY[m.seq], 'resolve', 'human.wrote', jsonb_build_object('message', m.id, 'seq', m.seq)
    FROM (SELECT x.* FROM (SELECT x.id, x.seq, x.at, x.appended_at FROM messages AS x
                           WHERE x.tenant_id = tenant AND x.conversation_id = conversation AND x.author = 'human'
                             AND x.seq > (SELECT min(y.seq) FROM messages AS y WHERE y.tenant_id = tenant AND y.id = ANY (ids))
                           ORDER BY x.seq LIMIT 3) AS x) AS m
    UNION ALL
    SELECT t.created_at, t.created_at, 4, ARRAY[t.first_seq], 'buffer', 'turn.opened', jsonb_build_object(
        'turn', t.id, 'first_seq', t.first_seq, 'last_seq', t.last_seq, 'supersedes', t.supersedes, 'epoch', t.epoch,
        'messages', (SELECT count(*) FROM messages AS m
                     WHERE m.tenant_id = tenant AND m.turn_id = t.id AND m.direction = 'in'))
    FROM turns AS t WHERE t.tenant_id = tenant AND t.id = ANY (turn_ids)
    UNION ALL
    SELECT s.created_at, s.created_at, 5, ARRAY[s.step]::bigint[], 'retrieve', 'step.frozen', jsonb_build_object(
        'turn', s.turn_id, 'step', s.step, 'agent', a.name, 'version', s.agent_version, 'passages', s.about -> 'passages',
        'cutoff', s.about -> 'cutoff')
    FROM steps AS s LEFT JOIN agents AS a ON a.tenant_id = tenant AND a.id = s.agent_id
    WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids) AND s.agent_id IS NOT NULL
    UNION ALL
    SELECT s.answered_at, s.answered_at, 6, ARRAY[s.step]::bigint[], 'infer', 'step.answered', jsonb_build_object(
        'turn', s.turn_id, 'step', s.step, 'provider', s.about -> 'provider', 'model', s.about -> 'model',
        'in_vain', (SELECT string_agg(v.code, ', ') FROM jsonb_array_elements_text(s.about -> 'in_vain') AS v(code)),
        'finish_reason', s.about -> 'finish_reason',
        'input_tokens', s.about #> '{usage,input_tokens}', 'output_tokens', s.about #> '{usage,output_tokens}',
        'ms', to_millis(s.answered_at) - to_millis(s.created_at))
    FROM steps AS s WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids) AND s.answered_at IS NOT NULL
    UNION ALL
    SELECT k.started_at, k.started_at, 6, ARRAY[k.step, k.index]::bigint[], 'execute', 'tool.called', jsonb_build_object(
        'turn', k.turn_id, 'tool', k.tool, 'status', k.status, 'writes', k.writes,
        'ms', to_millis(k.ended_at) - to_millis(k.started_at))
    FROM tool_calls AS k WHERE k.tenant_id = tenant AND k.turn_id = ANY (turn_ids)
    UNION ALL
    SELECT t.closed_at, t.closed_at, 7, ARRAY[t.first_seq],
           CASE t.status WHEN 'superseded' THEN 'buffer' WHEN 'answered' THEN 'infer' ELSE '' END, 'turn.' || t.status,
           jsonb_build_object('turn', t.id, 'by', t.superseded_by, 'reason', t.reason, 'bubbles', (
               SELECT count(*) FROM replies AS r WHERE r.tenant_id = tenant AND r.turn_id = t.id))
    FROM turns AS t WHERE t.tenant_id = tenant AND t.id = ANY (turn_ids) AND t.status <> 'open'
    UNION ALL
    SELECT r.created_at, r.created_at, 8, ARRAY[r.order_seq, r.order_index],
           CASE WHEN r.turn_id IS NULL THEN 'gateway' ELSE 'infer' END, 'reply.made',
           jsonb_build_object('reply', r.id, 'index', r.index, 'author', r.author)
    FROM replies AS r WHERE r.tenant_id = tenant AND r.id = ANY (reply_ids)
    UNION ALL
    SELECT d.claimed_at, d.claimed_at, 9, ARRAY[r.order_seq, r.order_index, d.attempt], 'relay', 'reply.claimed',
           jsonb_build_object('reply', d.reply_id, 'attempt', d.attempt, 'by', d.claimed_by)
    FROM deliveries AS d JOIN replies AS r ON r.tenant_id = tenant AND r.id = d.reply_id
    WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids)
    UNION ALL
    SELECT d.at, d.at, 10, ARRAY[r.order_seq, r.order_index, d.attempt], 'relay', 'delivery.' || d.status, jsonb_build_object(
        'reply', d.reply_id, 'attempt', d.attempt, 'provider_id', d.provider_id, 'code', d.code, 'text', d.text,
        'ms', to_millis(d.at) - to_millis(d.claimed_at), 'until', to_millis(d.due_at))
    FROM deliveries AS d JOIN replies AS r ON r.tenant_id = tenant AND r.id = d.reply_id
    WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.status <> 'intent'
      AND (d.status <> 'failed' OR d.receipt IS DISTINCT FROM 'failed')
    UNION ALL
    SELECT d.receipt_at, d.receipt_at, 11, ARRAY[r.order_seq, r.order_index, d.attempt], 'settle',
           'receipt.' || d.receipt, jsonb_build_object('reply', d.reply_id, 'attempt', d.attempt, 'code', d.code, 'text', d.text)
    FROM deliveries AS d JOIN replies AS r ON r.tenant_id = tenant AND r.id = d.reply_id
    WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.receipt IS NOT NULL
    UNION ALL
    SELECT NULL, greatest(r.created_at, (SELECT max(d.at) FROM deliveries AS d
                                         WHERE d.tenant_id = tenant AND d.reply_id = r.id)), 12,
           ARRAY[r.order_seq, r.order_index], '', 'reply.' || r.status,
           jsonb_build_object('reply', r.id, 'index', r.index, 'reason', r.reason)
    FROM replies AS r WHERE r.tenant_id = tenant AND r.id = ANY (reply_ids) AND r.status IN ('dropped', 'failed')
    UNION ALL
    SELECT t.created_at, t.created_at, 13, ARRAY[t.life], 'wake', 'record.parked', jsonb_build_object(
        'topic', t.topic, 'until', to_millis(t.due_at), 'parks', t.parks, 'letter', t.letter, 'kept', t.kept)
    FROM timers_about(tenant, conversation, ids, turn_ids, reply_ids) AS t WHERE t.topic <> 'messages.received'
    UNION ALL
    SELECT x.at, x.at, x.rank, ARRAY[k.id], x.stage, x.event, x.facts
    FROM dead_letters AS k
    CROSS JOIN LATERAL (VALUES
        (k.at, 14, k.stage, 'record.dead', jsonb_build_object('letter', k.id, 'topic', k.topic, 'code', k.code, 'text', k.text,
                                                              'attempts', k.attempts)),
        (k.edited_at, 15, '', 'letter.edited', jsonb_build_object('letter', k.id, 'by', k.edited_by)),
        (CASE WHEN k.status <> 'dead' THEN k.status_at END, 16, '', 'letter.' || k.status,
         jsonb_build_object('letter', k.id, 'by', k.status_by, 'reason', k.reason))) AS x(at, rank, stage, event, facts)
    WHERE x.at IS NOT NULL
      AND (left(k.headers ->> 'ce_id', 200) = ANY (record_ids)
           OR md5(k.record_key) = md5(convert_to(format('%s:%s', tenant, conversation), 'UTF8')) AND k.tenant_id = tenant
              AND (k.about ->> 'message' = ANY (ids::text[]) OR k.about ->> 'turn' = ANY (turn_ids::text[])
                   OR k.about ->> 'reply' = ANY (reply_ids::text[])))
$$;

CREATE FUNCTION public.story_scope(req jsonb, OUT ids uuid[], OUT turn_ids uuid[], OUT replies_of uuid[]) RETURNS record
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    tenant bigint := (req ->> 'tenant')::bigint;
BEGIN
    IF req ? 'message' THEN
        ids := ARRAY[(req ->> 'message')::uuid];
        turn_ids := succeeding_turns(tenant, (SELECT m.turn_id FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ids[1]));
    ELSE
        turn_ids := ARRAY(SELECT t.id FROM turns AS t
                          WHERE t.tenant_id = tenant
                            AND t.id = coalesce((req ->> 'turn')::uuid,
                                                (SELECT r.turn_id FROM replies AS r
                                                 WHERE r.tenant_id = tenant AND r.id = (req ->> 'reply')::uuid)));
        ids := ARRAY(SELECT m.id FROM messages AS m
                     WHERE m.tenant_id = tenant AND m.turn_id = turn_ids[1] AND m.direction = 'in' ORDER BY m.seq LIMIT 50);
    END IF;
    replies_of := ARRAY(SELECT r.id FROM replies AS r
                        WHERE r.tenant_id = tenant AND (r.turn_id = ANY (turn_ids) OR r.id = (req ->> 'reply')::uuid));
END $$;

CREATE FUNCTION public.story_spans(tenant bigint, ids uuid[], turn_ids uuid[], reply_ids uuid[]) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    WITH spans AS (
        SELECT 'provider' AS name, 'm' || m.seq AS id, '' AS parent, m.at AS start, m.appended_at AS "end", 0 AS rank,
               ARRAY[m.seq] AS tie,
               'by the provider''s clock, until the log had it' AS note
        FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (ids) AND m.at < m.appended_at
        UNION ALL
        SELECT 'window', 'w' || m.seq, '', m.appended_at, t.created_at, 1, ARRAY[m.seq],
               'resolve, and the silence that buffer waits for'
        FROM messages AS m LEFT JOIN turns AS t ON t.tenant_id = tenant AND t.id = m.turn_id
        WHERE m.tenant_id = tenant AND m.id = ANY (ids)
        UNION ALL
        SELECT 'turn', t.id::text, '', t.created_at,
               CASE WHEN t.status = 'open' THEN NULL
                    ELSE greatest(t.closed_at, (SELECT max(greatest(d.at, d.receipt_at)) FROM replies AS r
                                                JOIN deliveries AS d ON d.tenant_id = tenant AND d.reply_id = r.id
                                                WHERE r.tenant_id = tenant AND r.turn_id = t.id)) END, 2,
               ARRAY[t.first_seq], t.status
        FROM turns AS t WHERE t.tenant_id = tenant AND t.id = ANY (turn_ids)
        UNION ALL
        SELECT 'retrieve', s.turn_id || '/' || s.step || 'r', s.turn_id::text, t.created_at, s.created_at, 3,
               ARRAY[s.step]::bigint[], ''
        FROM steps AS s JOIN turns AS t ON t.tenant_id = tenant AND t.id = s.turn_id
        WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids) AND s.step = 0 AND s.agent_id IS NOT NULL
        UNION ALL
        SELECT 'infer', s.turn_id || '/' || s.step, s.turn_id::text, s.created_at, coalesce(s.answered_at, t.closed_at), 4,
               ARRAY[s.step]::bigint[],
               concat_ws(' of ', nullif(s.about ->> 'model', ''), nullif(s.about ->> 'provider', ''))
               || coalesce(', others asked in vain (' || (SELECT string_agg(v.code, ', ') FROM jsonb_array_elements_text(
                                                              s.about -> 'in_vain') AS v(code)) || ')', '')
        FROM steps AS s JOIN turns AS t ON t.tenant_id = tenant AND t.id = s.turn_id
        WHERE s.tenant_id = tenant AND s.turn_id = ANY (turn_ids)
        UNION ALL
        SELECT 'tool ' || k.tool, k.id::text, k.turn_id || '/' || k.step, k.started_at, k.ended_at, 5,
               ARRAY[k.step, k.index]::bigint[], k.status
        FROM tool_calls AS k WHERE k.tenant_id = tenant AND k.turn_id = ANY (turn_ids)
        UNION ALL
        SELECT 'reply ' || r.index + 1, r.id::text, coalesce(r.turn_id::text, ''), r.created_at,
               CASE WHEN r.status <> 'pending'
                    THEN coalesce((SELECT max(greatest(d.at, d.receipt_at)) FROM deliveries AS d
                                   WHERE d.tenant_id = tenant AND d.reply_id = r.id), t.closed_at, r.created_at) END, 6,
               ARRAY[r.order_seq, r.order_index],
               r.status || CASE r.reason WHEN '' THEN '' ELSE ': ' || r.reason END
        FROM replies AS r LEFT JOIN turns AS t ON t.tenant_id = tenant AND t.id = r.turn_id
        WHERE r.tenant_id = tenant AND r.id = ANY (reply_ids)
        UNION ALL
        SELECT 'send ' || d.attempt, d.reply_id || '/' || d.attempt, d.reply_id::text, d.claimed_at,
               CASE WHEN d.status <> 'intent' AND (d.status <> 'failed' OR d.receipt IS DISTINCT FROM 'failed') THEN d.at END, 7,
               ARRAY[r.order_seq, r.order_index, d.attempt],
               d.status || CASE d.code WHEN '' THEN '' ELSE ': ' || d.code END
        FROM deliveries AS d JOIN replies AS r ON r.tenant_id = tenant AND r.id = d.reply_id
        WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.claimed_at IS NOT NULL
        UNION ALL
        SELECT 'receipt', d.reply_id || '/' || d.attempt || 'r', d.reply_id::text, least(d.at, d.receipt_at), d.receipt_at, 8,
               ARRAY[r.order_seq, r.order_index, d.attempt],
               d.receipt
        FROM deliveries AS d JOIN replies AS r ON r.tenant_id = tenant AND r.id = d.reply_id
        WHERE d.tenant_id = tenant AND d.reply_id = ANY (reply_ids) AND d.receipt IS NOT NULL
    )
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'name', s.name, 'id', s.id, 'parent', s.parent, 'start', to_millis(s.start), 'end', to_millis(s."end"), 'note', s.note))
        ORDER BY s.start, s.rank, s.tie, s.id), '[]')
    FROM spans AS s
$$;

CREATE FUNCTION public.succeeding_turns(tenant bigint, turn uuid) RETURNS uuid[]
    LANGUAGE sql STABLE
    AS $$
    WITH RECURSIVE chain AS (
        SELECT t.id, t.superseded_by, 0 AS place FROM turns AS t WHERE t.tenant_id = tenant AND t.id = turn
        UNION ALL
        SELECT t.id, t.superseded_by, c.place + 1 FROM chain AS c
        JOIN turns AS t ON t.tenant_id = tenant AND t.id = c.superseded_by
    )
    SELECT coalesce(array_agg(id ORDER BY place), '{}') FROM chain
$$;

CREATE FUNCTION public.takes_messages() RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    SELECT EXISTS (SELECT FROM accounts AS a WHERE a.tenant_id = app_tenant() AND a.retired_at IS NULL)
$$;

CREATE FUNCTION public.tenant_cost(since timestamp with time zone, until timestamp with time zone) RETURNS SETOF public.call_costs
    LANGUAGE sql STABLE
    AS $$
    SELECT c.currency, sum(c.cost)::bigint, count(*), sum(c.unpriced), sum(c.lost) FROM spent_calls AS c
    WHERE c.tenant_id = app_tenant() AND c.reserved_at >= since AND c.reserved_at < until GROUP BY c.currency
$$;

CREATE TABLE public.tenants (
    id bigint NOT NULL,
    slug text NOT NULL,
    name text NOT NULL,
    language text DEFAULT 'es'::text NOT NULL,
    synonyms jsonb DEFAULT '{}'::jsonb NOT NULL,
    fallback_text text DEFAULT 'Disculpá, en este momento no puedo responderte. Escribime de nuevo en un rato, por favor.'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    retired_at timestamp with time zone,
    redact jsonb DEFAULT '["card", "iban", "national_id", "email", "phone"]'::jsonb NOT NULL,
    cors_origins text[] DEFAULT '{}'::text[] NOT NULL,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    keep_days integer,
    leaving boolean DEFAULT false NOT NULL,
    CONSTRAINT tenants_keep_days_check CHECK (((keep_days >= 30) AND (keep_days <= 3650))),
    CONSTRAINT tenants_redact_check CHECK (((jsonb_typeof(redact) = 'array'::text) AND (redact <@ '["card", "iban", "national_id", "email", "phone"]'::jsonb))),
    CONSTRAINT tenants_slug_check CHECK ((slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'::text))
);

ALTER TABLE ONLY public.tenants FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.tenant_facts(t public.tenants) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT jsonb_build_object('id', t.id, 'slug', t.slug, 'name', t.name, 'language', t.language,
                              'cors_origins', to_jsonb(t.cors_origins), 'created_at', to_millis(t.created_at),
                              'time_zone', t.time_zone, 'fallback_text', t.fallback_text, 'redact', t.redact,
                              'keep_days', t.keep_days)
$$;

CREATE FUNCTION public.timers_about(tenant bigint, conversation uuid, message_ids uuid[], turn_ids uuid[], reply_ids uuid[]) RETURNS TABLE(topic text, due_at timestamp with time zone, parks integer, letter bigint, kept text, created_at timestamp with time zone, life bigint)
    LANGUAGE sql STABLE
    AS $_$
    SELECT t.topic, t.due_at, t.parks, t.letter, t.kept, t.created_at, t.life
    FROM timers AS t
    WHERE t.key = format('%s:%s', tenant, conversation) AND t.tenant_id = tenant
      AND (NOT t.about ?| ARRAY['message', 'turn', 'reply']
           OR t.about ->> 'message' = ANY (message_ids::text[]) OR t.about ->> 'turn' = ANY (turn_ids::text[])
           OR t.about ->> 'reply' = ANY (reply_ids::text[])
           OR EXISTS (
               SELECT FROM messages AS n
               WHERE n.tenant_id = tenant AND n.conversation_id = conversation
                 AND n.id = CASE WHEN t.about ->> 'message' ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                                 THEN (t.about ->> 'message')::uuid END
                 AND (n.turn_id = ANY (turn_ids)
                      OR n.turn_id IS NULL AND EXISTS (
                          SELECT FROM messages AS m
                          JOIN conversations AS c ON c.tenant_id = tenant AND c.id = m.conversation_id
                          WHERE m.tenant_id = tenant AND m.id = ANY (message_ids) AND m.turn_id IS NULL
                            AND m.kind = 'message' AND m.direction = 'in' AND m.seq > c.handled_seq AND m.seq < n.seq))))
$_$;

CREATE FUNCTION public.to_iso(moment timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN to_char((moment AT TIME ZONE 'UTC'::text), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'::text);

CREATE FUNCTION public.touch_row() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;

CREATE FUNCTION public.turn_context(turn uuid) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    tenant bigint := app_tenant();
    t turns;
    c conversations;
    shop tenants;
    words tsvector;
BEGIN
    SELECT * INTO STRICT t FROM turns AS x WHERE x.tenant_id = tenant AND x.id = turn;
    SELECT * INTO STRICT c FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = t.conversation_id;
    SELECT * INTO STRICT shop FROM tenants AS x WHERE x.id = tenant;
    SELECT to_tsvector('public.relevo_spanish', coalesce(string_agg(m.text, E'\n'), '')) INTO words
    FROM (SELECT x.text FROM messages AS x
          WHERE x.tenant_id = tenant AND x.turn_id = ANY (answered_turns(t.id)) AND x.direction = 'in'
          ORDER BY x.seq DESC LIMIT 100) AS m;
    RETURN jsonb_build_object(
        'closed', NOT is_open(agent_of(t, c) -> 'hours', shop.time_zone, t.created_at),
        'customer', (SELECT jsonb_strip_nulls(jsonb_build_object('name', nullif(k.name, ''), 'channel', c.channel))
                     FROM contacts AS k WHERE k.tenant_id = tenant AND k.id = c.contact_id),
        'synonyms', (SELECT coalesce(jsonb_object_agg(s.key, s.value), '{}')
                     FROM (SELECT e.key, e.value FROM jsonb_each(shop.synonyms) AS e
                           WHERE numnode(plainto_tsquery('public.relevo_spanish', e.key)) > 0
                             AND plainto_tsquery('public.relevo_spanish', e.key) @@ words
                           ORDER BY e.key LIMIT 20) AS s));
END $$;

CREATE FUNCTION public.turn_cost(turn uuid) RETURNS SETOF public.call_costs
    LANGUAGE sql STABLE
    AS $$
    SELECT c.currency, sum(c.cost)::bigint, count(*), sum(c.unpriced), sum(c.lost) FROM spent_calls AS c
    WHERE c.tenant_id = app_tenant() AND c.turn_id = turn GROUP BY c.currency
$$;

CREATE FUNCTION public.unmarked_of(people uuid[], conversation_ids uuid[], req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
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

CREATE FUNCTION public.unpriced_models(b public.budgets, moment timestamp with time zone) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('provider', m.provider, 'base_url', m.base_url, 'model', m.model)
                              ORDER BY m.provider, m.base_url, m.model), '[]')
    FROM (SELECT x.provider, rtrim(x.base_url, '/') AS base_url, x.model
          FROM (SELECT a.tenant_id, a.id, a.version, a.removed_at, a.provider, a.base_url, a.model FROM agents AS a
                UNION ALL
                SELECT a.tenant_id, a.id, a.version, a.removed_at, f ->> 'provider', coalesce(f ->> 'base_url', ''),
                       coalesce(f ->> 'model', '')
                FROM agents AS a, jsonb_array_elements(a.fallbacks) AS f) AS x
          WHERE b.hard IS NOT NULL AND x.tenant_id = b.tenant_id AND (b.agent_id IS NULL OR x.id = b.agent_id)
            AND x.version > 0 AND x.removed_at IS NULL
          GROUP BY 1, 2, 3) AS m
    LEFT JOIN LATERAL price_of(m.provider, m.base_url, m.model, moment) AS p ON true
    WHERE p.currency IS DISTINCT FROM b.currency
$$;

CREATE FUNCTION public.unstored_messages(letters bigint[], parked uuid[]) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
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

CREATE FUNCTION public.usage_lines(req jsonb) RETURNS TABLE(shop text, key text, cost jsonb, calls numeric, in_vain numeric, input numeric, cached numeric, output numeric, unpriced numeric, estimated numeric, lost numeric)
    LANGUAGE sql STABLE
    AS $$
    WITH parts AS (
        SELECT t.slug AS shop,
               CASE req ->> 'by'
                   WHEN 'agent' THEN coalesce(g.name, '')
                   WHEN 'agent_id' THEN c.agent_id::text
                   WHEN 'conversation' THEN c.conversation_id::text
                   WHEN 'turn' THEN c.turn_id::text
                   WHEN 'model' THEN concat_ws(' ', c.provider, nullif(c.model, ''), nullif(c.base_url, ''))
                   WHEN 'day' THEN (c.reserved_at AT TIME ZONE t.time_zone)::date::text
                   ELSE '' END AS key,
               c.currency, sum(c.cost) AS cost, count(*) AS calls, count(*) FILTER (WHERE c.code <> '') AS in_vain,
               sum(c.input_tokens) AS input, sum(c.cached_tokens) AS cached, sum(c.output_tokens) AS output,
               sum(c.unpriced) AS unpriced, sum(c.estimated) AS estimated, sum(c.lost) AS lost
        FROM (SELECT * FROM spent_calls AS x
              WHERE x.turn_id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'turns')::uuid))
              UNION ALL
              SELECT * FROM spent_calls AS x
              WHERE x.conversation_id = ANY (ARRAY(SELECT jsonb_array_elements_text(req -> 'conversations')::uuid))
              UNION ALL
              SELECT * FROM spent_calls AS x WHERE NOT req ?| ARRAY['turns', 'conversations']) AS c
        JOIN tenants AS t ON t.id = c.tenant_id
        LEFT JOIN agents AS g ON g.tenant_id = c.tenant_id AND g.id = c.agent_id
        WHERE (req ->> 'tenant' IS NULL OR t.slug = req ->> 'tenant')
          AND c.reserved_at >= coalesce(from_millis((req ->> 'since')::bigint), '-infinity')
          AND c.reserved_at < coalesce(from_millis((req ->> 'until')::bigint), 'infinity')
          AND (req ->> 'agent' IS NULL OR c.agent_id = (req ->> 'agent')::bigint)
        GROUP BY 1, 2, 3
    )
    SELECT p.shop, p.key, jsonb_object_agg(p.currency, p.cost), sum(p.calls), sum(p.in_vain), sum(p.input), sum(p.cached),
           sum(p.output), sum(p.unpriced), sum(p.estimated), sum(p.lost)
    FROM parts AS p GROUP BY p.shop, p.key
$$;

CREATE TABLE public.users (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    email text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    status text DEFAULT 'invited'::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT users_email_check CHECK (((email = lower(email)) AND (email ~~ '_%@_%'::text) AND (length(email) <= 320))),
    CONSTRAINT users_name_check CHECK ((length(name) <= 200)),
    CONSTRAINT users_status_check CHECK ((status = ANY (ARRAY['invited'::text, 'active'::text, 'disabled'::text])))
);

ALTER TABLE ONLY public.users FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.user_facts(u public.users) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
    SELECT jsonb_build_object('email', u.email, 'name', u.name, 'status', u.status, 'roles', role_names_of(u.id))
$$;

CREATE FUNCTION public.waiting_messages(c public.conversations, newest bigint) RETURNS SETOF public.messages
    LANGUAGE sql STABLE
    AS $$
    SELECT m.* FROM messages AS m
    WHERE m.tenant_id = c.tenant_id AND m.conversation_id = c.id AND m.turn_id IS NULL AND m.direction = 'in'
      AND m.kind = 'message' AND m.seq > c.handled_seq AND m.seq <= newest
$$;

CREATE FUNCTION public.wake_account_letters() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

CREATE FUNCTION public.with_spacing(req jsonb) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    tenant bigint := app_tenant();
    own record;
BEGIN
    SELECT c.channel, (agent_of(t, c) ->> 'spacing_ms')::integer AS spacing_ms INTO own
    FROM replies AS r
    JOIN conversations AS c ON c.tenant_id = tenant AND c.id = r.conversation_id
    LEFT JOIN turns AS t ON t.tenant_id = tenant AND t.id = r.turn_id
    WHERE r.tenant_id = tenant AND r.id = (req ->> 'reply')::uuid;
    IF own.spacing_ms IS NULL THEN
        RETURN req;
    END IF;
    RETURN req || jsonb_build_object('traits', coalesce(req -> 'traits', '{}') || jsonb_build_object(
        own.channel, coalesce(req #> ARRAY['traits', own.channel], '{"resend": false}')
                     || jsonb_build_object('spacing_ms', own.spacing_ms)));
END $$;

CREATE FUNCTION public.without_keys(items jsonb, tenant bigint, people uuid[]) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    AS $_$
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
END $_$;

CREATE TABLE public.tenant_keys (
    tenant_id bigint NOT NULL,
    version integer NOT NULL,
    master integer NOT NULL,
    wrapped bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tenant_keys_master_check CHECK ((master > 0)),
    CONSTRAINT tenant_keys_version_check CHECK ((version > 0))
);

ALTER TABLE ONLY public.tenant_keys FORCE ROW LEVEL SECURITY;

CREATE FUNCTION public.wrapped_key(k public.tenant_keys) RETURNS jsonb
    LANGUAGE sql IMMUTABLE
    AS $$
    SELECT CASE WHEN (k).version IS NOT NULL THEN
        jsonb_build_object('version', (k).version, 'master', (k).master, 'wrapped', encode((k).wrapped, 'hex')) END
$$;

CREATE FUNCTION public.written_at(about jsonb, came_in timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN LEAST(public.from_millis(((about ->> 'sent_at'::text))::bigint), came_in);

CREATE TEXT SEARCH CONFIGURATION public.relevo_spanish (
    PARSER = pg_catalog."default" );

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR asciiword WITH spanish_stem;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR word WITH public.unaccent, spanish_stem;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR numword WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR email WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR url WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR host WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR sfloat WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR version WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR hword_numpart WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR hword_part WITH public.unaccent, spanish_stem;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR hword_asciipart WITH spanish_stem;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR numhword WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR asciihword WITH spanish_stem;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR hword WITH public.unaccent, spanish_stem;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR url_path WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR file WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR "float" WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR "int" WITH simple;

ALTER TEXT SEARCH CONFIGURATION public.relevo_spanish
    ADD MAPPING FOR uint WITH simple;

CREATE TABLE public.agent_templates (
    name text NOT NULL,
    place integer NOT NULL,
    settings jsonb NOT NULL
);

CREATE TABLE public.agent_versions (
    tenant_id bigint NOT NULL,
    agent_id bigint NOT NULL,
    version integer NOT NULL,
    snapshot jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.agent_versions FORCE ROW LEVEL SECURITY;

ALTER TABLE public.agents ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.agents_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.aliases (
    tenant_id bigint NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    contact_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.aliases FORCE ROW LEVEL SECURITY;

CREATE TABLE public.answers (
    tenant_id bigint NOT NULL,
    turn_id uuid NOT NULL,
    step integer NOT NULL,
    bubbles integer NOT NULL,
    created_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.answers FORCE ROW LEVEL SECURITY;

CREATE TABLE public.api_requests (
    tenant_id bigint,
    caller text NOT NULL,
    key bytea NOT NULL,
    step integer NOT NULL,
    request bytea NOT NULL,
    result jsonb NOT NULL,
    made_at timestamp with time zone NOT NULL,
    about text GENERATED ALWAYS AS (COALESCE((result ->> 'contact'::text), (result ->> 'id'::text))) STORED,
    CONSTRAINT api_requests_key_check CHECK ((length(key) = 32)),
    CONSTRAINT api_requests_request_check CHECK ((length(request) = 32))
);

ALTER TABLE ONLY public.api_requests FORCE ROW LEVEL SECURITY;

CREATE TABLE public.archive (
    tenant_id bigint NOT NULL,
    account_id uuid NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    raw text NOT NULL,
    appended_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.archive FORCE ROW LEVEL SECURITY;

CREATE TABLE public.audit_log (
    tenant_id bigint,
    id bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor_name text NOT NULL,
    trace text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    before jsonb,
    after jsonb
);

ALTER TABLE ONLY public.audit_log FORCE ROW LEVEL SECURITY;

ALTER TABLE public.audit_log ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.audit_log_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.budget_events (
    tenant_id bigint NOT NULL,
    budget_id bigint NOT NULL,
    starts_at timestamp with time zone NOT NULL,
    kind text NOT NULL,
    at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    times bigint DEFAULT 1 NOT NULL,
    CONSTRAINT budget_events_kind_check CHECK ((kind = ANY (ARRAY['soft'::text, 'exhausted'::text, 'unpriced'::text])))
);

ALTER TABLE ONLY public.budget_events FORCE ROW LEVEL SECURITY;

ALTER TABLE public.budgets ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.budgets_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.chunks (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    searched text,
    tsv tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('public.relevo_spanish'::regconfig, title), 'A'::"char") || setweight(to_tsvector('public.relevo_spanish'::regconfig, COALESCE(searched, text)), 'B'::"char")) || setweight(to_tsvector('public.relevo_spanish'::regconfig,
CASE
    WHEN (searched IS NULL) THEN ''::text
    ELSE text
END), 'D'::"char"))) STORED NOT NULL
)
PARTITION BY HASH (tenant_id);

ALTER TABLE ONLY public.chunks FORCE ROW LEVEL SECURITY;

CREATE TABLE public.chunks_0 (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    searched text,
    tsv tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('public.relevo_spanish'::regconfig, title), 'A'::"char") || setweight(to_tsvector('public.relevo_spanish'::regconfig, COALESCE(searched, text)), 'B'::"char")) || setweight(to_tsvector('public.relevo_spanish'::regconfig,
CASE
    WHEN (searched IS NULL) THEN ''::text
    ELSE text
END), 'D'::"char"))) STORED NOT NULL
);

ALTER TABLE ONLY public.chunks_0 FORCE ROW LEVEL SECURITY;

CREATE TABLE public.chunks_1 (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    searched text,
    tsv tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('public.relevo_spanish'::regconfig, title), 'A'::"char") || setweight(to_tsvector('public.relevo_spanish'::regconfig, COALESCE(searched, text)), 'B'::"char")) || setweight(to_tsvector('public.relevo_spanish'::regconfig,
CASE
    WHEN (searched IS NULL) THEN ''::text
    ELSE text
END), 'D'::"char"))) STORED NOT NULL
);

ALTER TABLE ONLY public.chunks_1 FORCE ROW LEVEL SECURITY;

CREATE TABLE public.chunks_2 (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    searched text,
    tsv tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('public.relevo_spanish'::regconfig, title), 'A'::"char") || setweight(to_tsvector('public.relevo_spanish'::regconfig, COALESCE(searched, text)), 'B'::"char")) || setweight(to_tsvector('public.relevo_spanish'::regconfig,
CASE
    WHEN (searched IS NULL) THEN ''::text
    ELSE text
END), 'D'::"char"))) STORED NOT NULL
);

ALTER TABLE ONLY public.chunks_2 FORCE ROW LEVEL SECURITY;

CREATE TABLE public.chunks_3 (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    searched text,
    tsv tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('public.relevo_spanish'::regconfig, title), 'A'::"char") || setweight(to_tsvector('public.relevo_spanish'::regconfig, COALESCE(searched, text)), 'B'::"char")) || setweight(to_tsvector('public.relevo_spanish'::regconfig,
CASE
    WHEN (searched IS NULL) THEN ''::text
    ELSE text
END), 'D'::"char"))) STORED NOT NULL
);

ALTER TABLE ONLY public.chunks_3 FORCE ROW LEVEL SECURITY;

CREATE TABLE public.chunks_4 (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    searched text,
    tsv tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('public.relevo_spanish'::regconfig, title), 'A'::"char") || setweight(to_tsvector('public.relevo_spanish'::regconfig, COALESCE(searched, text)), 'B'::"char")) || setweight(to_tsvector('public.relevo_spanish'::regconfig,
CASE
    WHEN (searched IS NULL) THEN ''::text
    ELSE text
END), 'D'::"char"))) STORED NOT NULL
);

ALTER TABLE ONLY public.chunks_4 FORCE ROW LEVEL SECURITY;

CREATE TABLE public.chunks_5 (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    searched text,
    tsv tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('public.relevo_spanish'::regconfig, title), 'A'::"char") || setweight(to_tsvector('public.relevo_spanish'::regconfig, COALESCE(searched, text)), 'B'::"char")) || setweight(to_tsvector('public.relevo_spanish'::regconfig,
CASE
    WHEN (searched IS NULL) THEN ''::text
    ELSE text
END), 'D'::"char"))) STORED NOT NULL
);

ALTER TABLE ONLY public.chunks_5 FORCE ROW LEVEL SECURITY;

CREATE TABLE public.chunks_6 (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    searched text,
    tsv tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('public.relevo_spanish'::regconfig, title), 'A'::"char") || setweight(to_tsvector('public.relevo_spanish'::regconfig, COALESCE(searched, text)), 'B'::"char")) || setweight(to_tsvector('public.relevo_spanish'::regconfig,
CASE
    WHEN (searched IS NULL) THEN ''::text
    ELSE text
END), 'D'::"char"))) STORED NOT NULL
);

ALTER TABLE ONLY public.chunks_6 FORCE ROW LEVEL SECURITY;

CREATE TABLE public.chunks_7 (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    searched text,
    tsv tsvector GENERATED ALWAYS AS (((setweight(to_tsvector('public.relevo_spanish'::regconfig, title), 'A'::"char") || setweight(to_tsvector('public.relevo_spanish'::regconfig, COALESCE(searched, text)), 'B'::"char")) || setweight(to_tsvector('public.relevo_spanish'::regconfig,
CASE
    WHEN (searched IS NULL) THEN ''::text
    ELSE text
END), 'D'::"char"))) STORED NOT NULL
);

ALTER TABLE ONLY public.chunks_7 FORCE ROW LEVEL SECURITY;

CREATE TABLE public.contact_names (
    tenant_id bigint NOT NULL,
    value text NOT NULL,
    contact_id uuid NOT NULL
);

ALTER TABLE ONLY public.contact_names FORCE ROW LEVEL SECURITY;

CREATE TABLE public.credentials (
    tenant_id bigint NOT NULL,
    category text NOT NULL,
    name text NOT NULL,
    sealed bytea NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    key_version integer,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.credentials FORCE ROW LEVEL SECURITY;

CREATE VIEW public.credit_usage WITH (security_invoker='true') AS
 SELECT c.tenant_id,
    c.turn_id,
    c.step,
    c.attempt,
    c.conversation_id,
    c.agent_id,
    c.provider,
    c.model,
    c.status,
    c.input_tokens,
    c.cached_tokens,
    c.output_tokens,
    c.cost AS credits,
    c.currency,
    c.reserved_at AS created_at,
    c.ended_at
   FROM public.model_calls c;

ALTER TABLE public.dead_letters ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dead_letters_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.endpoints (
    id bigint NOT NULL,
    tenant_id bigint NOT NULL,
    channel text NOT NULL,
    key text NOT NULL,
    name text DEFAULT ''::text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT endpoints_key_check CHECK ((length(key) >= 16))
);

ALTER TABLE ONLY public.endpoints FORCE ROW LEVEL SECURITY;

ALTER TABLE public.endpoints ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.endpoints_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.erased_aliases (
    tenant_id bigint NOT NULL,
    mark text NOT NULL,
    erasure_id uuid NOT NULL,
    erased_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.erased_aliases FORCE ROW LEVEL SECURITY;

CREATE TABLE public.erased_events (
    tenant_id bigint NOT NULL,
    mark text NOT NULL,
    noted_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.erased_events FORCE ROW LEVEL SECURITY;

CREATE TABLE public.erased_messages (
    tenant_id bigint NOT NULL,
    hour timestamp with time zone NOT NULL,
    ended text NOT NULL,
    reason text NOT NULL,
    count bigint NOT NULL
);

ALTER TABLE ONLY public.erased_messages FORCE ROW LEVEL SECURITY;

CREATE TABLE public.erasures (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    erased_at timestamp with time zone NOT NULL,
    erased_by text NOT NULL,
    done_at timestamp with time zone,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL
);

ALTER TABLE ONLY public.erasures FORCE ROW LEVEL SECURITY;

CREATE TABLE public.former_endpoints (
    tenant_id bigint NOT NULL,
    account_id uuid NOT NULL,
    endpoint_id bigint NOT NULL,
    until timestamp with time zone NOT NULL
);

ALTER TABLE ONLY public.former_endpoints FORCE ROW LEVEL SECURITY;

CREATE TABLE public.installation (
    only_row boolean DEFAULT true NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    CONSTRAINT installation_only_row_check CHECK (only_row)
);

CREATE VIEW public.interaction_history WITH (security_invoker='true') AS
 SELECT m.tenant_id,
    m.id,
    m.conversation_id,
    c.contact_id,
    m.turn_id,
    m.seq,
    m.direction,
    m.author,
    m.type,
    m.text,
    m.metadata,
    m.at AS created_at
   FROM (public.messages m
     JOIN public.conversations c ON (((c.tenant_id = m.tenant_id) AND (c.id = m.conversation_id))));

CREATE TABLE public.meta_accounts (
    tenant_id bigint NOT NULL,
    account_id uuid NOT NULL,
    connection_id uuid NOT NULL,
    owner text NOT NULL,
    step text DEFAULT 'claimed'::text NOT NULL,
    code text DEFAULT ''::text NOT NULL,
    detail text DEFAULT ''::text NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    CONSTRAINT meta_accounts_step_check CHECK ((step = ANY (ARRAY['claimed'::text, 'subscribed'::text, 'ready'::text])))
);

ALTER TABLE ONLY public.meta_accounts FORCE ROW LEVEL SECURITY;

CREATE TABLE public.opportunity_recommendations (
    tenant_id bigint NOT NULL,
    opportunity_id uuid NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    justification text NOT NULL,
    rank integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT opportunity_recommendations_justification_check CHECK ((length(justification) <= 1000)),
    CONSTRAINT opportunity_recommendations_rank_check CHECK ((rank > 0))
);

ALTER TABLE ONLY public.opportunity_recommendations FORCE ROW LEVEL SECURITY;

CREATE TABLE public.pauses (
    stage text NOT NULL,
    tenant_id bigint,
    paused_by text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.pauses FORCE ROW LEVEL SECURITY;

CREATE TABLE public.platform_operators (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    active boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.predefined_answers (
    tenant_id bigint NOT NULL,
    question_hash bytea NOT NULL,
    question text NOT NULL,
    answer jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT predefined_answers_answer_check CHECK ((jsonb_typeof(answer) = 'object'::text)),
    CONSTRAINT predefined_answers_question_check CHECK ((length(question) <= 4000)),
    CONSTRAINT predefined_answers_question_hash_check CHECK ((length(question_hash) = 32))
);

ALTER TABLE ONLY public.predefined_answers FORCE ROW LEVEL SECURITY;

CREATE VIEW public.profiles WITH (security_invoker='true') AS
 SELECT u.tenant_id,
    u.id,
    u.email,
    u.name AS full_name,
    u.status,
    public.role_names_of(u.id) AS roles,
    u.created_at,
    u.updated_at
   FROM public.users u;

CREATE TABLE public.roles (
    tenant_id bigint,
    id bigint NOT NULL,
    name text NOT NULL,
    permissions jsonb NOT NULL,
    CONSTRAINT roles_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT roles_permissions_check CHECK ((jsonb_typeof(permissions) = 'object'::text))
);

ALTER TABLE ONLY public.roles FORCE ROW LEVEL SECURITY;

ALTER TABLE public.roles ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.roles_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE public.scratch (
    only_row boolean DEFAULT true NOT NULL
);

CREATE TABLE public.sign_in_attempts (
    id uuid NOT NULL,
    key bytea NOT NULL,
    counts_until timestamp with time zone NOT NULL,
    CONSTRAINT sign_in_attempts_key_check CHECK ((length(key) = 32))
);

CREATE TABLE public.sources (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.sources FORCE ROW LEVEL SECURITY;

CREATE VIEW public.spent_calls WITH (security_invoker='true') AS
 SELECT c.tenant_id,
    c.turn_id,
    c.conversation_id,
    c.agent_id,
    c.provider,
    c.base_url,
    c.model,
    c.reserved_at,
    c.code,
    COALESCE(c.input_tokens, (0)::bigint) AS input_tokens,
    COALESCE(c.cached_tokens, (0)::bigint) AS cached_tokens,
    COALESCE(c.output_tokens, (0)::bigint) AS output_tokens,
    COALESCE(c.currency, ''::text) AS currency,
    COALESCE(c.cost, (0)::bigint) AS cost,
    (((c.status = 'settled'::text) AND (c.cost IS NULL)))::integer AS unpriced,
    (((c.status = 'settled'::text) AND (NOT c.reported) AND (NOT c.free)))::integer AS estimated,
        CASE
            WHEN c.free THEN 0
            ELSE (((c.status = 'released'::text))::integer + c.cut_off)
        END AS lost
   FROM public.model_calls c;

CREATE TABLE public.steps (
    tenant_id bigint NOT NULL,
    turn_id uuid NOT NULL,
    step integer NOT NULL,
    agent_id bigint,
    agent_version integer,
    request jsonb,
    response jsonb,
    created_at timestamp with time zone NOT NULL,
    answered_at timestamp with time zone,
    about jsonb GENERATED ALWAYS AS (public.about_step(request, response)) STORED,
    CONSTRAINT steps_step_check CHECK ((step >= 0))
);

ALTER TABLE ONLY public.steps FORCE ROW LEVEL SECURITY;

CREATE TABLE public.subscriptions (
    tenant_id bigint NOT NULL,
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    plan text NOT NULL,
    status text NOT NULL,
    external_id text,
    starts_at timestamp with time zone DEFAULT now() NOT NULL,
    ends_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT subscriptions_check CHECK ((ends_at > starts_at)),
    CONSTRAINT subscriptions_external_id_check CHECK ((length(external_id) <= 200)),
    CONSTRAINT subscriptions_plan_check CHECK ((length(plan) <= 100)),
    CONSTRAINT subscriptions_status_check CHECK ((status = ANY (ARRAY['trialing'::text, 'active'::text, 'past_due'::text, 'ended'::text])))
);

ALTER TABLE ONLY public.subscriptions FORCE ROW LEVEL SECURITY;

CREATE TABLE public.sweeps (
    only_row boolean DEFAULT true NOT NULL,
    next_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT sweeps_only_row_check CHECK (only_row)
);

ALTER TABLE public.tenants ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.tenants_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.timers (
    id uuid NOT NULL,
    tenant_id bigint,
    due_at timestamp with time zone NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    headers jsonb NOT NULL,
    parks integer DEFAULT 1 NOT NULL,
    leased_until timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    life bigint NOT NULL,
    letter bigint,
    after uuid,
    line text,
    kept text,
    about jsonb GENERATED ALWAYS AS (public.about_text(value)) STORED
);

ALTER TABLE ONLY public.timers FORCE ROW LEVEL SECURITY;

ALTER TABLE public.timers ALTER COLUMN life ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.timers_life_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.tool_calls (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    turn_id uuid NOT NULL,
    step integer NOT NULL,
    index integer NOT NULL,
    tool text NOT NULL,
    writes boolean NOT NULL,
    status text NOT NULL,
    arguments jsonb NOT NULL,
    result jsonb,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    CONSTRAINT tool_calls_status_check CHECK ((status = ANY (ARRAY['started'::text, 'done'::text, 'failed'::text, 'unknown'::text])))
);

ALTER TABLE ONLY public.tool_calls FORCE ROW LEVEL SECURITY;

CREATE TABLE public.user_identities (
    tenant_id bigint NOT NULL,
    user_id uuid NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY public.user_identities FORCE ROW LEVEL SECURITY;

CREATE TABLE public.user_passwords (
    tenant_id bigint NOT NULL,
    user_id uuid NOT NULL,
    email text NOT NULL,
    hash text NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    vouched boolean DEFAULT true NOT NULL
);

ALTER TABLE ONLY public.user_passwords FORCE ROW LEVEL SECURITY;

CREATE TABLE public.user_roles (
    tenant_id bigint NOT NULL,
    user_id uuid NOT NULL,
    role_id bigint NOT NULL
);

ALTER TABLE ONLY public.user_roles FORCE ROW LEVEL SECURITY;

CREATE TABLE public.user_tickets (
    tenant_id bigint NOT NULL,
    user_id uuid NOT NULL,
    hash bytea NOT NULL,
    bound jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    vouched boolean DEFAULT true NOT NULL,
    drawn_by uuid,
    CONSTRAINT user_tickets_hash_check CHECK ((length(hash) = 32))
);

ALTER TABLE ONLY public.user_tickets FORCE ROW LEVEL SECURITY;

CREATE TABLE public.vault (
    only_row boolean DEFAULT true NOT NULL,
    master integer DEFAULT 1 NOT NULL,
    changes bigint DEFAULT 0 NOT NULL,
    CONSTRAINT vault_only_row_check CHECK (only_row)
);

CREATE VIEW public.voice_interactions WITH (security_invoker='true') AS
 SELECT h.tenant_id,
    h.id,
    h.conversation_id,
    h.contact_id,
    h.turn_id,
    h.direction,
    h.author,
    h.text,
    h.metadata,
    h.created_at
   FROM public.interaction_history h
  WHERE (h.type = ANY (ARRAY['audio'::text, 'voice'::text]));

ALTER TABLE ONLY public.chunks ATTACH PARTITION public.chunks_0 FOR VALUES WITH (modulus 8, remainder 0);

ALTER TABLE ONLY public.chunks ATTACH PARTITION public.chunks_1 FOR VALUES WITH (modulus 8, remainder 1);

ALTER TABLE ONLY public.chunks ATTACH PARTITION public.chunks_2 FOR VALUES WITH (modulus 8, remainder 2);

ALTER TABLE ONLY public.chunks ATTACH PARTITION public.chunks_3 FOR VALUES WITH (modulus 8, remainder 3);

ALTER TABLE ONLY public.chunks ATTACH PARTITION public.chunks_4 FOR VALUES WITH (modulus 8, remainder 4);

ALTER TABLE ONLY public.chunks ATTACH PARTITION public.chunks_5 FOR VALUES WITH (modulus 8, remainder 5);

ALTER TABLE ONLY public.chunks ATTACH PARTITION public.chunks_6 FOR VALUES WITH (modulus 8, remainder 6);

ALTER TABLE ONLY public.chunks ATTACH PARTITION public.chunks_7 FOR VALUES WITH (modulus 8, remainder 7);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.agent_templates
    ADD CONSTRAINT agent_templates_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.agent_templates
    ADD CONSTRAINT agent_templates_place_key UNIQUE (place);

ALTER TABLE ONLY public.agent_versions
    ADD CONSTRAINT agent_versions_pkey PRIMARY KEY (tenant_id, agent_id, version);

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_tenant_id_name_key UNIQUE (tenant_id, name);

ALTER TABLE ONLY public.aliases
    ADD CONSTRAINT aliases_pkey PRIMARY KEY (value, kind, tenant_id);

ALTER TABLE ONLY public.answers
    ADD CONSTRAINT answers_pkey PRIMARY KEY (turn_id, tenant_id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.api_requests
    ADD CONSTRAINT api_requests_key_caller_step_tenant_id_key UNIQUE NULLS NOT DISTINCT (key, caller, step, tenant_id);

ALTER TABLE ONLY public.archive
    ADD CONSTRAINT archive_pkey PRIMARY KEY (event_id, account_id, tenant_id);

ALTER TABLE ONLY public.audit_log
    ADD CONSTRAINT audit_log_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.budget_events
    ADD CONSTRAINT budget_events_pkey PRIMARY KEY (budget_id, starts_at, kind, tenant_id);

ALTER TABLE ONLY public.budgets
    ADD CONSTRAINT budgets_agent_id_period_tenant_id_key UNIQUE NULLS NOT DISTINCT (agent_id, period, tenant_id);

ALTER TABLE ONLY public.budgets
    ADD CONSTRAINT budgets_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.catalogue_entries
    ADD CONSTRAINT catalogue_entries_pkey PRIMARY KEY (tenant_id, sku);

ALTER TABLE ONLY public.chunks
    ADD CONSTRAINT chunks_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.chunks_0
    ADD CONSTRAINT chunks_0_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.chunks_1
    ADD CONSTRAINT chunks_1_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.chunks_2
    ADD CONSTRAINT chunks_2_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.chunks_3
    ADD CONSTRAINT chunks_3_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.chunks_4
    ADD CONSTRAINT chunks_4_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.chunks_5
    ADD CONSTRAINT chunks_5_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.chunks_6
    ADD CONSTRAINT chunks_6_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.chunks_7
    ADD CONSTRAINT chunks_7_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.companies
    ADD CONSTRAINT companies_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.contact_names
    ADD CONSTRAINT contact_names_pkey PRIMARY KEY (value, contact_id, tenant_id);

ALTER TABLE ONLY public.contacts
    ADD CONSTRAINT contacts_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_contact_id_account_id_tenant_id_key UNIQUE (contact_id, account_id, tenant_id);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_pkey PRIMARY KEY (tenant_id, category, name);

ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_stage_topic_partition_record_offset_key UNIQUE (stage, topic, partition, record_offset);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (reply_id, attempt, tenant_id);

ALTER TABLE ONLY public.divisions
    ADD CONSTRAINT divisions_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_key_key UNIQUE (key);

ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.erased_aliases
    ADD CONSTRAINT erased_aliases_pkey PRIMARY KEY (mark, tenant_id);

ALTER TABLE ONLY public.erased_events
    ADD CONSTRAINT erased_events_pkey PRIMARY KEY (mark, tenant_id);

ALTER TABLE ONLY public.erased_messages
    ADD CONSTRAINT erased_messages_pkey PRIMARY KEY (tenant_id, hour, ended, reason);

ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.former_endpoints
    ADD CONSTRAINT former_endpoints_pkey PRIMARY KEY (account_id, endpoint_id, tenant_id);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_conversation_id_seq_tenant_id_key UNIQUE (conversation_id, seq, tenant_id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_event_id_account_id_tenant_id_key UNIQUE (event_id, account_id, tenant_id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.meta_accounts
    ADD CONSTRAINT meta_accounts_pkey PRIMARY KEY (account_id, tenant_id);

ALTER TABLE ONLY public.meta_connections
    ADD CONSTRAINT meta_connections_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.model_calls
    ADD CONSTRAINT model_calls_pkey PRIMARY KEY (turn_id, step, attempt, tenant_id);

ALTER TABLE ONLY public.opportunities
    ADD CONSTRAINT opportunities_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.opportunity_recommendations
    ADD CONSTRAINT opportunity_recommendations_pkey PRIMARY KEY (opportunity_id, sku, tenant_id);

ALTER TABLE ONLY public.pauses
    ADD CONSTRAINT pauses_stage_tenant_id_key UNIQUE NULLS NOT DISTINCT (stage, tenant_id);

ALTER TABLE ONLY public.personal_tables
    ADD CONSTRAINT personal_tables_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.personal_tables
    ADD CONSTRAINT personal_tables_place_key UNIQUE (place);

ALTER TABLE ONLY public.platform_operators
    ADD CONSTRAINT platform_operators_issuer_subject_key UNIQUE (issuer, subject);

ALTER TABLE ONLY public.platform_operators
    ADD CONSTRAINT platform_operators_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.predefined_answers
    ADD CONSTRAINT predefined_answers_pkey PRIMARY KEY (question_hash, tenant_id);

ALTER TABLE ONLY public.prices
    ADD CONSTRAINT prices_pkey PRIMARY KEY (provider, base_url, model, valid_from);

ALTER TABLE ONLY public.replies
    ADD CONSTRAINT replies_conversation_id_order_seq_order_index_tenant_id_key UNIQUE (conversation_id, order_seq, order_index, tenant_id);

ALTER TABLE ONLY public.replies
    ADD CONSTRAINT replies_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.roles
    ADD CONSTRAINT roles_name_tenant_id_key UNIQUE NULLS NOT DISTINCT (name, tenant_id);

ALTER TABLE ONLY public.roles
    ADD CONSTRAINT roles_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.sign_in_attempts
    ADD CONSTRAINT sign_in_attempts_pkey PRIMARY KEY (id, key);

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_pkey PRIMARY KEY (tenant_id, id);

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_tenant_id_kind_name_key UNIQUE (tenant_id, kind, name);

ALTER TABLE ONLY public.steps
    ADD CONSTRAINT steps_pkey PRIMARY KEY (turn_id, step, tenant_id);

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.sweeps
    ADD CONSTRAINT sweeps_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY public.tenant_keys
    ADD CONSTRAINT tenant_keys_pkey PRIMARY KEY (tenant_id, version);

ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_slug_key UNIQUE (slug);

ALTER TABLE ONLY public.timers
    ADD CONSTRAINT timers_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.tool_calls
    ADD CONSTRAINT tool_calls_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.tool_calls
    ADD CONSTRAINT tool_calls_turn_id_step_index_tenant_id_key UNIQUE (turn_id, step, index, tenant_id);

ALTER TABLE ONLY public.turns
    ADD CONSTRAINT turns_conversation_id_last_seq_tenant_id_key UNIQUE (conversation_id, last_seq, tenant_id);

ALTER TABLE ONLY public.turns
    ADD CONSTRAINT turns_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.user_identities
    ADD CONSTRAINT user_identities_pkey PRIMARY KEY (issuer, subject);

ALTER TABLE ONLY public.user_passwords
    ADD CONSTRAINT user_passwords_email_key UNIQUE (email);

ALTER TABLE ONLY public.user_passwords
    ADD CONSTRAINT user_passwords_pkey PRIMARY KEY (user_id, tenant_id);

ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_pkey PRIMARY KEY (user_id, role_id, tenant_id);

ALTER TABLE ONLY public.user_tickets
    ADD CONSTRAINT user_tickets_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.user_tickets
    ADD CONSTRAINT user_tickets_pkey PRIMARY KEY (user_id, tenant_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_tenant_id_key UNIQUE (email, tenant_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_id_email_tenant_id_key UNIQUE (id, email, tenant_id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_id_key UNIQUE (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id, tenant_id);

ALTER TABLE ONLY public.vault
    ADD CONSTRAINT vault_pkey PRIMARY KEY (only_row);

CREATE INDEX accounts_endpoint_id_idx ON public.accounts USING btree (endpoint_id);

CREATE UNIQUE INDEX accounts_live ON public.accounts USING btree (channel, external_id) WHERE (retired_at IS NULL);

CREATE INDEX accounts_of_name ON public.accounts USING btree (channel, external_id);

CREATE INDEX aliases_contact_id_tenant_id_idx ON public.aliases USING btree (contact_id, tenant_id);

CREATE INDEX api_keys_of_tenant ON public.api_keys USING btree (tenant_id, created_at);

CREATE INDEX api_requests_about ON public.api_requests USING btree (about, tenant_id) WHERE (about IS NOT NULL);

CREATE INDEX api_requests_over ON public.api_requests USING btree (made_at);

CREATE INDEX archive_appended ON public.archive USING btree (appended_at);

CREATE INDEX archive_of_account ON public.archive USING btree (account_id, appended_at DESC, tenant_id);

CREATE INDEX audit_log_of_subject ON public.audit_log USING btree (COALESCE(tenant_id, (0)::bigint), subject, id);

CREATE INDEX audit_log_of_tenant ON public.audit_log USING btree (COALESCE(tenant_id, (0)::bigint), id);

CREATE INDEX chunks_of_source ON ONLY public.chunks USING btree (tenant_id, source_id);

CREATE INDEX chunks_0_tenant_id_source_id_idx ON public.chunks_0 USING btree (tenant_id, source_id);

CREATE INDEX chunks_1_tenant_id_source_id_idx ON public.chunks_1 USING btree (tenant_id, source_id);

CREATE INDEX chunks_2_tenant_id_source_id_idx ON public.chunks_2 USING btree (tenant_id, source_id);

CREATE INDEX chunks_3_tenant_id_source_id_idx ON public.chunks_3 USING btree (tenant_id, source_id);

CREATE INDEX chunks_4_tenant_id_source_id_idx ON public.chunks_4 USING btree (tenant_id, source_id);

CREATE INDEX chunks_5_tenant_id_source_id_idx ON public.chunks_5 USING btree (tenant_id, source_id);

CREATE INDEX chunks_6_tenant_id_source_id_idx ON public.chunks_6 USING btree (tenant_id, source_id);

CREATE INDEX chunks_7_tenant_id_source_id_idx ON public.chunks_7 USING btree (tenant_id, source_id);

CREATE INDEX companies_listed ON public.companies USING btree (tenant_id, id) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX companies_of_crm ON public.companies USING btree (crm_company_id, tenant_id) WHERE (deleted_at IS NULL);

CREATE INDEX contact_names_of_contact ON public.contact_names USING btree (tenant_id, contact_id);

CREATE INDEX contacts_deleted ON public.contacts USING btree (id, tenant_id) WHERE (deleted_at IS NOT NULL);

CREATE INDEX contacts_listed ON public.contacts USING btree (tenant_id, id) WHERE (deleted_at IS NULL);

CREATE UNIQUE INDEX contacts_of_crm ON public.contacts USING btree (crm_contact_id, tenant_id) WHERE ((deleted_at IS NULL) AND (crm_contact_id IS NOT NULL));

CREATE INDEX contacts_of_division ON public.contacts USING btree (division_id, tenant_id) WHERE (division_id IS NOT NULL);

CREATE INDEX conversations_in_chatwoot ON public.conversations USING btree (external_chatwoot_id, external_account_id, tenant_id) WHERE (external_chatwoot_id IS NOT NULL);

CREATE INDEX conversations_newest ON public.conversations USING btree (channel, mode, tenant_id, active_minute, id);

CREATE INDEX dead_letters_archived ON public.dead_letters USING btree (id) WHERE ((about ->> 'kind'::text) = 'archived'::text);

CREATE INDEX dead_letters_at_idx ON public.dead_letters USING btree (at);

CREATE INDEX dead_letters_of_account ON public.dead_letters USING btree (wants, topic, partition, record_offset, id) WHERE ((wants IS NOT NULL) AND (status = 'dead'::text));

CREATE INDEX dead_letters_of_contact ON public.dead_letters USING btree (((about ->> 'contact'::text))) WHERE (about ? 'contact'::text);

CREATE INDEX dead_letters_of_event ON public.dead_letters USING btree (((about ->> 'event_id'::text))) WHERE (about ? 'event_id'::text);

CREATE INDEX dead_letters_of_key ON public.dead_letters USING btree (md5(record_key), topic);

CREATE INDEX dead_letters_of_record ON public.dead_letters USING btree ("left"((headers ->> 'ce_id'::text), 200));

CREATE INDEX dead_letters_of_stage ON public.dead_letters USING btree (stage) WHERE (status = 'dead'::text);

CREATE INDEX dead_letters_open ON public.dead_letters USING btree (id) WHERE (status = 'dead'::text);

CREATE INDEX dead_letters_with_key ON public.dead_letters USING hash (record_key);

CREATE INDEX deliveries_by_provider ON public.deliveries USING btree (provider_id, account_id, tenant_id) WHERE (provider_id <> ''::text);

CREATE INDEX deliveries_unknown ON public.deliveries USING btree (at) WHERE (status = 'unknown'::text);

CREATE INDEX divisions_listed ON public.divisions USING btree (tenant_id, id) WHERE (deleted_at IS NULL);

CREATE INDEX divisions_of_company ON public.divisions USING btree (company_id, tenant_id);

CREATE UNIQUE INDEX divisions_of_crm ON public.divisions USING btree (crm_division_id, tenant_id) WHERE (deleted_at IS NULL);

CREATE INDEX endpoints_tenant_id_channel_idx ON public.endpoints USING btree (tenant_id, channel);

CREATE INDEX erased_events_noted ON public.erased_events USING btree (noted_at);

CREATE INDEX former_endpoints_endpoint_id_idx ON public.former_endpoints USING btree (endpoint_id);

CREATE INDEX messages_of_turn ON public.messages USING btree (turn_id, tenant_id) WHERE (turn_id IS NOT NULL);

CREATE INDEX messages_unclaimed ON public.messages USING btree (conversation_id, seq, tenant_id) WHERE ((turn_id IS NULL) AND (direction = 'in'::text) AND (kind = 'message'::text));

CREATE INDEX meta_accounts_of_connection ON public.meta_accounts USING btree (connection_id, tenant_id);

CREATE INDEX meta_connections_due ON public.meta_connections USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE UNIQUE INDEX meta_connections_live ON public.meta_connections USING btree (kind, tenant_id) WHERE (status = 'connected'::text);

CREATE INDEX meta_connections_of_tenant ON public.meta_connections USING btree (tenant_id);

CREATE INDEX model_calls_by_conversation ON public.model_calls USING btree (tenant_id, conversation_id, reserved_at) WHERE (reserved_at IS NOT NULL);

CREATE INDEX model_calls_by_turn ON public.model_calls USING btree (tenant_id, turn_id, reserved_at) WHERE (reserved_at IS NOT NULL);

CREATE INDEX model_calls_expiring ON public.model_calls USING btree (expires_at, tenant_id) WHERE (status = 'open'::text);

CREATE INDEX model_calls_of_conversation ON public.model_calls USING btree (conversation_id, tenant_id);

CREATE INDEX model_calls_of_time ON public.model_calls USING btree (tenant_id, reserved_at) WHERE (reserved_at IS NOT NULL);

CREATE INDEX model_calls_of_unknown_cost ON public.model_calls USING btree (reserved_at, tenant_id) WHERE ((status = 'settled'::text) AND (cost IS NULL));

CREATE UNIQUE INDEX model_calls_open ON public.model_calls USING btree (turn_id, step, tenant_id) WHERE (status = 'open'::text);

CREATE INDEX opportunities_listed ON public.opportunities USING btree (tenant_id, id) WHERE (deleted_at IS NULL);

CREATE INDEX opportunities_of_company ON public.opportunities USING btree (company_id, tenant_id) WHERE (company_id IS NOT NULL);

CREATE INDEX opportunities_of_contact ON public.opportunities USING btree (contact_id, tenant_id) WHERE (contact_id IS NOT NULL);

CREATE UNIQUE INDEX opportunities_of_crm ON public.opportunities USING btree (crm_opportunity_id, tenant_id) WHERE (deleted_at IS NULL);

CREATE INDEX replies_of_turn ON public.replies USING btree (turn_id, index, tenant_id) WHERE (turn_id IS NOT NULL);

CREATE INDEX replies_open ON public.replies USING btree (conversation_id, order_seq, order_index, tenant_id) WHERE (status = ANY (ARRAY['pending'::text, 'unknown'::text]));

CREATE INDEX sessions_of_user ON public.sessions USING btree (user_id, tenant_id);

CREATE INDEX sign_in_attempts_of_key ON public.sign_in_attempts USING btree (key, counts_until);

CREATE INDEX sign_in_attempts_over ON public.sign_in_attempts USING btree (counts_until);

CREATE UNIQUE INDEX subscriptions_live ON public.subscriptions USING btree (tenant_id) WHERE (status <> 'ended'::text);

CREATE UNIQUE INDEX subscriptions_of_provider ON public.subscriptions USING btree (external_id, tenant_id);

CREATE INDEX tenants_of_origin ON public.tenants USING gin (cors_origins);

CREATE INDEX timers_archived ON public.timers USING btree (id) WHERE ((about ->> 'kind'::text) = 'archived'::text);

CREATE INDEX timers_due ON public.timers USING btree (due_at);

CREATE INDEX timers_in_line ON public.timers USING btree (line, life) WHERE (line IS NOT NULL);

CREATE INDEX timers_kept ON public.timers USING btree (tenant_id, kept, (((headers ->> 'time'::text))::bigint), life) WHERE (kept IS NOT NULL);

CREATE INDEX timers_of_key ON public.timers USING btree (md5(key));

CREATE INDEX timers_with_key ON public.timers USING hash (key);

CREATE INDEX turns_open ON public.turns USING btree (tenant_id, conversation_id) WHERE (status = 'open'::text);

CREATE INDEX user_identities_of_user ON public.user_identities USING btree (user_id, tenant_id);

ALTER INDEX public.chunks_pkey ATTACH PARTITION public.chunks_0_pkey;

ALTER INDEX public.chunks_of_source ATTACH PARTITION public.chunks_0_tenant_id_source_id_idx;

ALTER INDEX public.chunks_pkey ATTACH PARTITION public.chunks_1_pkey;

ALTER INDEX public.chunks_of_source ATTACH PARTITION public.chunks_1_tenant_id_source_id_idx;

ALTER INDEX public.chunks_pkey ATTACH PARTITION public.chunks_2_pkey;

ALTER INDEX public.chunks_of_source ATTACH PARTITION public.chunks_2_tenant_id_source_id_idx;

ALTER INDEX public.chunks_pkey ATTACH PARTITION public.chunks_3_pkey;

ALTER INDEX public.chunks_of_source ATTACH PARTITION public.chunks_3_tenant_id_source_id_idx;

ALTER INDEX public.chunks_pkey ATTACH PARTITION public.chunks_4_pkey;

ALTER INDEX public.chunks_of_source ATTACH PARTITION public.chunks_4_tenant_id_source_id_idx;

ALTER INDEX public.chunks_pkey ATTACH PARTITION public.chunks_5_pkey;

ALTER INDEX public.chunks_of_source ATTACH PARTITION public.chunks_5_tenant_id_source_id_idx;

ALTER INDEX public.chunks_pkey ATTACH PARTITION public.chunks_6_pkey;

ALTER INDEX public.chunks_of_source ATTACH PARTITION public.chunks_6_tenant_id_source_id_idx;

ALTER INDEX public.chunks_pkey ATTACH PARTITION public.chunks_7_pkey;

ALTER INDEX public.chunks_of_source ATTACH PARTITION public.chunks_7_tenant_id_source_id_idx;

CREATE TRIGGER count_vault_change AFTER INSERT OR DELETE OR UPDATE OF updated_at ON public.credentials FOR EACH STATEMENT EXECUTE FUNCTION public.count_vault_change();

CREATE TRIGGER keep_erasure_key BEFORE DELETE OR UPDATE OF updated_at ON public.credentials FOR EACH ROW WHEN ((old.category = 'relevo'::text)) EXECUTE FUNCTION public.keep_erasure_key();

CREATE TRIGGER named AFTER UPDATE OF phone, email ON public.contacts FOR EACH ROW WHEN (((old.phone IS DISTINCT FROM new.phone) OR (old.email IS DISTINCT FROM new.email))) EXECUTE FUNCTION public.keep_names();

CREATE TRIGGER named_first AFTER INSERT ON public.contacts FOR EACH ROW WHEN (((new.phone IS NOT NULL) OR (new.email IS NOT NULL))) EXECUTE FUNCTION public.keep_names();

CREATE TRIGGER note_claim BEFORE INSERT ON public.deliveries FOR EACH ROW EXECUTE FUNCTION public.note_claim();

CREATE TRIGGER note_holder BEFORE INSERT OR UPDATE OF retired_at ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.note_holder();

CREATE TRIGGER noted AFTER INSERT OR DELETE OR UPDATE ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.note_row('account', 'id', 'held in_file');

CREATE TRIGGER noted AFTER INSERT OR DELETE OR UPDATE ON public.agents FOR EACH ROW EXECUTE FUNCTION public.note_row('agent', 'id', 'updated_at version');

CREATE TRIGGER noted AFTER INSERT OR DELETE OR UPDATE OF currency, hard, soft ON public.budgets FOR EACH ROW EXECUTE FUNCTION public.note_row('budget', 'id', 'starts_at ends_at spent reserved');

CREATE TRIGGER noted AFTER INSERT OR UPDATE ON public.companies FOR EACH ROW EXECUTE FUNCTION public.note_crm_row('company', 'id', 'name fiscal_id crm_company_id deleted_at');

CREATE TRIGGER noted AFTER INSERT OR UPDATE ON public.contacts FOR EACH ROW WHEN ((new.log_name IS NOT NULL)) EXECUTE FUNCTION public.note_crm_row('contact', 'log_name', 'division_id deleted_at');

CREATE TRIGGER noted AFTER INSERT OR DELETE OR UPDATE ON public.credentials FOR EACH ROW EXECUTE FUNCTION public.note_row('credential', 'category name', 'sealed key_version');

CREATE TRIGGER noted AFTER INSERT OR UPDATE ON public.divisions FOR EACH ROW EXECUTE FUNCTION public.note_crm_row('division', 'id', 'company_id name crm_division_id deleted_at');

CREATE TRIGGER noted AFTER INSERT OR DELETE OR UPDATE ON public.endpoints FOR EACH ROW EXECUTE FUNCTION public.note_row('address', 'id', '', 'key');

CREATE TRIGGER noted AFTER INSERT OR DELETE OR UPDATE ON public.meta_accounts FOR EACH ROW EXECUTE FUNCTION public.note_row('meta_account', 'account_id', 'detail updated_at');

CREATE TRIGGER noted AFTER INSERT OR DELETE OR UPDATE OF status, code, token_expires_at ON public.meta_connections FOR EACH ROW EXECUTE FUNCTION public.note_row('meta_connection', 'id', 'state caller detail open_until due_at attempts leased_until life');

CREATE TRIGGER noted AFTER INSERT OR UPDATE ON public.opportunities FOR EACH ROW EXECUTE FUNCTION public.note_crm_row('opportunity', 'id', 'company_id stage amount currency deleted_at');

CREATE TRIGGER noted AFTER INSERT OR DELETE OR UPDATE ON public.pauses FOR EACH ROW EXECUTE FUNCTION public.note_row('pause', 'stage', '');

CREATE TRIGGER noted AFTER INSERT OR DELETE OR UPDATE ON public.platform_operators FOR EACH ROW EXECUTE FUNCTION public.note_row('operator', 'id', '');

CREATE TRIGGER noted AFTER INSERT OR DELETE OR UPDATE ON public.subscriptions FOR EACH ROW EXECUTE FUNCTION public.note_row('subscription', 'id', 'updated_at');

CREATE TRIGGER noted AFTER INSERT OR DELETE ON public.tenant_keys FOR EACH ROW EXECUTE FUNCTION public.note_row('vault_key', 'version', 'wrapped');

CREATE TRIGGER noted AFTER DELETE OR UPDATE ON public.tenants FOR EACH ROW EXECUTE FUNCTION public.note_row('shop', 'id', '');

CREATE TRIGGER noted AFTER UPDATE ON public.vault FOR EACH ROW EXECUTE FUNCTION public.note_row('vault', '', 'changes');

CREATE TRIGGER only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

ALTER TABLE public.audit_log ENABLE ALWAYS TRIGGER only_grows;

CREATE CONSTRAINT TRIGGER refuse_commit AFTER INSERT ON public.scratch DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.refuse_commit();

CREATE TRIGGER touched BEFORE UPDATE ON public.companies FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.touch_row();

CREATE TRIGGER touched BEFORE UPDATE ON public.contacts FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.touch_row();

CREATE TRIGGER touched BEFORE UPDATE ON public.divisions FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.touch_row();

CREATE TRIGGER touched BEFORE UPDATE ON public.opportunities FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.touch_row();

CREATE TRIGGER touched BEFORE UPDATE ON public.opportunity_recommendations FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.touch_row();

CREATE TRIGGER touched BEFORE UPDATE ON public.predefined_answers FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.touch_row();

CREATE TRIGGER touched BEFORE UPDATE ON public.subscriptions FOR EACH ROW WHEN ((old.* IS DISTINCT FROM new.*)) EXECUTE FUNCTION public.touch_row();

CREATE TRIGGER wake_account_letters AFTER INSERT ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.wake_account_letters();

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES public.endpoints(id);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_tenant_id_agent_id_fkey FOREIGN KEY (tenant_id, agent_id) REFERENCES public.agents(tenant_id, id);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_tenant_id_chosen_agent_id_fkey FOREIGN KEY (tenant_id, chosen_agent_id) REFERENCES public.agents(tenant_id, id);

ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.agent_versions
    ADD CONSTRAINT agent_versions_tenant_id_agent_id_fkey FOREIGN KEY (tenant_id, agent_id) REFERENCES public.agents(tenant_id, id);

ALTER TABLE ONLY public.agents
    ADD CONSTRAINT agents_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.aliases
    ADD CONSTRAINT aliases_tenant_id_contact_id_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES public.contacts(tenant_id, id);

ALTER TABLE ONLY public.answers
    ADD CONSTRAINT answers_tenant_id_turn_id_fkey FOREIGN KEY (tenant_id, turn_id) REFERENCES public.turns(tenant_id, id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_owner_id_tenant_id_fkey FOREIGN KEY (owner_id, tenant_id) REFERENCES public.users(id, tenant_id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.api_requests
    ADD CONSTRAINT api_requests_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.archive
    ADD CONSTRAINT archive_tenant_id_account_id_fkey FOREIGN KEY (tenant_id, account_id) REFERENCES public.accounts(tenant_id, id);

ALTER TABLE ONLY public.budget_events
    ADD CONSTRAINT budget_events_tenant_id_budget_id_fkey FOREIGN KEY (tenant_id, budget_id) REFERENCES public.budgets(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.budgets
    ADD CONSTRAINT budgets_tenant_id_agent_id_fkey FOREIGN KEY (tenant_id, agent_id) REFERENCES public.agents(tenant_id, id);

ALTER TABLE ONLY public.budgets
    ADD CONSTRAINT budgets_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.catalogue_entries
    ADD CONSTRAINT catalogue_entries_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE public.chunks
    ADD CONSTRAINT chunks_tenant_id_source_id_fkey FOREIGN KEY (tenant_id, source_id) REFERENCES public.sources(tenant_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY public.companies
    ADD CONSTRAINT companies_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.contact_names
    ADD CONSTRAINT contact_names_contact_id_tenant_id_fkey FOREIGN KEY (contact_id, tenant_id) REFERENCES public.contacts(id, tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.contacts
    ADD CONSTRAINT contacts_division_id_tenant_id_fkey FOREIGN KEY (division_id, tenant_id) REFERENCES public.divisions(id, tenant_id);

ALTER TABLE ONLY public.contacts
    ADD CONSTRAINT contacts_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_tenant_id_account_id_fkey FOREIGN KEY (tenant_id, account_id) REFERENCES public.accounts(tenant_id, id);

ALTER TABLE ONLY public.conversations
    ADD CONSTRAINT conversations_tenant_id_contact_id_fkey FOREIGN KEY (tenant_id, contact_id) REFERENCES public.contacts(tenant_id, id);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.credentials
    ADD CONSTRAINT credentials_tenant_id_key_version_fkey FOREIGN KEY (tenant_id, key_version) REFERENCES public.tenant_keys(tenant_id, version);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_tenant_id_reply_id_fkey FOREIGN KEY (tenant_id, reply_id) REFERENCES public.replies(tenant_id, id);

ALTER TABLE ONLY public.divisions
    ADD CONSTRAINT divisions_company_id_tenant_id_fkey FOREIGN KEY (company_id, tenant_id) REFERENCES public.companies(id, tenant_id);

ALTER TABLE ONLY public.endpoints
    ADD CONSTRAINT endpoints_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.erased_aliases
    ADD CONSTRAINT erased_aliases_tenant_id_erasure_id_fkey FOREIGN KEY (tenant_id, erasure_id) REFERENCES public.erasures(tenant_id, id);

ALTER TABLE ONLY public.erased_events
    ADD CONSTRAINT erased_events_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.erased_messages
    ADD CONSTRAINT erased_messages_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.former_endpoints
    ADD CONSTRAINT former_endpoints_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES public.endpoints(id);

ALTER TABLE ONLY public.former_endpoints
    ADD CONSTRAINT former_endpoints_tenant_id_account_id_fkey FOREIGN KEY (tenant_id, account_id) REFERENCES public.accounts(tenant_id, id);

ALTER TABLE ONLY public.messages
    ADD CONSTRAINT messages_tenant_id_conversation_id_fkey FOREIGN KEY (tenant_id, conversation_id) REFERENCES public.conversations(tenant_id, id);

ALTER TABLE ONLY public.meta_accounts
    ADD CONSTRAINT meta_accounts_connection_id_tenant_id_fkey FOREIGN KEY (connection_id, tenant_id) REFERENCES public.meta_connections(id, tenant_id);

ALTER TABLE ONLY public.meta_accounts
    ADD CONSTRAINT meta_accounts_tenant_id_account_id_fkey FOREIGN KEY (tenant_id, account_id) REFERENCES public.accounts(tenant_id, id);

ALTER TABLE ONLY public.meta_connections
    ADD CONSTRAINT meta_connections_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.model_calls
    ADD CONSTRAINT model_calls_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.opportunities
    ADD CONSTRAINT opportunities_company_id_tenant_id_fkey FOREIGN KEY (company_id, tenant_id) REFERENCES public.companies(id, tenant_id);

ALTER TABLE ONLY public.opportunities
    ADD CONSTRAINT opportunities_contact_id_tenant_id_fkey FOREIGN KEY (contact_id, tenant_id) REFERENCES public.contacts(id, tenant_id);

ALTER TABLE ONLY public.opportunities
    ADD CONSTRAINT opportunities_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.opportunity_recommendations
    ADD CONSTRAINT opportunity_recommendations_opportunity_id_tenant_id_fkey FOREIGN KEY (opportunity_id, tenant_id) REFERENCES public.opportunities(id, tenant_id);

ALTER TABLE ONLY public.pauses
    ADD CONSTRAINT pauses_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.predefined_answers
    ADD CONSTRAINT predefined_answers_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.replies
    ADD CONSTRAINT replies_tenant_id_conversation_id_fkey FOREIGN KEY (tenant_id, conversation_id) REFERENCES public.conversations(tenant_id, id);

ALTER TABLE ONLY public.replies
    ADD CONSTRAINT replies_tenant_id_turn_id_fkey FOREIGN KEY (tenant_id, turn_id) REFERENCES public.turns(tenant_id, id);

ALTER TABLE ONLY public.roles
    ADD CONSTRAINT roles_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_tenant_id_fkey FOREIGN KEY (user_id, tenant_id) REFERENCES public.users(id, tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.steps
    ADD CONSTRAINT steps_tenant_id_turn_id_fkey FOREIGN KEY (tenant_id, turn_id) REFERENCES public.turns(tenant_id, id);

ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.tenant_keys
    ADD CONSTRAINT tenant_keys_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE ONLY public.tool_calls
    ADD CONSTRAINT tool_calls_tenant_id_turn_id_step_fkey FOREIGN KEY (tenant_id, turn_id, step) REFERENCES public.steps(tenant_id, turn_id, step);

ALTER TABLE ONLY public.turns
    ADD CONSTRAINT turns_tenant_id_conversation_id_fkey FOREIGN KEY (tenant_id, conversation_id) REFERENCES public.conversations(tenant_id, id);

ALTER TABLE ONLY public.user_identities
    ADD CONSTRAINT user_identities_user_id_tenant_id_fkey FOREIGN KEY (user_id, tenant_id) REFERENCES public.users(id, tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_passwords
    ADD CONSTRAINT user_passwords_user_id_email_tenant_id_fkey FOREIGN KEY (user_id, email, tenant_id) REFERENCES public.users(id, email, tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_role_id_fkey FOREIGN KEY (role_id) REFERENCES public.roles(id);

ALTER TABLE ONLY public.user_roles
    ADD CONSTRAINT user_roles_user_id_tenant_id_fkey FOREIGN KEY (user_id, tenant_id) REFERENCES public.users(id, tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.user_tickets
    ADD CONSTRAINT user_tickets_user_id_tenant_id_fkey FOREIGN KEY (user_id, tenant_id) REFERENCES public.users(id, tenant_id) ON DELETE CASCADE;

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_tenant_id_fkey FOREIGN KEY (tenant_id) REFERENCES public.tenants(id);

ALTER TABLE public.accounts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.agent_versions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.agents ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.aliases ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.answers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.api_requests ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.archive ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.audit_log ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.budget_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.budgets ENABLE ROW LEVEL SECURITY;

CREATE POLICY built_in ON public.roles FOR SELECT TO relevo_app USING ((tenant_id IS NULL));

ALTER TABLE public.catalogue_entries ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.chunks ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.chunks_0 ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.chunks_1 ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.chunks_2 ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.chunks_3 ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.chunks_4 ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.chunks_5 ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.chunks_6 ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.chunks_7 ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.companies ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.contact_names ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.contacts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.conversations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.credentials ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.dead_letters ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.deliveries ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.divisions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.endpoints ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.erased_aliases ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.erased_events ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.erased_messages ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.erasures ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.former_endpoints ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.messages ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.meta_accounts ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.meta_connections ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.model_calls ENABLE ROW LEVEL SECURITY;

CREATE POLICY models_only ON public.credentials AS RESTRICTIVE FOR SELECT TO relevo_operator_text USING (((name = 'API_KEY'::text) AND (category = ANY (ARRAY['openai'::text, 'anthropic'::text, 'gemini'::text]))));

CREATE POLICY operator_reads ON public.accounts FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.agents FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.aliases FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.answers FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.archive FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.budget_events FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.budgets FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.contact_names FOR SELECT TO relevo_operator_text USING (true);

CREATE POLICY operator_reads ON public.contacts FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.conversations FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.dead_letters FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.deliveries FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.endpoints FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.erased_messages FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.erasures FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.former_endpoints FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.messages FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.meta_accounts FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.meta_connections FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.model_calls FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.opportunities FOR SELECT TO relevo_operator_text USING (true);

CREATE POLICY operator_reads ON public.opportunity_recommendations FOR SELECT TO relevo_operator_text USING (true);

CREATE POLICY operator_reads ON public.pauses FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.replies FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.steps FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.tenants FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.timers FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.tool_calls FOR SELECT TO relevo_operator USING (true);

CREATE POLICY operator_reads ON public.turns FOR SELECT TO relevo_operator USING (true);

ALTER TABLE public.opportunities ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.opportunity_recommendations ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.pauses ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.predefined_answers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.replies ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.roles ENABLE ROW LEVEL SECURITY;

CREATE POLICY router_adds ON public.tenants FOR INSERT TO relevo_router WITH CHECK (true);

CREATE POLICY router_counts ON public.budget_events FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_counts ON public.budgets FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_counts ON public.dead_letters FOR SELECT TO relevo_router USING ((status = 'dead'::text));

CREATE POLICY router_counts ON public.deliveries FOR SELECT TO relevo_router USING ((status = 'unknown'::text));

CREATE POLICY router_counts ON public.model_calls FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_counts ON public.turns FOR SELECT TO relevo_router USING ((status = 'open'::text));

CREATE POLICY router_forgets ON public.api_requests TO relevo_router USING (true) WITH CHECK (false);

CREATE POLICY router_leases ON public.meta_connections FOR UPDATE TO relevo_router USING (true) WITH CHECK (true);

CREATE POLICY router_leases ON public.timers FOR UPDATE TO relevo_router USING (true) WITH CHECK (true);

CREATE POLICY router_reads ON public.accounts FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_reads ON public.api_keys FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_reads ON public.endpoints FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_reads ON public.former_endpoints FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_reads ON public.meta_connections FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_reads ON public.pauses FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_reads ON public.sessions FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_reads ON public.tenants FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_reads ON public.timers FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_reads ON public.user_identities FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_reads ON public.user_passwords FOR SELECT TO relevo_router USING (true);

CREATE POLICY router_reads ON public.user_tickets FOR SELECT TO relevo_router USING (true);

ALTER TABLE public.sessions ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.sources ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.steps ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.subscriptions ENABLE ROW LEVEL SECURITY;

CREATE POLICY tenant ON public.accounts USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.agent_versions USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.agents USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.aliases USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.answers USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.api_keys USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.api_requests USING ((NOT (tenant_id IS DISTINCT FROM (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint))) WITH CHECK ((NOT (tenant_id IS DISTINCT FROM (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)));

CREATE POLICY tenant ON public.archive USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.audit_log USING ((NOT (tenant_id IS DISTINCT FROM (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint))) WITH CHECK ((NOT (tenant_id IS DISTINCT FROM (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)));

CREATE POLICY tenant ON public.budget_events USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.budgets USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.catalogue_entries USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.chunks USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.chunks_0 USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.chunks_1 USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.chunks_2 USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.chunks_3 USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.chunks_4 USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.chunks_5 USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.chunks_6 USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.chunks_7 USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.companies USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.contact_names USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.contacts USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.conversations USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.credentials USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.dead_letters USING ((NOT (tenant_id IS DISTINCT FROM (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint))) WITH CHECK ((NOT (tenant_id IS DISTINCT FROM (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)));

CREATE POLICY tenant ON public.deliveries USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.divisions USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.endpoints USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.erased_aliases USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.erased_events USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.erased_messages USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.erasures USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.former_endpoints USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.messages USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.meta_accounts USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.meta_connections USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.model_calls USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.opportunities USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.opportunity_recommendations USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.pauses USING ((NOT (tenant_id IS DISTINCT FROM (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint))) WITH CHECK ((NOT (tenant_id IS DISTINCT FROM (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)));

CREATE POLICY tenant ON public.predefined_answers USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.replies USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.roles USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.sessions USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.sources USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.steps USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.subscriptions USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.tenant_keys USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.tenants USING ((id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.timers USING ((NOT (tenant_id IS DISTINCT FROM (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint))) WITH CHECK ((NOT (tenant_id IS DISTINCT FROM (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)));

CREATE POLICY tenant ON public.tool_calls USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.turns USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.user_identities USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.user_passwords USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.user_roles USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.user_tickets USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

CREATE POLICY tenant ON public.users USING ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint)) WITH CHECK ((tenant_id = (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::bigint));

ALTER TABLE public.tenant_keys ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.tenants ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.timers ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.tool_calls ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.turns ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_identities ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_passwords ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_roles ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.user_tickets ENABLE ROW LEVEL SECURITY;

ALTER TABLE public.users ENABLE ROW LEVEL SECURITY;

CREATE POLICY visible_role ON public.user_roles AS RESTRICTIVE FOR INSERT TO relevo_app WITH CHECK ((EXISTS ( SELECT
   FROM public.roles r
  WHERE (r.id = user_roles.role_id))));
