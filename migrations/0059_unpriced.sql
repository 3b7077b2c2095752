-- A hard budget says beforehand which models it keeps from being asked: those without a price in its currency.

-- [{"provider", "base_url", "model"}] that agents ask whose calls the hard budget counts, their fallbacks too, and of which no
-- price in its currency is known; of a budget without a hard limit none. Which providers nobody bills the caller knows.
CREATE FUNCTION unpriced_models(b budgets, moment timestamptz) RETURNS jsonb LANGUAGE sql STABLE AS $$
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
GRANT EXECUTE ON FUNCTION unpriced_models TO relevo_app, relevo_operator;
GRANT EXECUTE ON FUNCTION price_of TO relevo_operator;
GRANT SELECT (base_url, fallbacks, removed_at) ON agents TO relevo_operator;

-- As in 0046, with "unpriced".
CREATE OR REPLACE FUNCTION op_budgets(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
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

-- As in 0054; the result is "unknown", or what unpriced_models says of the budget.
CREATE OR REPLACE FUNCTION op_set_budget(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
