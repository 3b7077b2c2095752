-- What an operator may see: everything that says what became of a message, of every shop, and none of its words. Those are
-- for relevo_operator_text, which is an operator too. Neither role changes anything.

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'relevo_operator_text') THEN
        RAISE EXCEPTION 'the role relevo_operator_text is missing: a superuser runs docker/postgres/bootstrap.sql first';
    END IF;
END $$;

-- What the model was asked and said, but for the words. Finite: nothing that a provider adds gets in by itself.
CREATE FUNCTION about_step(request jsonb, response jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN jsonb_strip_nulls(jsonb_build_object(
    'cutoff', request -> 'cutoff',
    'passages', CASE jsonb_typeof(request -> 'passages') WHEN 'array' THEN jsonb_array_length(request -> 'passages') END,
    'provider', left(response ->> 'provider', 200), 'model', left(response ->> 'model', 200),
    -- why the models before it were asked in vain
    'in_vain', nullif(jsonb_path_query_array(response, '$.in_vain[*].code'), '[]'),
    'finish_reason', left(response ->> 'finish_reason', 200), 'usage', response -> 'usage'));
GRANT EXECUTE ON FUNCTION about_step TO relevo_app;
ALTER TABLE steps ADD COLUMN about jsonb GENERATED ALWAYS AS (about_step(request, response)) STORED;

-- `at` moves when an attempt ends; this is when it began.
ALTER TABLE deliveries ADD COLUMN claimed_at timestamptz;
CREATE FUNCTION note_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.claimed_at := NEW.at;
    RETURN NEW;
END $$;
GRANT EXECUTE ON FUNCTION note_claim TO relevo_app;
CREATE TRIGGER note_claim BEFORE INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION note_claim();

REVOKE SELECT ON dead_letters, archive, timers FROM relevo_operator;
GRANT SELECT (id, slug, name, language, created_at) ON tenants TO relevo_operator;
GRANT SELECT (tenant_id, id, name, provider, model, version, updated_at) ON agents TO relevo_operator;
GRANT SELECT ON accounts, aliases, conversations, turns, answers, deliveries TO relevo_operator;
GRANT SELECT (tenant_id, id, created_at) ON contacts TO relevo_operator;
GRANT SELECT (ctid, tenant_id, id, conversation_id, account_id, seq, direction, author, kind, type, event_id, in_reply_to,
              at, appended_at, turn_id, reply_id, trace) ON messages TO relevo_operator;  -- ctid: to go through it in order
GRANT SELECT (tenant_id, turn_id, step, agent_id, agent_version, created_at, answered_at, about) ON steps
    TO relevo_operator;
GRANT SELECT (tenant_id, id, turn_id, step, index, tool, writes, status, started_at, ended_at) ON tool_calls
    TO relevo_operator;
GRANT SELECT (tenant_id, id, conversation_id, turn_id, index, author, status, reason, epoch, order_seq, order_index,
              due_at, asked_at, created_at) ON replies TO relevo_operator;
GRANT SELECT (tenant_id, account_id, event_id, type, appended_at) ON archive TO relevo_operator;
GRANT SELECT (id, tenant_id, due_at, topic, key, headers, parks, leased_until, created_at, life) ON timers
    TO relevo_operator;
GRANT SELECT (id, tenant_id, stage, topic, partition, record_offset, record_key, headers, code, text, attempts, at)
    ON dead_letters TO relevo_operator;

GRANT USAGE ON SCHEMA public TO relevo_operator_text;
GRANT SELECT (text, metadata) ON messages TO relevo_operator_text;
GRANT SELECT (request, response) ON steps TO relevo_operator_text;
GRANT SELECT (arguments, result) ON tool_calls TO relevo_operator_text;
GRANT SELECT (text) ON replies TO relevo_operator_text;
GRANT SELECT (raw) ON archive TO relevo_operator_text;
GRANT SELECT (value) ON timers, dead_letters TO relevo_operator_text;

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['tenants', 'agents', 'accounts', 'contacts', 'aliases', 'conversations', 'messages',
                                  'turns', 'steps', 'tool_calls', 'answers', 'replies', 'deliveries'] LOOP
        EXECUTE format('CREATE POLICY operator_reads ON %I FOR SELECT TO relevo_operator USING (true)', target);
    END LOOP;
END $$;
