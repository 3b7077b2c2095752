-- How the process speaks to the database: op_NAME(request) answers one call for the tenant of the transaction.
-- All of them are SECURITY INVOKER, so that the policies hold for each row that they touch.

-- Runs one operation for each item of [{"t": tenant or null, "r": request}, …]: one round trip, one commit. Items
-- run in the order of their conversations, so that two batches that meet the same ones do not wait for each
-- other in a circle. The prefix is what keeps `op` from naming anything else.
CREATE FUNCTION run_batch(op text, batch jsonb) RETURNS TABLE (place integer, result text)
LANGUAGE plpgsql AS $$
DECLARE
    statement text := format('SELECT (%I($1))::text', 'op_' || op);
    item record;
BEGIN
    IF jsonb_array_length(batch) = 1 THEN
        PERFORM set_config('app.tenant_id', coalesce(batch #>> '{0,t}', ''), true);
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
        PERFORM set_config('app.tenant_id', coalesce(item.tenant, ''), true);
        place := item.nth - 1;
        EXECUTE statement INTO result USING item.request;
        RETURN NEXT;
    END LOOP;
END $$;

-- The conversation that a request is about, which is what it will lock; '' where it locks none.
CREATE FUNCTION batch_key(tenant text, request jsonb) RETURNS text LANGUAGE plpgsql AS $$
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

CREATE FUNCTION op_ping(req jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE RETURN 'null'::jsonb;

GRANT EXECUTE ON FUNCTION run_batch, batch_key, op_ping TO relevo_app;
