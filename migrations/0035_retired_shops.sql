-- A shop that leaves. First its accounts take nothing any more; once what they took is through, its secrets go. Its rows stay
-- for the books, until retention takes them. Applied again it is back, under the same addresses.

ALTER TABLE tenants ADD COLUMN retired_at timestamptz;

-- Whether accounts of other shops stand under the addresses of the transaction's shop: they live by its secrets.
CREATE FUNCTION has_guests() RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT EXISTS (SELECT FROM endpoints AS e JOIN accounts AS a ON a.endpoint_id = e.id
                   WHERE e.tenant_id = nullif(current_setting('app.tenant_id', true), '')::bigint
                     AND a.tenant_id <> e.tenant_id AND a.retired_at IS NULL)
$$;
GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION has_guests OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION has_guests FROM PUBLIC;
GRANT EXECUTE ON FUNCTION has_guests TO relevo_app;

-- Where it still has something to say: to messages that no turn has taken, in a turn, or in bubbles that are not sent.
CREATE FUNCTION open_conversations() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*)
    FROM (SELECT t.conversation_id FROM turns AS t WHERE t.tenant_id = app_tenant() AND t.status = 'open'
          UNION SELECT r.conversation_id FROM replies AS r WHERE r.tenant_id = app_tenant() AND r.status = 'pending'
          UNION SELECT m.conversation_id
                FROM messages AS m JOIN conversations AS c ON c.id = m.conversation_id AND c.tenant_id = m.tenant_id
                WHERE m.tenant_id = app_tenant() AND m.turn_id IS NULL AND m.direction = 'in' AND m.kind = 'message'
                  AND c.mode = 'agent' AND m.seq > c.handled_seq) AS o
$$;

CREATE FUNCTION op_shop_standing(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'retired', (SELECT t.retired_at IS NOT NULL FROM tenants AS t WHERE t.id = app_tenant()),
        'guests', has_guests(),
        'accounts', (SELECT count(*) FROM accounts AS a WHERE a.tenant_id = app_tenant() AND a.retired_at IS NULL),
        'conversations', open_conversations(),
        'replies', (SELECT count(*) FROM replies AS r WHERE r.tenant_id = app_tenant() AND r.status = 'pending'),
        'credentials', (SELECT count(*) FROM credentials AS c WHERE c.tenant_id = app_tenant()))
$$;

-- As in 0019, but that the page of a shop that gave it up finds nobody to talk to. Webhooks go on: what they bring is stored.
CREATE OR REPLACE FUNCTION find_endpoint(wanted_channel text, wanted_key text)
RETURNS TABLE (id bigint, tenant_id bigint, channel text, account text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT e.id, e.tenant_id, e.channel, coalesce(sole_account(e.id), '')
    FROM endpoints AS e
    WHERE e.channel = wanted_channel AND e.key = wanted_key
      AND (e.channel <> 'web'
           OR EXISTS (SELECT FROM accounts AS a WHERE a.endpoint_id = e.id AND a.retired_at IS NULL))
$$;

-- What the shop had, and whether it has left now. Nothing is done while it has guests. Its secrets stay while a conversation is
-- open, and for two minutes: a message that found its account still there may be stored until then (no handler runs longer).
CREATE FUNCTION op_retire_shop(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    standing jsonb := op_shop_standing('{}');
    closed timestamptz := (SELECT max(a.retired_at) FROM accounts AS a WHERE a.tenant_id = app_tenant());
BEGIN
    IF (standing ->> 'guests')::boolean THEN
        RETURN standing;
    END IF;
    UPDATE accounts AS a SET retired_at = now() WHERE a.tenant_id = app_tenant() AND a.retired_at IS NULL;
    IF (standing ->> 'accounts')::bigint > 0 THEN
        UPDATE vault SET changes = changes + 1;  -- addresses are cached with their secrets
    END IF;
    IF (standing ->> 'accounts')::bigint > 0 OR (standing ->> 'conversations')::bigint > 0
       OR closed > now() - interval '2 minutes' THEN
        RETURN standing;
    END IF;
    DELETE FROM credentials AS c WHERE c.tenant_id = app_tenant();
    UPDATE tenants AS t SET retired_at = now() WHERE t.id = app_tenant() AND t.retired_at IS NULL;
    RETURN standing || '{"retired": true}';
END $$;

-- As before, and "retired".
CREATE OR REPLACE FUNCTION op_list_addresses(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'retired', (SELECT t.retired_at IS NOT NULL FROM tenants AS t WHERE t.id = app_tenant()),
        'endpoints', (SELECT coalesce(jsonb_agg(jsonb_build_object('id', e.id, 'channel', e.channel, 'key', e.key)), '[]')
                      FROM endpoints AS e WHERE e.tenant_id = app_tenant()),
        'accounts', (SELECT coalesce(jsonb_agg(jsonb_build_object('channel', a.channel, 'endpoint', a.endpoint_id,
                                                                  'account', a.external_id)
                                               ORDER BY a.created_at, a.external_id), '[]')
                     FROM accounts AS a WHERE a.tenant_id = app_tenant() AND a.retired_at IS NULL))
$$;

-- As before, and the shop is back.
CREATE OR REPLACE FUNCTION op_apply_shop(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    agent bigint;
    account jsonb;
BEGIN
    IF NOT hold_newest_key(req -> 'credentials') THEN
        RETURN '{"stale": true}';
    END IF;
    UPDATE tenants AS t
    SET name = req ->> 'name', language = req ->> 'language', synonyms = req -> 'synonyms',
        fallback_text = coalesce(nullif(req ->> 'fallback_text', ''), t.fallback_text), retired_at = NULL
    WHERE t.id = tenant;
    agent := apply_agent(req -> 'agent');
    FOR account IN SELECT jsonb_array_elements(req -> 'accounts') LOOP
        PERFORM apply_account(account, agent);
    END LOOP;
    UPDATE accounts AS a SET retired_at = now()
    WHERE a.tenant_id = tenant AND a.retired_at IS NULL
      AND a.id NOT IN (SELECT (k ->> 'account_id')::uuid FROM jsonb_array_elements(req -> 'accounts') AS k);
    PERFORM put_credentials(req -> 'credentials');
    PERFORM apply_catalogue(req -> 'catalogue');
    RETURN 'null';
END $$;

GRANT EXECUTE ON FUNCTION open_conversations, op_shop_standing, op_retire_shop TO relevo_app;
