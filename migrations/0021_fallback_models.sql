-- Which models an agent asks when its own fails, and what follows when none of them answers.

DROP FUNCTION agent_snapshot;  -- it holds on to the row's type
ALTER TABLE agents
    -- [{"provider", "base_url", "model", "credentials"}], asked in this order
    ADD COLUMN fallbacks jsonb NOT NULL DEFAULT '[]',
    -- the shop's sentence; or that, and a human has the conversation
    ADD COLUMN on_failure text NOT NULL DEFAULT 'sentence' CHECK (on_failure IN ('sentence', 'handoff'));

CREATE FUNCTION agent_snapshot(a agents) RETURNS jsonb LANGUAGE sql IMMUTABLE
RETURN jsonb_build_object(
    'name', a.name, 'role', a.role, 'provider', a.provider, 'base_url', a.base_url, 'model', a.model,
    'prompt', a.prompt, 'disclosure', a.disclosure, 'temperature', a.temperature,
    'max_output_tokens', a.max_output_tokens, 'enabled_tools', a.enabled_tools, 'fallbacks', a.fallbacks,
    'on_failure', a.on_failure);

-- A new version where anything that shapes an answer changed.
CREATE OR REPLACE FUNCTION apply_agent(spec jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    a agents;
    before jsonb;
BEGIN
    SELECT * INTO a FROM agents AS x WHERE x.tenant_id = tenant AND x.name = spec ->> 'name' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        INSERT INTO agents (tenant_id, name, provider, version) VALUES (tenant, spec ->> 'name', '', 0) RETURNING * INTO a;
    END IF;
    before := agent_snapshot(a);
    UPDATE agents AS x
    SET role = spec ->> 'role', provider = spec ->> 'provider', base_url = spec ->> 'base_url',
        model = spec ->> 'model', prompt = spec ->> 'prompt', disclosure = spec ->> 'disclosure',
        temperature = (spec ->> 'temperature')::double precision,
        max_output_tokens = (spec ->> 'max_output_tokens')::integer, quiet_ms = (spec ->> 'quiet_ms')::integer,
        max_wait_ms = (spec ->> 'max_wait_ms')::integer, max_messages = (spec ->> 'max_messages')::integer,
        fallbacks = coalesce(spec -> 'fallbacks', '[]'), on_failure = coalesce(spec ->> 'on_failure', 'sentence')
    WHERE x.tenant_id = tenant AND x.id = a.id RETURNING * INTO a;
    IF a.version = 0 OR agent_snapshot(a) <> before THEN
        UPDATE agents AS x SET version = x.version + 1, updated_at = now()
        WHERE x.tenant_id = tenant AND x.id = a.id RETURNING * INTO a;
        INSERT INTO agent_versions (tenant_id, agent_id, version, snapshot)
        VALUES (tenant, a.id, a.version, agent_snapshot(a));
    END IF;
    RETURN a.id;
END $$;

-- As the turn's agent was when the turn began.
CREATE FUNCTION on_failure_of(t turns, c conversations) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(
        (SELECT v.snapshot ->> 'on_failure' FROM steps AS s
         JOIN agent_versions AS v ON v.tenant_id = s.tenant_id AND v.agent_id = s.agent_id AND v.version = s.agent_version
         WHERE s.tenant_id = t.tenant_id AND s.turn_id = t.id AND s.step = 0),
        (SELECT g.on_failure FROM accounts AS a JOIN agents AS g ON g.tenant_id = a.tenant_id AND g.id = a.agent_id
         WHERE a.tenant_id = c.tenant_id AND a.id = c.account_id))
$$;

CREATE OR REPLACE FUNCTION op_fail_turn(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    locked record;
    t turns;
    c conversations;
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
    IF on_failure_of(t, c) = 'handoff' THEN
        PERFORM silence_agent(c.id, moment);
    END IF;
    SELECT x.epoch INTO STRICT speaks FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = c.id;
    INSERT INTO replies (tenant_id, id, conversation_id, turn_id, index, author, text, epoch, order_seq,
                         order_index, created_at)
    VALUES (tenant, (req ->> 'fallback')::uuid, c.id, t.id, 0, 'system',
            (SELECT x.fallback_text FROM tenants AS x WHERE x.id = tenant), speaks, t.last_seq, 0, moment);
    RETURN jsonb_build_object('replies', reply_ids(t.id));
END $$;

GRANT EXECUTE ON FUNCTION agent_snapshot, on_failure_of TO relevo_app;
