-- Agents and accounts by their ids, for the API: agents that are removed, accounts that a shop claims with a token of theirs, and
-- the agent that somebody chose for one of them.

ALTER TABLE agents ADD COLUMN removed_at timestamptz;  -- its versions stay for the turns that had them
ALTER TABLE accounts
    ADD COLUMN chosen_agent_id bigint,  -- answers here whatever agents name the channel; null: nobody chose
    ADD FOREIGN KEY (tenant_id, chosen_agent_id) REFERENCES agents;

-- ---- who answers

CREATE OR REPLACE FUNCTION agent_on(wanted_channel text, own bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT a.id FROM agents AS a
                     WHERE a.tenant_id = app_tenant() AND a.version > 0 AND a.removed_at IS NULL AND a.channels ? wanted_channel
                     ORDER BY a.id LIMIT 1), own)
$$;

CREATE FUNCTION own_agent() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT a.id FROM agents AS a WHERE a.tenant_id = app_tenant() AND a.is_own LIMIT 1
$$;

-- Whom somebody chose for the account, else who names its channel, else the shop's own.
CREATE FUNCTION agent_for(account uuid, its_channel text, own bigint) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT x.chosen_agent_id FROM accounts AS x WHERE x.tenant_id = app_tenant() AND x.id = account),
                    agent_on(its_channel, own))
$$;

CREATE OR REPLACE FUNCTION apply_account(spec jsonb, agent bigint) RETURNS void LANGUAGE sql AS $$
    SELECT apply_account_of(spec, agent_for((spec ->> 'account_id')::uuid, spec ->> 'channel', agent))
$$;

