-- What models were asked before 0041, which counts calls: no price was known. In a transaction of its own: with millions of steps
-- it takes minutes, and 0041 has locked the shops' rows.
DO $$
DECLARE
    tenant bigint;
BEGIN
    FOR tenant IN SELECT t.id FROM list_tenants() AS t LOOP
        PERFORM set_config('app.tenant_id', tenant::text, true);
        INSERT INTO model_calls (tenant_id, turn_id, step, attempt, conversation_id, agent_id, provider, model, free, status,
                                 reserved_at, expires_at, input_tokens, cached_tokens, output_tokens, reported, cost, ended_at)
        SELECT tenant, s.turn_id, s.step, 1, t.conversation_id, coalesce(s.agent_id, a.agent_id), u.provider,
               coalesce(s.response ->> 'model', ''), u.provider = 'offline', 'settled', s.answered_at, s.answered_at,
               coalesce((s.response #>> '{usage,input_tokens}')::bigint, 0), 0,
               coalesce((s.response #>> '{usage,output_tokens}')::bigint, 0),
               coalesce((s.response #>> '{usage,reported}')::boolean, false),
               CASE u.provider WHEN 'offline' THEN 0 END, s.answered_at
        FROM steps AS s
        JOIN turns AS t ON t.tenant_id = tenant AND t.id = s.turn_id
        JOIN conversations AS v ON v.tenant_id = tenant AND v.id = t.conversation_id
        JOIN accounts AS a ON a.tenant_id = tenant AND a.id = v.account_id,
        LATERAL (SELECT coalesce(s.response ->> 'provider', '') AS provider) AS u
        WHERE s.tenant_id = tenant AND s.response IS NOT NULL AND s.answered_at IS NOT NULL
        ON CONFLICT DO NOTHING;
    END LOOP;
    PERFORM set_config('app.tenant_id', '', true);
END $$;
