-- Invitations that a shop's own people draw, and requests that may be tried again where they failed.

-- ---- invitations

-- Whoever opens an invitation with a password owns their e-mail address in the whole installation. An operator hands it to that
-- person; a shop may have written any address into a user of its own. So what an operator's invitation gave stays, and what a
-- shop's gave ends where an operator's gives the address to somebody. All that there are so far were an operator's.
ALTER TABLE user_tickets ADD COLUMN vouched boolean NOT NULL DEFAULT true;
ALTER TABLE user_passwords ADD COLUMN vouched boolean NOT NULL DEFAULT true;

-- The user who drew it; null: an operator. It is good as long as they might draw it: else whoever is about to be
-- dismissed draws one for a colleague, and signs in as them afterwards. Where they are gone it is no good either.
ALTER TABLE user_tickets ADD COLUMN drawn_by uuid;

CREATE OR REPLACE FUNCTION op_add_ticket(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    u users;
BEGIN
    SELECT * INTO u FROM users AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'user')::uuid AND x.status <> 'disabled' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(permissions_of(u.id), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    INSERT INTO user_tickets (tenant_id, user_id, hash, bound, vouched, drawn_by, created_at, expires_at)
    VALUES (u.tenant_id, u.id, decode(req ->> 'hash', 'hex'), coalesce(req #> '{actor,may}', '[]'),
            coalesce(req #>> '{actor,kind}' = 'operator', false),
            CASE WHEN req #>> '{actor,kind}' = 'user' THEN (req #>> '{actor,id}')::uuid END,
            from_millis((req ->> 'now')::bigint), from_millis((req ->> 'expires_at')::bigint))
    ON CONFLICT (user_id, tenant_id) DO UPDATE
    SET hash = excluded.hash, bound = excluded.bound, vouched = excluded.vouched, drawn_by = excluded.drawn_by,
        created_at = excluded.created_at, expires_at = excluded.expires_at;
    PERFORM note_change(req -> 'actor', 'user.invite', 'user:' || u.id, NULL,
                        jsonb_build_object('expires_at', req -> 'expires_at'));
    RETURN '"done"';
END $$;

-- Ends the password of another shop's user who has the address by that shop's own word.
CREATE FUNCTION free_address(address text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    here text := current_setting('app.tenant_id');
    named record;
BEGIN
    SELECT * INTO named FROM find_login(address);
    IF NOT FOUND THEN
        RETURN;
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    DELETE FROM user_passwords AS p
    WHERE p.tenant_id = named.tenant_id AND p.user_id = named.user_id AND NOT p.vouched;
    IF FOUND THEN
        UPDATE users AS x SET status = 'invited', updated_at = now()
        WHERE x.tenant_id = named.tenant_id AND x.id = named.user_id AND x.status = 'active';
        UPDATE sessions AS s SET ended_at = now()
        WHERE s.tenant_id = named.tenant_id AND s.user_id = named.user_id AND s.ended_at IS NULL;
        PERFORM note_change('{"kind": "operator", "id": "invitation", "name": "an operator''s invitation of somebody else"}',
                            'user.end_password', 'user:' || named.user_id, NULL, NULL);
    END IF;
    PERFORM set_config('app.tenant_id', here, true);
END $$;
GRANT EXECUTE ON FUNCTION free_address TO relevo_app;

CREATE OR REPLACE FUNCTION op_redeem_ticket(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    wanted bytea := decode(req ->> 'hash', 'hex');
    named record;
    u users;
    k api_keys;
    themselves jsonb;
    vouched_now boolean;
    vouched_before boolean;
BEGIN
    SELECT * INTO named FROM find_ticket(wanted);
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    SELECT * INTO u FROM users AS x WHERE x.tenant_id = named.tenant_id AND x.id = named.user_id FOR NO KEY UPDATE;
    IF NOT FOUND OR u.status = 'disabled' THEN
        RETURN 'null';
    END IF;
    DELETE FROM user_tickets AS t
    WHERE t.tenant_id = u.tenant_id AND t.user_id = u.id AND t.hash = wanted AND t.expires_at > moment
      AND t.bound @> permissions_of(u.id)
      AND (t.drawn_by IS NULL
           OR EXISTS (SELECT FROM users AS d
                      WHERE d.tenant_id = u.tenant_id AND d.id = t.drawn_by AND d.status = 'active')
              AND permissions_of(t.drawn_by) @> permissions_of(u.id) AND permissions_of(t.drawn_by) ? 'users.invite')
    RETURNING t.vouched INTO vouched_now;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    DELETE FROM user_identities AS i WHERE i.tenant_id = u.tenant_id AND i.user_id = u.id;
    -- it had the same address: changing that ends the password
    DELETE FROM user_passwords AS p WHERE p.tenant_id = u.tenant_id AND p.user_id = u.id
    RETURNING p.vouched INTO vouched_before;
    IF req ? 'password_hash' THEN
        IF vouched_now THEN
            PERFORM free_address(u.email);
        END IF;
        INSERT INTO user_passwords (tenant_id, user_id, email, hash, vouched, changed_at)
        VALUES (u.tenant_id, u.id, u.email, req ->> 'password_hash', vouched_now OR coalesce(vouched_before, false), moment);
    ELSE
        INSERT INTO user_identities (tenant_id, user_id, issuer, subject, created_at)
        VALUES (u.tenant_id, u.id, req ->> 'issuer', req ->> 'subject', moment);
    END IF;
    UPDATE users AS x SET status = 'active', updated_at = moment WHERE x.tenant_id = u.tenant_id AND x.id = u.id;
    UPDATE sessions AS s SET ended_at = moment
    WHERE s.tenant_id = u.tenant_id AND s.user_id = u.id AND s.ended_at IS NULL;
    themselves := jsonb_build_object('kind', 'user', 'id', u.id, 'name', u.name);
    FOR k IN UPDATE api_keys AS x SET revoked_at = moment
             WHERE x.tenant_id = u.tenant_id AND x.owner_id = u.id AND x.revoked_at IS NULL RETURNING * LOOP
        PERFORM note_change(themselves, 'key.revoke', 'key:' || k.id, NULL, api_key_facts(k));
    END LOOP;
    PERFORM note_change(themselves, 'user.prove', 'user:' || u.id, jsonb_build_object('status', u.status),
                        jsonb_build_object('status', 'active', 'signs_in_with', coalesce(req ->> 'issuer', 'password')));
    RETURN person_of(u.id);
EXCEPTION WHEN unique_violation THEN
    -- somebody else of the installation has that proof: all of the above is undone, the ticket too
    RETURN 'null';
END $$;

-- ---- requests that come again

-- Whether nothing came of an operation: what was not made may be made by a repetition. What a step read in vain is looked for
-- again, too.
CREATE FUNCTION came_to_nothing(result jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE jsonb_typeof(result)
               WHEN 'string' THEN result <> '"done"'
               WHEN 'object' THEN result ?| ARRAY['refused', 'taken', 'taken_by']
               ELSE coalesce(result, 'null') = 'null' END
$$;
GRANT EXECUTE ON FUNCTION came_to_nothing TO relevo_app;

-- As in 0040, but a step that came to nothing is done again, and what followed it is not what follows now. Its row stays until
-- then: the key stands for that request all the same.
CREATE OR REPLACE FUNCTION op_guarded(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant text := coalesce(current_setting('app.tenant_id', true), '');
    once jsonb := req -> 'once';
    its_key bytea := decode(once ->> 'key', 'hex');
    its_request bytea := decode(once ->> 'request', 'hex');
    its_step integer := (once ->> 'step')::integer;
    moment timestamptz := from_millis((once ->> 'now')::bigint);
    earlier api_requests;
    was_seen jsonb;
    result jsonb;
BEGIN
    IF once IS NOT NULL THEN
        -- goes with the transaction, however that ends
        IF NOT pg_try_advisory_xact_lock(
            hashtextextended(concat_ws(' ', 'api', tenant, once ->> 'caller', once ->> 'key'), 0)) THEN
            RETURN '{"refused": "in_flight"}';
        END IF;
        SELECT * INTO earlier FROM api_requests AS r
        WHERE r.key = its_key AND r.caller = once ->> 'caller' AND r.step = its_step
          AND r.tenant_id IS NOT DISTINCT FROM app_tenant();
        IF FOUND AND earlier.made_at > moment - interval '24 hours' THEN
            IF earlier.request <> its_request THEN
                RETURN '{"refused": "another"}';
            END IF;
            IF NOT came_to_nothing(earlier.result) THEN
                RETURN jsonb_build_object('done', earlier.result, 'repeated', true);
            END IF;
        END IF;
    END IF;
    IF req ? 'seen' THEN
        -- one such change of a shop at a time
        PERFORM lock_people();
        FOR was_seen IN SELECT jsonb_array_elements(req -> 'seen') LOOP
            EXECUTE format('SELECT %I($1)', 'op_' || (was_seen ->> 'op')) INTO result USING was_seen -> 'request';
            IF result IS DISTINCT FROM was_seen -> 'result' THEN
                RETURN '{"refused": "changed"}';
            END IF;
        END LOOP;
    END IF;
    EXECUTE format('SELECT %I($1)', 'op_' || (req ->> 'op')) INTO result USING req -> 'request';
    IF once IS NOT NULL THEN
        -- one that makes a tenant goes on as that
        PERFORM set_config('app.tenant_id', tenant, true);
        DELETE FROM api_requests AS r
        WHERE r.key = its_key AND r.caller = once ->> 'caller' AND r.step >= its_step
          AND r.tenant_id IS NOT DISTINCT FROM app_tenant();
        INSERT INTO api_requests (tenant_id, caller, key, step, request, result, made_at)
        VALUES (app_tenant(), once ->> 'caller', its_key, its_step, its_request, result, moment);
    END IF;
    RETURN jsonb_build_object('done', result, 'repeated', false);
END $$;