-- Where another of the shop's agents than that one answers on one of the channels: {"channel", "taken_by"}.
CREATE FUNCTION channel_taken(agent bigint, wanted jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('channel', k.channel, 'taken_by', x.name)
    FROM agents AS x, jsonb_array_elements_text(x.channels) AS k(channel)
    WHERE x.tenant_id = app_tenant() AND x.id <> agent AND x.version > 0 AND x.removed_at IS NULL AND wanted ? k.channel
    ORDER BY x.id LIMIT 1
$$;

-- Each account is answered by whom agent_for() has now.
CREATE FUNCTION renew_answers() RETURNS void LANGUAGE sql AS $$
    UPDATE accounts AS x SET agent_id = agent_for(x.id, x.channel, coalesce(own_agent(), x.agent_id))
    WHERE x.tenant_id = app_tenant() AND x.agent_id <> agent_for(x.id, x.channel, coalesce(own_agent(), x.agent_id))
$$;

-- {"version"}, or nothing is done and channel_taken() is told. A shop's first published agent is its own. Nobody else changes the
-- shop's agents meanwhile.
CREATE FUNCTION publish_as(agent bigint, settings jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- Two that name one channel must not pass by each other, new ones neither.
CREATE FUNCTION lock_agents() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM lock_people();
    PERFORM FROM agents AS x WHERE x.tenant_id = app_tenant() ORDER BY x.id FOR NO KEY UPDATE;
END $$;

-- As before, or by "agent", its id.
CREATE OR REPLACE FUNCTION op_publish_agent(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- ---- agents

-- {"name", "settings", "publish": bool}: {}; nothing is done and {"taken": true} where there is one of that name, or as
-- channel_taken(). The id, which other shops' agents have counted up, is read by the name.
CREATE FUNCTION op_add_agent(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- {"agent", "settings"}: what would be published of it. Whether there is such an agent.
CREATE FUNCTION op_change_agent_draft(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE agents AS a SET draft = req -> 'settings'
    WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL AND a.id = (req ->> 'agent')::bigint;
    RETURN to_jsonb(FOUND);
END $$;

-- {"agent"}: the shop's own from now on, which answers wherever no other names the channel. False where no such one is published.
CREATE FUNCTION op_set_own_agent(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- {"agent", "now"}: "done", "not_found", "in_use" where it answers for an account, or "default" where it is the shop's own and
-- others are published, one of which has to be. Its name is free from then on.
CREATE FUNCTION op_remove_agent(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- As before, with the id; one that was never published is shown as it is drafted.
CREATE OR REPLACE FUNCTION agent_facts(a agents) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'id', a.id, 'name', a.name, 'version', a.version, 'own', a.is_own, 'role', x.shown ->> 'role',
        'provider', x.shown ->> 'provider', 'model', x.shown ->> 'model', 'has_draft', a.draft IS NOT NULL,
        'updated', to_millis(a.updated_at),
        'answers', (SELECT coalesce(jsonb_agg(DISTINCT x.channel), '[]') FROM accounts AS x
                    WHERE x.tenant_id = a.tenant_id AND x.agent_id = a.id AND x.retired_at IS NULL))
    FROM (SELECT CASE WHEN a.version = 0 AND a.draft IS NOT NULL THEN a.draft ELSE agent_snapshot(a) END AS shown) AS x
$$;

-- As before, but for removed ones.
CREATE OR REPLACE FUNCTION op_list_agents(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(agent_facts(a) ORDER BY a.is_own DESC, a.id), '[]')
    FROM agents AS a WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL
$$;

-- As before, or by "agent", its id.
CREATE OR REPLACE FUNCTION op_get_agent(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
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

-- {"agent", "before": a version, "limit"}: newest first.
CREATE FUNCTION op_list_agent_versions(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('version', v.version, 'at', to_millis(v.created_at)) ORDER BY v.version DESC), '[]')
    FROM (SELECT y.version, y.created_at
          FROM agents AS a JOIN agent_versions AS y ON y.tenant_id = a.tenant_id AND y.agent_id = a.id
          WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL AND a.id = (req ->> 'agent')::bigint
            AND (NOT req ? 'before' OR y.version < (req ->> 'before')::integer)
          ORDER BY y.version DESC LIMIT least((req ->> 'limit')::integer, 1000)) AS v
$$;

-- {"agent", "version"}: {"version", "at", "settings"}; null for none.
CREATE FUNCTION op_get_agent_version(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT jsonb_build_object('version', v.version, 'at', to_millis(v.created_at), 'settings', v.snapshot)
                     FROM agents AS a JOIN agent_versions AS v ON v.tenant_id = a.tenant_id AND v.agent_id = a.id
                     WHERE a.tenant_id = app_tenant() AND a.removed_at IS NULL AND a.id = (req ->> 'agent')::bigint
                       AND v.version = (req ->> 'version')::integer), 'null')
$$;

CREATE FUNCTION op_list_agent_templates(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT op_agent_templates(req)
$$;

-- ---- accounts

-- "key": of the address, where it is the shop's own.
CREATE FUNCTION account_facts(x accounts) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', x.id, 'channel', x.channel, 'external_id', x.external_id, 'name', x.name, 'agent', x.agent_id,
        'chosen', x.chosen_agent_id IS NOT NULL, 'created_at', to_millis(x.created_at), 'retired_at', to_millis(x.retired_at),
        'key', (SELECT e.key FROM endpoints AS e WHERE e.tenant_id = x.tenant_id AND e.id = x.endpoint_id)))
$$;

CREATE FUNCTION op_list_accounts(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(account_facts(x) ORDER BY x.id), '[]') FROM accounts AS x WHERE x.tenant_id = app_tenant()
$$;

CREATE FUNCTION op_get_account(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT account_facts(x) FROM accounts AS x
                     WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'account')::uuid), 'null')
$$;

-- {"channel", "account_id", "external_id", "name", "drawn", "credentials", "alone": bool}: the account, whose control the shop
-- has just proven, becomes the shop's. {"refused": "taken" (another shop's), "no_agent", or "another", where `alone` and another
-- account of the channel lives by the secrets that these would replace}; {"stale": true} as op_put_credentials, or {}.
CREATE FUNCTION op_claim_account(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- {"account", "name", "agent": an id, or 0 for whoever its channel has}: what is left out stays. "done", "not_found" or
-- "unknown_agent".
CREATE FUNCTION op_change_account(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- {"account", "now"}: it takes nothing any more, as one that its shop's file has no more. Whether there is such an account.
CREATE FUNCTION op_retire_account(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- ---- shops

-- {"what customers say": ["what the catalogue says", …]}
CREATE FUNCTION op_get_synonyms(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT t.synonyms FROM tenants AS t WHERE t.id = app_tenant()), '{}')
$$;

-- {"synonyms"}: in the place of all that there were.
CREATE FUNCTION op_set_synonyms(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    UPDATE tenants AS t SET synonyms = req -> 'synonyms' WHERE t.id = app_tenant() RETURNING 'null'::jsonb
$$;

-- As before, without those that have left.
CREATE OR REPLACE FUNCTION op_list_tenant_page(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

GRANT EXECUTE ON FUNCTION own_agent, agent_for, channel_taken, renew_answers, publish_as, lock_agents, op_add_agent, op_change_agent_draft,
    op_set_own_agent, op_remove_agent, op_list_agent_versions, op_get_agent_version, op_list_agent_templates, account_facts, op_list_accounts,
    op_get_account, op_claim_account, op_change_account, op_retire_account,
    op_get_synonyms, op_set_synonyms TO relevo_app;
