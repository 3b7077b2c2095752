-- Agents with a draft and published versions, from templates; when they answer, where and at what pace; and what a turn keeps
-- of its customer, of the shop's words and of the hour.

-- What operators and the API list and copy. Of all shops: no tenant's.
CREATE TABLE agent_templates (
    name text PRIMARY KEY,
    place integer NOT NULL UNIQUE,  -- in lists
    settings jsonb NOT NULL         -- as agent_snapshot has them; what is left out is as the product has it
);
GRANT SELECT ON agent_templates TO relevo_app;

INSERT INTO agent_templates (name, place, settings)
SELECT t.name, t.place,
       jsonb_build_object('name', t.agent, 'role', t.name, 'temperature', t.temperature, 'enabled_tools', t.tools,
                          'prompt', t.task || E'\n' || tone.text || E'\n\n' || data.text)
FROM (VALUES
    ('sales', 1, 'Ventas', 0.7, '["search_products", "check_stock"]'::jsonb,
     'Atendés las ventas de {STORE_NAME}: averiguás qué busca cada persona y le recomendás lo que hay, con precio y talle, y por qué.'),
    ('support', 2, 'Soporte', 0.5, '["rag_search"]'::jsonb,
     'Atendés a quienes ya le compraron a {STORE_NAME}: entendés qué les pasa, una pregunta por vez, y lo resolvés con lo que dice la tienda.'),
    ('leads', 3, 'Contactos', 0.6, '["create_customer"]'::jsonb,
     'Recibís a quienes preguntan por primera vez en {STORE_NAME}: averiguás qué necesitan y cómo ubicarlos, sin insistir.')
) AS t(name, place, agent, temperature, tools, task),
(VALUES ('Usá voseo argentino. Sé cálida y profesional. Escribís como en un chat: mensajes cortos, sin listas largas. '
         'Lo que no sabés no lo inventás: lo decís y preguntás.')) AS tone(text),
(VALUES (E'Quién te escribe:\n{CUSTOMER}\n\nLo que se sabe de esta consulta:\n{METADATA}\n\n'
         'Esto es lo que hay en la tienda sobre lo que te preguntan:\n{STORE_CATALOG_KNOWLEDGE}')) AS data(text);

-- ---- agents

