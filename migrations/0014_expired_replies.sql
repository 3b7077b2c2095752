-- What can no longer be sent is settled, so that the books balance and nothing waits behind it. What became of the
-- bubble: {"state": "delivered"}, or "closed" with its reason; a replay of an old record may come long after the customer
-- has read it.

CREATE FUNCTION op_expire_reply(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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

GRANT EXECUTE ON FUNCTION op_expire_reply TO relevo_app;
