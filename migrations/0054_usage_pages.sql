-- Usage of turns and of conversations by the page, a call's tokens bounded where a hard limit counts them, and agents that are
-- renamed: from now on by their ids, whatever names an agent.

-- ---- usage

-- As in 0046; of the "turns", or of the "conversations", that are named, else of all: each by its own index.
CREATE OR REPLACE FUNCTION usage_lines(req jsonb)
RETURNS TABLE (shop text, key text, cost jsonb, calls numeric, in_vain numeric, input numeric, cached numeric, output numeric,
               unpriced numeric, estimated numeric, lost numeric) LANGUAGE sql STABLE AS $$
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

-- As in 0046, but of turns and of conversations, which are many, only those of the page are summed up. Which these are is planned
-- anew each time: a wide span by the key, as far as the page goes, a narrow one by its time (0055).
CREATE OR REPLACE FUNCTION op_list_usage(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
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
END $$;

-- ---- calls

-- As in 0041; "bounded" where a hard limit counts what the call's answer costs, so that its length must be limited.
ALTER FUNCTION op_reserve_call(jsonb) RENAME TO reserve_call;
CREATE FUNCTION op_reserve_call(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
GRANT EXECUTE ON FUNCTION op_reserve_call TO relevo_app;

-- ---- budgets

-- As in 0041, or of "agent_id": a name may be another agent's by now.
CREATE OR REPLACE FUNCTION op_set_budget(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    agent bigint := (SELECT a.id FROM agents AS a
                     WHERE a.tenant_id = app_tenant()
                       AND CASE WHEN req ? 'agent_id' THEN a.id = (req ->> 'agent_id')::bigint ELSE a.name = req ->> 'agent' END);
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
    PERFORM begin_period(made, from_millis((req ->> 'now')::bigint));
    RETURN 'null';
END $$;

-- As in 0046, by the agent's id throughout.
CREATE OR REPLACE FUNCTION op_put_budget(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

-- As in 0046, by the agent's id throughout.
CREATE OR REPLACE FUNCTION op_drop_budget(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(budgets_lock());
    DELETE FROM budgets AS b
    WHERE b.tenant_id = app_tenant() AND b.period = req ->> 'period'
      AND b.agent_id IS NOT DISTINCT FROM (req ->> 'agent')::bigint;
    RETURN to_jsonb(FOUND);
END $$;

-- ---- agents

-- {"agent", "name", "settings"}: what would be published of it, and what it is called from now on; what is left out stays. "done",
-- "not_found", or "taken" where another one has the name.
CREATE FUNCTION op_change_agent(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
GRANT EXECUTE ON FUNCTION op_change_agent TO relevo_app;