DROP FUNCTION agent_snapshot;  -- it holds on to the row's type
ALTER TABLE agents
    -- [{"day": 1 for Monday, "from", "to": minutes of the shop's day}]; none: always open
    ADD COLUMN hours jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(hours) = 'array'),
    -- outside of them a sentence ('': the shop's fallback_text); or that, and a human has the conversation
    ADD COLUMN on_closed text NOT NULL DEFAULT 'sentence' CHECK (on_closed IN ('sentence', 'handoff')),
    ADD COLUMN closed_text text NOT NULL DEFAULT '',
    ADD COLUMN spacing_ms integer CHECK (spacing_ms BETWEEN 0 AND 60000),  -- null: as its channel has it
    ADD COLUMN draft jsonb,                                                -- what would be published; null: nothing
    -- the one that the shop's file states: it answers wherever no other names the channel
    ADD COLUMN is_own boolean NOT NULL DEFAULT false;

CREATE FUNCTION agent_snapshot(a agents) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN jsonb_build_object(
    'name', a.name, 'role', a.role, 'provider', a.provider, 'base_url', a.base_url, 'model', a.model,
    'prompt', a.prompt, 'disclosure', a.disclosure, 'temperature', a.temperature,
    'max_output_tokens', a.max_output_tokens, 'enabled_tools', a.enabled_tools, 'fallbacks', a.fallbacks,
    'on_failure', a.on_failure, 'channels', a.channels, 'quiet_ms', a.quiet_ms, 'max_wait_ms', a.max_wait_ms,
    'max_messages', a.max_messages, 'spacing_ms', a.spacing_ms, 'hours', a.hours, 'on_closed', a.on_closed,
    'closed_text', a.closed_text);

DO $$
DECLARE
    tenant bigint;
BEGIN
    FOR tenant IN SELECT t.id FROM list_tenants() AS t LOOP
        PERFORM set_config('app.tenant_id', tenant::text, true);
        UPDATE agents AS a SET is_own = true
        WHERE a.tenant_id = tenant
          AND a.id = coalesce((SELECT x.agent_id FROM accounts AS x WHERE x.tenant_id = tenant
                               GROUP BY x.agent_id ORDER BY max(x.created_at) DESC, x.agent_id DESC LIMIT 1),
                              (SELECT x.id FROM agents AS x WHERE x.tenant_id = tenant
                               ORDER BY x.updated_at DESC, x.id DESC LIMIT 1));
    END LOOP;
    PERFORM set_config('app.tenant_id', '', true);
END $$;

-- Makes the agent what is stated, the rest as it was: its version, a new one where that changed anything.
CREATE FUNCTION publish_settings(agent bigint, stated jsonb) RETURNS integer LANGUAGE plpgsql AS $$
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

-- The shop's own agent, as its file states it.
CREATE OR REPLACE FUNCTION apply_agent(spec jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
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

-- Who answers on the channel: an agent that names it, else the shop's own.
CREATE FUNCTION agent_on(wanted_channel text, own bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT a.id FROM agents AS a
                     WHERE a.tenant_id = app_tenant() AND a.version > 0 AND a.channels ? wanted_channel
                     ORDER BY a.id LIMIT 1), own)
$$;

ALTER FUNCTION apply_account RENAME TO apply_account_of;
CREATE FUNCTION apply_account(spec jsonb, agent bigint) RETURNS void LANGUAGE sql AS $$
    SELECT apply_account_of(spec, agent_on(spec ->> 'channel', agent))
$$;

-- {"name", "settings"}: what would be published of that agent, which is made where there is none of that name.
CREATE FUNCTION op_draft_agent(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    INSERT INTO agents AS a (tenant_id, name, provider, version, draft)
    VALUES (app_tenant(), req ->> 'name', '', 0, req -> 'settings')
    ON CONFLICT (tenant_id, name) DO UPDATE SET draft = excluded.draft
    RETURNING 'null'::jsonb
$$;

-- {"name", "version": the one that it has, "settings"}: {"version"}; nothing is done and {"stale": true} where another was
-- published meanwhile, {"channel", "taken_by"} where another agent names a channel; null where there is no such agent.
CREATE FUNCTION op_publish_agent(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    a agents;
    other record;
    own bigint;
    made integer;
BEGIN
    -- all of the shop's: two that name one channel must not pass by each other
    PERFORM FROM agents AS x WHERE x.tenant_id = tenant ORDER BY x.id FOR NO KEY UPDATE;
    SELECT * INTO a FROM agents AS x WHERE x.tenant_id = tenant AND x.name = req ->> 'name';
    IF NOT FOUND THEN
        RETURN 'null';
    ELSIF a.version <> (req ->> 'version')::integer THEN
        RETURN '{"stale": true}';
    END IF;
    SELECT x.name, k.channel INTO other FROM agents AS x, jsonb_array_elements_text(x.channels) AS k(channel)
    WHERE x.tenant_id = tenant AND x.id <> a.id AND x.version > 0 AND req #> '{settings,channels}' ? k.channel
    ORDER BY x.id LIMIT 1;
    IF FOUND THEN
        RETURN jsonb_build_object('channel', other.channel, 'taken_by', other.name);
    END IF;
    made := publish_settings(a.id, req -> 'settings');
    UPDATE agents AS x SET draft = NULL
    WHERE x.tenant_id = tenant AND x.id = a.id AND x.draft = req -> 'settings';
    SELECT x.id INTO own FROM agents AS x WHERE x.tenant_id = tenant AND x.is_own;
    UPDATE accounts AS x SET agent_id = agent_on(x.channel, coalesce(own, x.agent_id))
    WHERE x.tenant_id = tenant AND x.agent_id <> agent_on(x.channel, coalesce(own, x.agent_id));
    RETURN jsonb_build_object('version', made);
END $$;

CREATE FUNCTION agent_facts(a agents) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'name', a.name, 'version', a.version, 'own', a.is_own, 'role', a.role, 'provider', a.provider, 'model', a.model,
        'has_draft', a.draft IS NOT NULL, 'updated', to_millis(a.updated_at),
        'answers', (SELECT coalesce(jsonb_agg(DISTINCT x.channel), '[]') FROM accounts AS x
                    WHERE x.tenant_id = a.tenant_id AND x.agent_id = a.id AND x.retired_at IS NULL))
$$;

CREATE FUNCTION op_list_agents(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(agent_facts(a) ORDER BY a.is_own DESC, a.id), '[]')
    FROM agents AS a WHERE a.tenant_id = app_tenant()
$$;

-- {"name"}: the facts, "published" and "draft" where there are such, and the newest hundred versions.
CREATE FUNCTION op_get_agent(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((
        SELECT agent_facts(a) || jsonb_build_object(
            'published', CASE WHEN a.version > 0 THEN agent_snapshot(a) END, 'draft', a.draft,
            'versions', (SELECT coalesce(jsonb_agg(jsonb_build_object('version', v.version, 'at', to_millis(v.created_at))
                                                   ORDER BY v.version DESC), '[]')
                         FROM (SELECT y.version, y.created_at FROM agent_versions AS y
                               WHERE y.tenant_id = a.tenant_id AND y.agent_id = a.id
                               ORDER BY y.version DESC LIMIT 100) AS v))
        FROM agents AS a WHERE a.tenant_id = app_tenant() AND a.name = req ->> 'name'), 'null')
$$;

-- {"name", "version"}: what that version was; null for none.
CREATE FUNCTION op_agent_version(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT v.snapshot FROM agents AS a
                     JOIN agent_versions AS v ON v.tenant_id = a.tenant_id AND v.agent_id = a.id
                     WHERE a.tenant_id = app_tenant() AND a.name = req ->> 'name'
                       AND v.version = (req ->> 'version')::integer), 'null')
$$;

CREATE FUNCTION op_agent_templates(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', t.name, 'settings', t.settings) ORDER BY t.place), '[]')
    FROM agent_templates AS t
$$;

-- ---- turns

-- As the turn's agent was when the turn began.
CREATE FUNCTION agent_of(t turns, c conversations) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT v.snapshot FROM steps AS s
         JOIN agent_versions AS v ON v.tenant_id = s.tenant_id AND v.agent_id = s.agent_id AND v.version = s.agent_version
         WHERE s.tenant_id = t.tenant_id AND s.turn_id = t.id AND s.step = 0),
        (SELECT agent_snapshot(g) FROM accounts AS a JOIN agents AS g ON g.tenant_id = a.tenant_id AND g.id = a.agent_id
         WHERE a.tenant_id = c.tenant_id AND a.id = c.account_id))
$$;

CREATE FUNCTION is_open(hours jsonb, zone text, moment timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT jsonb_array_length(coalesce(hours, '[]')) = 0
           OR EXISTS (SELECT FROM jsonb_array_elements(hours) AS h,
                             (SELECT extract(isodow FROM l.t) AS day, extract(hour FROM l.t) * 60 + extract(minute FROM l.t) AS minute
                              FROM (SELECT moment AT TIME ZONE zone AS t) AS l) AS n
                      WHERE (h ->> 'day')::integer = n.day
                        AND n.minute >= (h ->> 'from')::integer AND n.minute < (h ->> 'to')::integer)
$$;

-- Who writes, what the shop calls what they say, and whether the agent was closed when the burst had ended.
CREATE FUNCTION turn_context(turn uuid) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
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

-- Frozen with the rest of step 0's request.
ALTER FUNCTION op_freeze_step RENAME TO freeze_step;
CREATE FUNCTION op_freeze_step(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    turn uuid := (req ->> 'turn')::uuid;
BEGIN
    PERFORM freeze_step(req);
    UPDATE steps AS s SET request = s.request || turn_context(turn)
    WHERE s.tenant_id = app_tenant() AND s.turn_id = turn AND s.step = 0 AND s.request IS NOT NULL
      AND NOT s.request ? 'closed';
    RETURN 'null';
END $$;

CREATE FUNCTION frozen_context(turn uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT jsonb_build_object('closed', s.request -> 'closed', 'customer', (s.request -> 'customer')::text,
                                               'synonyms', s.request -> 'synonyms')
                     FROM steps AS s WHERE s.tenant_id = app_tenant() AND s.turn_id = turn AND s.step = 0
                                       AND s.request IS NOT NULL), '{}')
$$;

ALTER FUNCTION op_load_inference RENAME TO load_inference;
CREATE FUNCTION op_load_inference(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    told jsonb := load_inference(req);
BEGIN
    RETURN CASE told ->> 'state' WHEN 'live' THEN told || frozen_context((req ->> 'turn')::uuid) ELSE told END;
END $$;

ALTER FUNCTION op_stored_turn RENAME TO stored_turn;
CREATE FUNCTION op_stored_turn(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    told jsonb := stored_turn(req);
BEGIN
    RETURN CASE WHEN told = 'null' THEN told ELSE told || frozen_context((req ->> 'turn')::uuid) END;
END $$;

-- As before, but outside of business hours, code "agent.closed", it ends as the agent has decided for that.
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
    INSERT INTO replies (tenant_id, id, conversation_id, turn_id, index, author, text, epoch, order_seq,
                         order_index, created_at)
    VALUES (tenant, (req ->> 'fallback')::uuid, c.id, t.id, 0, 'system',
            coalesce(CASE WHEN closed THEN nullif(persona ->> 'closed_text', '') END,
                     (SELECT x.fallback_text FROM tenants AS x WHERE x.id = tenant)),
            speaks, t.last_seq, 0, moment);
    RETURN jsonb_build_object('replies', reply_ids(t.id));
END $$;
DROP FUNCTION on_failure_of;

-- ---- replies

-- The request with the spacing of the bubble's agent, as its turn has it, where that states one, in the place of its channel's.
CREATE FUNCTION with_spacing(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
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

ALTER FUNCTION op_claim_reply RENAME TO claim_reply;
CREATE FUNCTION op_claim_reply(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT claim_reply(with_spacing(req))
$$;
ALTER FUNCTION op_finish_reply RENAME TO finish_reply;
CREATE FUNCTION op_finish_reply(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    SELECT finish_reply(with_spacing(req))
$$;

GRANT EXECUTE ON FUNCTION agent_snapshot, publish_settings, agent_on, apply_account, op_draft_agent, op_publish_agent,
    agent_facts, op_list_agents, op_get_agent, op_agent_version, op_agent_templates, agent_of, is_open, turn_context,
    op_freeze_step, frozen_context, op_load_inference, with_spacing, op_claim_reply, op_finish_reply TO relevo_app;
GRANT EXECUTE ON FUNCTION agent_snapshot, frozen_context, op_stored_turn TO relevo_operator_text;
