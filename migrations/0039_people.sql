-- Who may do what, and what they prove it with. Whoever presents something is looked up across the tenants by an exact match
-- (find_…: ids only); all the rest is read and changed as that tenant, under its policies. Secrets are stored as hashes, and
-- every change is noted in the transaction that makes it.

CREATE TABLE users (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id uuid NOT NULL UNIQUE,
    email text NOT NULL CHECK (email = lower(email) AND email LIKE '_%@_%' AND length(email) <= 320),
    name text NOT NULL DEFAULT '' CHECK (length(name) <= 200),
    status text NOT NULL DEFAULT 'invited' CHECK (status IN ('invited', 'active', 'disabled')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, tenant_id),
    UNIQUE (email, tenant_id),
    UNIQUE (id, email, tenant_id)
);
SELECT protect_tenant_rows('users');

-- What an issuer's token proves. It opens one user of the installation.
CREATE TABLE user_identities (
    tenant_id bigint NOT NULL,
    user_id uuid NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject),
    FOREIGN KEY (user_id, tenant_id) REFERENCES users (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX user_identities_of_user ON user_identities (user_id, tenant_id);
SELECT protect_tenant_rows('user_identities');

-- argon2id's text, salt and limits in it. The address was proven by opening a mail: another one needs a new proof, so that
-- nobody can take an address by writing it into a user of theirs.
CREATE TABLE user_passwords (
    tenant_id bigint NOT NULL,
    user_id uuid NOT NULL,
    email text NOT NULL UNIQUE,
    hash text NOT NULL,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, tenant_id),
    FOREIGN KEY (user_id, email, tenant_id) REFERENCES users (id, email, tenant_id) ON DELETE CASCADE
);
SELECT protect_tenant_rows('user_passwords');

CREATE TABLE sessions (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    last4 text NOT NULL,
    created_at timestamptz NOT NULL,
    used_at timestamptz NOT NULL,  -- to the minute
    expires_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (user_id, tenant_id) REFERENCES users (id, tenant_id) ON DELETE CASCADE
);
CREATE INDEX sessions_of_user ON sessions (user_id, tenant_id);
SELECT protect_tenant_rows('sessions');

-- The one invitation or reset that a user has; gone once it was used. `bound`: what its maker might do. For a user who may do
-- more by then it is no good, or else whoever resets a viewer today is an administrator when the viewer becomes one.
CREATE TABLE user_tickets (
    tenant_id bigint NOT NULL,
    user_id uuid NOT NULL,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    bound jsonb NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, tenant_id),
    FOREIGN KEY (user_id, tenant_id) REFERENCES users (id, tenant_id) ON DELETE CASCADE
);
SELECT protect_tenant_rows('user_tickets');

CREATE TABLE api_keys (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) <= 200),
    scopes text[] NOT NULL,
    hash bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
    last4 text NOT NULL,
    owner_id uuid,     -- whose rights bound it; null: an operator made it
    operator_id uuid,  -- it opens as long as they are one; null too: made at the command line, or by the token's bearer
    created_at timestamptz NOT NULL,
    used_at timestamptz,  -- to the minute
    expires_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (owner_id, tenant_id) REFERENCES users (id, tenant_id)
);
CREATE INDEX api_keys_of_tenant ON api_keys (tenant_id, created_at);
SELECT protect_tenant_rows('api_keys');

-- {"agents": ["read", "write"], …}. Of no tenant: built in, for every shop. src/domain/permissions.cpp lists what there is.
CREATE TABLE roles (
    tenant_id bigint REFERENCES tenants,
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
    permissions jsonb NOT NULL CHECK (jsonb_typeof(permissions) = 'object'),
    UNIQUE NULLS NOT DISTINCT (name, tenant_id)
);
INSERT INTO roles (name, permissions) VALUES
    ('admin', '{"agents": ["read", "write"], "tools": ["read", "write"], "channels": ["read", "write"],
                "knowledge": ["read", "write"], "users": ["read", "write", "invite", "audit"], "vault": ["read", "write"],
                "conversations": ["read", "write", "reply", "erase"], "billing": ["read", "write"]}'),
    ('editor', '{"agents": ["read", "write"], "tools": ["read", "write"], "channels": ["read", "write"],
                 "knowledge": ["read", "write"], "users": ["read"], "vault": ["read"],
                 "conversations": ["read", "write", "reply"]}'),
    ('viewer', '{"agents": ["read"], "tools": ["read"], "channels": ["read"], "knowledge": ["read"],
                 "conversations": ["read"]}');
SELECT protect_tenant_rows('roles');
CREATE POLICY built_in ON roles FOR SELECT TO relevo_app USING (tenant_id IS NULL);

CREATE TABLE user_roles (
    tenant_id bigint NOT NULL,
    user_id uuid NOT NULL,
    role_id bigint NOT NULL REFERENCES roles,
    PRIMARY KEY (user_id, role_id, tenant_id),
    FOREIGN KEY (user_id, tenant_id) REFERENCES users (id, tenant_id) ON DELETE CASCADE
);
SELECT protect_tenant_rows('user_roles');
-- A foreign key looks past policies: another shop's role is refused here.
CREATE POLICY visible_role ON user_roles AS RESTRICTIVE FOR INSERT TO relevo_app
    WITH CHECK (EXISTS (SELECT FROM roles AS r WHERE r.id = role_id));

-- Who run the installation. Only its owner adds them.
CREATE TABLE platform_operators (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    name text NOT NULL,
    issuer text NOT NULL,
    subject text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (issuer, subject)
);

-- Who changed what. Append-only: nobody is granted more, and the trigger refuses whoever owns the table or obeys no policy.
CREATE TABLE audit_log (
    tenant_id bigint,  -- null: what concerns the installation
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    actor_kind text NOT NULL,
    actor_id text NOT NULL,
    actor_name text NOT NULL,
    trace text NOT NULL,
    action text NOT NULL,
    subject text NOT NULL,
    before jsonb,
    after jsonb
);
CREATE INDEX audit_log_of_tenant ON audit_log ((coalesce(tenant_id, 0)), id);
CREATE INDEX audit_log_of_subject ON audit_log ((coalesce(tenant_id, 0)), subject, id);
ALTER TABLE audit_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE audit_log FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON audit_log
    USING (tenant_id IS NOT DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::bigint)
    WITH CHECK (tenant_id IS NOT DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::bigint);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% only grows', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
ALTER TABLE audit_log ENABLE ALWAYS TRIGGER only_grows;

-- How often somebody tried to sign in lately. Of no tenant, because who tries is nobody yet; digests, because whoever reads it
-- needs no addresses. A try that succeeded is none.
CREATE TABLE sign_in_attempts (
    id uuid NOT NULL,
    key bytea NOT NULL CHECK (length(key) = 32),
    counts_until timestamptz NOT NULL,
    PRIMARY KEY (id, key)
);
CREATE INDEX sign_in_attempts_of_key ON sign_in_attempts (key, counts_until);
CREATE INDEX sign_in_attempts_over ON sign_in_attempts (counts_until);

GRANT SELECT, INSERT, UPDATE, DELETE ON sign_in_attempts TO relevo_app;
GRANT SELECT, INSERT, UPDATE ON users TO relevo_app;
GRANT SELECT, INSERT, DELETE ON user_identities, user_roles TO relevo_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON user_passwords, sessions, user_tickets TO relevo_app;
GRANT SELECT, INSERT, UPDATE (used_at, revoked_at) ON api_keys TO relevo_app;
GRANT SELECT, INSERT, UPDATE (permissions), DELETE ON roles TO relevo_app;
GRANT SELECT ON platform_operators TO relevo_app;
GRANT SELECT, INSERT ON audit_log TO relevo_app;

-- What crosses tenants: ids, by an exact match.
GRANT SELECT (tenant_id, user_id, issuer, subject) ON user_identities TO relevo_router;
GRANT SELECT (tenant_id, user_id, email) ON user_passwords TO relevo_router;
GRANT SELECT (tenant_id, id, hash) ON sessions TO relevo_router;
GRANT SELECT (tenant_id, id, hash) ON api_keys TO relevo_router;
GRANT SELECT (tenant_id, user_id, hash) ON user_tickets TO relevo_router;
CREATE POLICY router_reads ON user_identities FOR SELECT TO relevo_router USING (true);
CREATE POLICY router_reads ON user_passwords FOR SELECT TO relevo_router USING (true);
CREATE POLICY router_reads ON sessions FOR SELECT TO relevo_router USING (true);
CREATE POLICY router_reads ON api_keys FOR SELECT TO relevo_router USING (true);
CREATE POLICY router_reads ON user_tickets FOR SELECT TO relevo_router USING (true);

CREATE FUNCTION find_identity(wanted_issuer text, wanted_subject text) RETURNS TABLE (tenant_id bigint, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT i.tenant_id, i.user_id FROM user_identities AS i
    WHERE i.issuer = wanted_issuer AND i.subject = wanted_subject
$$;
CREATE FUNCTION find_login(wanted_email text) RETURNS TABLE (tenant_id bigint, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT p.tenant_id, p.user_id FROM user_passwords AS p WHERE p.email = lower(wanted_email)
$$;
CREATE FUNCTION find_session(wanted_hash bytea) RETURNS TABLE (tenant_id bigint, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT s.tenant_id, s.id FROM sessions AS s WHERE s.hash = wanted_hash
$$;
CREATE FUNCTION find_api_key(wanted_hash bytea) RETURNS TABLE (tenant_id bigint, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT k.tenant_id, k.id FROM api_keys AS k WHERE k.hash = wanted_hash
$$;
CREATE FUNCTION find_ticket(wanted_hash bytea) RETURNS TABLE (tenant_id bigint, user_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT t.tenant_id, t.user_id FROM user_tickets AS t WHERE t.hash = wanted_hash
$$;
GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION find_identity OWNER TO relevo_router;
ALTER FUNCTION find_login OWNER TO relevo_router;
ALTER FUNCTION find_session OWNER TO relevo_router;
ALTER FUNCTION find_api_key OWNER TO relevo_router;
ALTER FUNCTION find_ticket OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION find_identity, find_login, find_session, find_api_key, find_ticket FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_identity, find_login, find_session, find_api_key, find_ticket TO relevo_app;

-- ["agents.read", …]: what all their roles allow together.
CREATE FUNCTION permissions_of(person uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(DISTINCT format('%s.%s', m.key, a.action)), '[]')
    FROM user_roles AS u JOIN roles AS r ON r.id = u.role_id
    CROSS JOIN LATERAL jsonb_each(r.permissions) AS m
    CROSS JOIN LATERAL jsonb_array_elements_text(m.value) AS a(action)
    WHERE u.tenant_id = app_tenant() AND u.user_id = person
$$;

CREATE FUNCTION role_names_of(person uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(r.name ORDER BY r.name), '[]') FROM user_roles AS u JOIN roles AS r ON r.id = u.role_id
    WHERE u.tenant_id = app_tenant() AND u.user_id = person
$$;

-- Null for whoever is not an active user of the tenant, and for everybody of a shop that left.
CREATE FUNCTION person_of(person uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('tenant', u.tenant_id, 'user', u.id, 'email', u.email, 'name', u.name,
                              'permissions', permissions_of(u.id))
    FROM users AS u JOIN tenants AS t ON t.id = u.tenant_id AND t.retired_at IS NULL
    WHERE u.tenant_id = app_tenant() AND u.id = person AND u.status = 'active'
$$;

CREATE FUNCTION note_change(actor jsonb, action text, subject text, before jsonb, after jsonb) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO audit_log (tenant_id, actor_kind, actor_id, actor_name, trace, action, subject, before, after)
    VALUES (app_tenant(), actor ->> 'kind', actor ->> 'id', actor ->> 'name', coalesce(actor ->> 'trace', ''), action,
            subject, before, after)
$$;

-- Who changes something: whom the request names ("actor"), or else the operator at whose command line the connection was made
-- (app.operator), or else the process by itself.
CREATE FUNCTION acting() RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    named jsonb := nullif(current_setting('app.actor', true), '')::jsonb;
    at_terminal text := nullif(current_setting('app.operator', true), '');
BEGIN
    IF named IS NOT NULL THEN
        RETURN named;
    ELSIF at_terminal IS NOT NULL THEN
        RETURN jsonb_build_object('kind', 'operator', 'id', 'terminal:' || at_terminal, 'name', at_terminal);
    END IF;
    RETURN jsonb_build_object('kind', 'service', 'id', session_user, 'name', session_user);
END $$;

-- As before, and whoever the request names is who acts: for what it changes.
CREATE OR REPLACE FUNCTION run_batch(op text, batch jsonb) RETURNS TABLE (place integer, result text)
LANGUAGE plpgsql AS $$
DECLARE
    statement text := format('SELECT (%I($1))::text', 'op_' || op);
    item record;
BEGIN
    IF jsonb_array_length(batch) = 1 THEN
        PERFORM set_config('app.tenant_id', coalesce(batch #>> '{0,t}', ''), true),
                set_config('app.actor', coalesce(batch #>> '{0,r,actor}', ''), true);
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
        PERFORM set_config('app.tenant_id', coalesce(item.tenant, ''), true),
                set_config('app.actor', coalesce(item.request ->> 'actor', ''), true);
        place := item.nth - 1;
        EXECUTE statement INTO result USING item.request;
        RETURN NEXT;
    END LOOP;
END $$;

-- Notes what became of a row of the settings, whatever changed it. Its arguments: what such a row is called, the columns that
-- name it, those that say nothing (where only such ones changed, nothing did), and one whose value is secret.
CREATE FUNCTION note_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    left_out text[] := string_to_array(TG_ARGV[2], ' ') || ARRAY['tenant_id', 'created_at'];
    was jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END;
    is_now jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END;
    whole jsonb := coalesce(is_now, was);
    names text := (SELECT string_agg(whole ->> c.name, '/' ORDER BY c.place)
                   FROM unnest(string_to_array(TG_ARGV[1], ' ')) WITH ORDINALITY AS c(name, place));
    actor jsonb := acting();
BEGIN
    was := was - left_out;
    is_now := is_now - left_out;
    IF TG_ARGV[3] <> '' THEN
        is_now := jsonb_set(is_now, ARRAY[TG_ARGV[3]],
                            CASE WHEN is_now -> TG_ARGV[3] <> was -> TG_ARGV[3] THEN '"another secret"'::jsonb
                                 ELSE '"secret"' END, false);
        was := jsonb_set(was, ARRAY[TG_ARGV[3]], '"secret"', false);
    END IF;
    IF TG_OP = 'UPDATE' THEN
        SELECT jsonb_object_agg(w.key, w.value), jsonb_object_agg(w.key, is_now -> w.key) INTO was, is_now
        FROM jsonb_each(was) AS w WHERE w.value IS DISTINCT FROM is_now -> w.key;
        IF was IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    INSERT INTO audit_log (tenant_id, actor_kind, actor_id, actor_name, trace, action, subject, before, after)
    VALUES ((whole ->> CASE TG_TABLE_NAME WHEN 'tenants' THEN 'id' ELSE 'tenant_id' END)::bigint, actor ->> 'kind',
            actor ->> 'id', actor ->> 'name', coalesce(actor ->> 'trace', ''),
            TG_ARGV[0] || CASE TG_OP WHEN 'INSERT' THEN '.add' WHEN 'UPDATE' THEN '.change' ELSE '.remove' END,
            concat_ws(':', TG_ARGV[0], names), was, is_now);
    RETURN NULL;
END $$;
CREATE TRIGGER noted AFTER UPDATE OR DELETE ON tenants
    FOR EACH ROW EXECUTE FUNCTION note_row('shop', 'id', '');
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON agents
    FOR EACH ROW EXECUTE FUNCTION note_row('agent', 'id', 'updated_at version');
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON accounts
    FOR EACH ROW EXECUTE FUNCTION note_row('account', 'id', '');
-- the key is what makes an address unguessable
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON endpoints
    FOR EACH ROW EXECUTE FUNCTION note_row('address', 'id', '', 'key');
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON credentials
    FOR EACH ROW EXECUTE FUNCTION note_row('credential', 'category name', 'sealed key_version');
CREATE TRIGGER noted AFTER INSERT OR DELETE ON tenant_keys
    FOR EACH ROW EXECUTE FUNCTION note_row('vault_key', 'version', 'wrapped');
CREATE TRIGGER noted AFTER UPDATE ON vault
    FOR EACH ROW EXECUTE FUNCTION note_row('vault', '', 'changes');
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON pauses
    FOR EACH ROW EXECUTE FUNCTION note_row('pause', 'stage', '');
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON platform_operators
    FOR EACH ROW EXECUTE FUNCTION note_row('operator', 'id', '');

-- As before; a shop that was not there is noted as its first change. The function that makes it crosses tenants and notes
-- nothing.
CREATE OR REPLACE FUNCTION op_register_tenant(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    known boolean := EXISTS (SELECT FROM list_tenants() AS t WHERE t.slug = req ->> 'slug');
    tenant bigint := register_tenant(req ->> 'slug', req ->> 'name');
BEGIN
    IF NOT known THEN
        PERFORM set_config('app.tenant_id', tenant::text, true);
        PERFORM note_change(acting(), 'shop.add', 'shop:' || tenant, NULL,
                            jsonb_build_object('slug', req -> 'slug', 'name', req -> 'name'));
    END IF;
    RETURN to_jsonb(tenant);
END $$;

-- Whether that is more than who changes something may do themselves: nobody hands on, takes away or resets what they do not
-- have.
CREATE FUNCTION exceeds(permissions jsonb, actor jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
RETURN NOT coalesce(actor -> 'may' @> permissions, false);

-- ---- who presents it

-- {"id", "limits": [{"kind", "of", "most", "within_ms"}], "now"}: counts a try against each of them; null. Where one is full:
-- when it has room again, and nothing is counted: a try that was refused told nobody anything. Rows instead of counters, so that
-- nobody waits for anybody's lock while many guess; those who try at the same moment may pass a limit by their number.
CREATE FUNCTION op_begin_attempt(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    bound jsonb;
    its_key bytea;
    tries integer;
    room_at timestamptz;
    ends jsonb := '{}';
BEGIN
    DELETE FROM sign_in_attempts AS a
    WHERE (a.id, a.key) IN (SELECT x.id, x.key FROM sign_in_attempts AS x WHERE x.counts_until <= moment
                            ORDER BY x.counts_until LIMIT 20 FOR UPDATE SKIP LOCKED);
    FOR bound IN SELECT jsonb_array_elements(req -> 'limits') LOOP
        its_key := sha256(convert_to((bound ->> 'kind') || ':' || lower(bound ->> 'of'), 'UTF8'));
        SELECT count(*), min(x.counts_until) INTO tries, room_at
        FROM (SELECT a.counts_until FROM sign_in_attempts AS a
              WHERE a.key = its_key AND a.counts_until > moment AND a.id <> (req ->> 'id')::uuid
              ORDER BY a.counts_until DESC LIMIT (bound ->> 'most')::integer) AS x;
        IF tries >= (bound ->> 'most')::integer THEN
            RETURN to_jsonb(to_millis(room_at));
        END IF;
        ends := ends || jsonb_build_object(encode(its_key, 'hex'), (req ->> 'now')::bigint + (bound ->> 'within_ms')::bigint);
    END LOOP;
    INSERT INTO sign_in_attempts (id, key, counts_until)
    SELECT (req ->> 'id')::uuid, decode(e.key, 'hex'), from_millis(e.value::bigint) FROM jsonb_each_text(ends) AS e
    ON CONFLICT DO NOTHING;
    RETURN 'null';
END $$;

CREATE FUNCTION op_forgive_attempt(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM sign_in_attempts AS a WHERE a.id = (req ->> 'id')::uuid;
    RETURN 'null';
END $$;

CREATE FUNCTION op_find_operator(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT jsonb_build_object('id', o.id, 'name', o.name) FROM platform_operators AS o
                     WHERE o.issuer = req ->> 'issuer' AND o.subject = req ->> 'subject' AND o.active), 'null')
$$;

CREATE FUNCTION op_find_person(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    named record;
BEGIN
    SELECT * INTO named FROM find_identity(req ->> 'issuer', req ->> 'subject');
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    RETURN coalesce(person_of(named.user_id), 'null');
END $$;

CREATE FUNCTION op_find_password(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    named record;
BEGIN
    SELECT * INTO named FROM find_login(req ->> 'email');
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    RETURN coalesce((SELECT jsonb_build_object('tenant', p.tenant_id, 'user', p.user_id, 'hash', p.hash)
                     FROM user_passwords AS p JOIN users AS u ON u.tenant_id = p.tenant_id AND u.id = p.user_id
                     WHERE p.tenant_id = named.tenant_id AND p.user_id = named.user_id AND u.status = 'active'), 'null');
END $$;

-- That it was used is noted by who gets the row at once; nobody waits for that.
CREATE FUNCTION op_find_session(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    named record;
    person jsonb;
BEGIN
    SELECT f.tenant_id, f.id INTO named FROM find_session(decode(req ->> 'hash', 'hex')) AS f;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    SELECT person_of(s.user_id) INTO person FROM sessions AS s
    WHERE s.tenant_id = named.tenant_id AND s.id = named.id AND s.ended_at IS NULL AND s.expires_at > moment
      AND s.used_at > moment - (req ->> 'idle_ms')::bigint * interval '1 millisecond';
    IF person IS NULL THEN
        RETURN 'null';
    END IF;
    UPDATE sessions AS s SET used_at = moment
    WHERE s.tenant_id = named.tenant_id
      AND s.id = (SELECT x.id FROM sessions AS x
                  WHERE x.tenant_id = named.tenant_id AND x.id = named.id AND x.used_at < moment - interval '1 minute'
                  FOR NO KEY UPDATE SKIP LOCKED);
    RETURN jsonb_build_object('id', named.id, 'person', person);
END $$;

CREATE FUNCTION op_find_api_key(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    named record;
    k api_keys;
    person jsonb;
BEGIN
    SELECT f.tenant_id, f.id INTO named FROM find_api_key(decode(req ->> 'hash', 'hex')) AS f;
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    SELECT * INTO k FROM api_keys AS x
    WHERE x.tenant_id = named.tenant_id AND x.id = named.id AND x.revoked_at IS NULL
      AND (x.expires_at IS NULL OR x.expires_at > moment)
      AND (x.operator_id IS NULL OR EXISTS (SELECT FROM platform_operators AS o WHERE o.id = x.operator_id AND o.active))
      AND EXISTS (SELECT FROM tenants AS t WHERE t.id = x.tenant_id AND t.retired_at IS NULL);
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    IF k.owner_id IS NOT NULL THEN
        person := person_of(k.owner_id);
        IF person IS NULL THEN
            RETURN 'null';
        END IF;
    END IF;
    UPDATE api_keys AS s SET used_at = moment
    WHERE s.tenant_id = named.tenant_id
      AND s.id = (SELECT x.id FROM api_keys AS x
                  WHERE x.tenant_id = named.tenant_id AND x.id = named.id
                    AND (x.used_at IS NULL OR x.used_at < moment - interval '1 minute')
                  FOR NO KEY UPDATE SKIP LOCKED);
    RETURN jsonb_build_object('tenant', k.tenant_id, 'id', k.id, 'name', k.name, 'scopes', to_jsonb(k.scopes),
                              'owned', k.owner_id IS NOT NULL, 'owner', coalesce(person -> 'permissions', '[]'));
END $$;

-- Of who has that password's hash still: a reset ends the sessions that there are, and waits for one that is just beginning.
-- The newest 20 of a user stay open.
CREATE FUNCTION op_begin_session(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    person uuid := (req ->> 'user')::uuid;
    found jsonb;
BEGIN
    PERFORM FROM users AS u WHERE u.tenant_id = app_tenant() AND u.id = person FOR SHARE;
    found := person_of(person);
    IF found IS NULL OR NOT EXISTS (SELECT FROM user_passwords AS p WHERE p.tenant_id = app_tenant() AND p.user_id = person
                                      AND p.hash = req ->> 'password_hash') THEN
        RETURN 'null';
    END IF;
    INSERT INTO sessions (tenant_id, id, user_id, hash, last4, created_at, used_at, expires_at)
    VALUES (app_tenant(), (req ->> 'id')::uuid, person, decode(req ->> 'hash', 'hex'), req ->> 'last4', moment, moment,
            from_millis((req ->> 'expires_at')::bigint))
    ON CONFLICT (id, tenant_id) DO NOTHING;
    DELETE FROM sessions AS s
    WHERE s.tenant_id = app_tenant() AND s.user_id = person
      AND (s.ended_at IS NOT NULL OR s.expires_at <= moment
           OR s.id IN (SELECT x.id FROM sessions AS x WHERE x.tenant_id = app_tenant() AND x.user_id = person
                       ORDER BY x.created_at DESC, x.id OFFSET 20));
    RETURN found;
END $$;

CREATE FUNCTION op_end_session(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE sessions AS s SET ended_at = from_millis((req ->> 'now')::bigint)
    WHERE s.tenant_id = app_tenant() AND s.id = (req ->> 'session')::uuid AND s.ended_at IS NULL;
    RETURN 'null';
END $$;

CREATE FUNCTION op_rehash(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE user_passwords AS p SET hash = req ->> 'after'
    WHERE p.tenant_id = app_tenant() AND p.user_id = (req ->> 'user')::uuid AND p.hash = req ->> 'before';
    RETURN 'null';
END $$;

-- Whether it could be redeemed: asked before the work that a password's hash is.
CREATE FUNCTION op_find_ticket(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    named record;
BEGIN
    SELECT * INTO named FROM find_ticket(decode(req ->> 'hash', 'hex'));
    IF NOT FOUND THEN
        RETURN 'false';
    END IF;
    PERFORM set_config('app.tenant_id', named.tenant_id::text, true);
    RETURN to_jsonb(EXISTS (SELECT FROM user_tickets AS t
                            WHERE t.tenant_id = named.tenant_id AND t.user_id = named.user_id
                              AND t.expires_at > from_millis((req ->> 'now')::bigint)));
END $$;

-- Whoever had another proof has it no more, nor a key that was made with it: a reset is for when it fell into other hands.
CREATE FUNCTION op_redeem_ticket(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    wanted bytea := decode(req ->> 'hash', 'hex');
    named record;
    u users;
    k api_keys;
    themselves jsonb;
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
      AND t.bound @> permissions_of(u.id);
    IF NOT FOUND THEN
        RETURN 'null';
    END IF;
    DELETE FROM user_identities AS i WHERE i.tenant_id = u.tenant_id AND i.user_id = u.id;
    DELETE FROM user_passwords AS p WHERE p.tenant_id = u.tenant_id AND p.user_id = u.id;
    IF req ? 'password_hash' THEN
        INSERT INTO user_passwords (tenant_id, user_id, email, hash, changed_at)
        VALUES (u.tenant_id, u.id, u.email, req ->> 'password_hash', moment);
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

-- ---- a shop's people

-- Whether every name is a role that the tenant has.
CREATE FUNCTION roles_exist(names jsonb) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (SELECT FROM jsonb_array_elements_text(names) AS n(name)
                       WHERE NOT EXISTS (SELECT FROM roles AS r WHERE r.name = n.name))
$$;

CREATE FUNCTION set_roles(person uuid, names jsonb) RETURNS void LANGUAGE sql AS $$
    DELETE FROM user_roles AS u
    WHERE u.tenant_id = app_tenant() AND u.user_id = person
      AND NOT EXISTS (SELECT FROM roles AS r WHERE r.id = u.role_id AND names ? r.name);
    INSERT INTO user_roles (tenant_id, user_id, role_id)
    SELECT app_tenant(), person, r.id FROM roles AS r WHERE names ? r.name
    ON CONFLICT DO NOTHING;
$$;

-- Whether somebody is left who can manage the shop's users.
CREATE FUNCTION has_manager() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM users AS u
                   WHERE u.tenant_id = app_tenant() AND u.status = 'active' AND permissions_of(u.id) ? 'users.write')
$$;

-- One change of a shop's people at a time: two administrators who remove each other must not both succeed.
CREATE FUNCTION lock_people() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM tenants AS t WHERE t.id = app_tenant() FOR NO KEY UPDATE;
END $$;

-- A user as the audit log shows them.
CREATE FUNCTION user_facts(u users) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('email', u.email, 'name', u.name, 'status', u.status, 'roles', role_names_of(u.id))
$$;

CREATE FUNCTION op_add_user(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    u users;
BEGIN
    PERFORM lock_people();
    IF EXISTS (SELECT FROM users AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'id')::uuid) THEN
        RETURN '"done"';
    END IF;
    IF NOT roles_exist(req -> 'roles') THEN
        RETURN '"unknown_role"';
    END IF;
    INSERT INTO users (tenant_id, id, email, name)
    VALUES (tenant, (req ->> 'id')::uuid, lower(req ->> 'email'), req ->> 'name')
    ON CONFLICT (email, tenant_id) DO NOTHING RETURNING * INTO u;
    IF NOT FOUND THEN
        RETURN '"taken"';
    END IF;
    PERFORM set_roles(u.id, req -> 'roles');
    IF exceeds(permissions_of(u.id), req -> 'actor') THEN
        RAISE EXCEPTION USING ERRCODE = 'RL002';
    END IF;
    PERFORM note_change(req -> 'actor', 'user.add', 'user:' || u.id, NULL, user_facts(u));
    RETURN '"done"';
EXCEPTION WHEN SQLSTATE 'RL002' THEN
    RETURN '"beyond_actor"';
END $$;

-- Only what is in `req` changes: "email", "name", "active", "roles".
CREATE FUNCTION op_change_user(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    u users;
    before jsonb;
    managed boolean;
    new_email text := lower(req ->> 'email');
BEGIN
    PERFORM lock_people();
    SELECT * INTO u FROM users AS x WHERE x.tenant_id = tenant AND x.id = (req ->> 'user')::uuid FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(permissions_of(u.id), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    IF req ? 'roles' AND NOT roles_exist(req -> 'roles') THEN
        RETURN '"unknown_role"';
    END IF;
    IF EXISTS (SELECT FROM users AS x WHERE x.tenant_id = tenant AND x.email = new_email AND x.id <> u.id) THEN
        RETURN '"taken"';
    END IF;
    before := user_facts(u);
    managed := has_manager();
    IF new_email <> u.email THEN
        DELETE FROM user_passwords AS p WHERE p.tenant_id = tenant AND p.user_id = u.id;
    END IF;
    IF new_email <> u.email OR NOT (req ->> 'active')::boolean THEN
        DELETE FROM user_tickets AS t WHERE t.tenant_id = tenant AND t.user_id = u.id;
        UPDATE sessions AS s SET ended_at = now()
        WHERE s.tenant_id = tenant AND s.user_id = u.id AND s.ended_at IS NULL;
    END IF;
    UPDATE users AS x
    SET email = coalesce(new_email, x.email), name = coalesce(req ->> 'name', x.name), updated_at = now(),
        status = CASE WHEN NOT req ? 'active' THEN x.status
                      WHEN NOT (req ->> 'active')::boolean THEN 'disabled'
                      WHEN x.status <> 'disabled' THEN x.status
                      WHEN EXISTS (SELECT FROM user_passwords AS p WHERE p.tenant_id = tenant AND p.user_id = x.id)
                           OR EXISTS (SELECT FROM user_identities AS i WHERE i.tenant_id = tenant AND i.user_id = x.id)
                      THEN 'active' ELSE 'invited' END
    WHERE x.tenant_id = tenant AND x.id = u.id RETURNING * INTO u;
    IF req ? 'roles' THEN
        PERFORM set_roles(u.id, req -> 'roles');
    END IF;
    IF exceeds(permissions_of(u.id), req -> 'actor') THEN
        RAISE EXCEPTION USING ERRCODE = 'RL002';
    ELSIF managed AND NOT has_manager() THEN
        RAISE EXCEPTION USING ERRCODE = 'RL001';
    END IF;
    IF user_facts(u) <> before THEN
        PERFORM note_change(req -> 'actor', 'user.change', 'user:' || u.id, before, user_facts(u));
    END IF;
    RETURN '"done"';
EXCEPTION
    WHEN SQLSTATE 'RL001' THEN
        RETURN '"last_admin"';
    WHEN SQLSTATE 'RL002' THEN
        RETURN '"beyond_actor"';
END $$;

CREATE FUNCTION op_list_users(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(x.facts ORDER BY x.id), '[]')
    FROM (SELECT u.id, user_facts(u) || jsonb_build_object('id', u.id, 'created_at', to_millis(u.created_at)) AS facts
          FROM users AS u
          WHERE u.tenant_id = app_tenant() AND (NOT req ? 'after' OR u.id > (req ->> 'after')::uuid)
          ORDER BY u.id LIMIT least((req ->> 'limit')::integer, 1000)) AS x
$$;

CREATE FUNCTION op_add_ticket(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
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
    INSERT INTO user_tickets (tenant_id, user_id, hash, bound, created_at, expires_at)
    VALUES (u.tenant_id, u.id, decode(req ->> 'hash', 'hex'), coalesce(req #> '{actor,may}', '[]'),
            from_millis((req ->> 'now')::bigint), from_millis((req ->> 'expires_at')::bigint))
    ON CONFLICT (user_id, tenant_id) DO UPDATE
    SET hash = excluded.hash, bound = excluded.bound, created_at = excluded.created_at, expires_at = excluded.expires_at;
    PERFORM note_change(req -> 'actor', 'user.invite', 'user:' || u.id, NULL,
                        jsonb_build_object('expires_at', req -> 'expires_at'));
    RETURN '"done"';
END $$;

CREATE FUNCTION op_end_sessions(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    ended integer;
BEGIN
    IF NOT EXISTS (SELECT FROM users AS u WHERE u.tenant_id = app_tenant() AND u.id = (req ->> 'user')::uuid) THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(permissions_of((req ->> 'user')::uuid), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    UPDATE sessions AS s SET ended_at = from_millis((req ->> 'now')::bigint)
    WHERE s.tenant_id = app_tenant() AND s.user_id = (req ->> 'user')::uuid AND s.ended_at IS NULL;
    GET DIAGNOSTICS ended = ROW_COUNT;
    IF ended > 0 THEN
        PERFORM note_change(req -> 'actor', 'user.end_sessions', 'user:' || (req ->> 'user'), NULL,
                            jsonb_build_object('ended', ended));
    END IF;
    RETURN '"done"';
END $$;

-- ---- roles

CREATE FUNCTION permission_names(permissions jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(jsonb_agg(format('%s.%s', m.key, a.action)), '[]')
    FROM jsonb_each(permissions) AS m CROSS JOIN LATERAL jsonb_array_elements_text(m.value) AS a(action)
$$;

CREATE FUNCTION op_list_roles(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object('name', r.name, 'built_in', r.tenant_id IS NULL,
                                                 'permissions', permission_names(r.permissions))
                              ORDER BY r.tenant_id NULLS FIRST, r.name), '[]')
    FROM roles AS r
$$;

-- {"name", "permissions": ["agents.read", …]}
CREATE FUNCTION op_put_role(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    r roles;
    managed boolean;
    before jsonb;
    after jsonb := (SELECT coalesce(jsonb_object_agg(x.module, x.actions), '{}')
                    FROM (SELECT split_part(p, '.', 1) AS module, jsonb_agg(split_part(p, '.', 2)) AS actions
                          FROM jsonb_array_elements_text(req -> 'permissions') AS p GROUP BY 1) AS x);
BEGIN
    PERFORM lock_people();
    IF EXISTS (SELECT FROM roles AS x WHERE x.tenant_id IS NULL AND x.name = req ->> 'name') THEN
        RETURN '"taken"';
    END IF;
    managed := has_manager();
    SELECT * INTO r FROM roles AS x WHERE x.tenant_id = tenant AND x.name = req ->> 'name';
    before := r.permissions;
    IF exceeds(req -> 'permissions', req -> 'actor') OR exceeds(permission_names(coalesce(before, '{}')), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    INSERT INTO roles (tenant_id, name, permissions) VALUES (tenant, req ->> 'name', after)
    ON CONFLICT (name, tenant_id) DO UPDATE SET permissions = excluded.permissions;
    IF managed AND NOT has_manager() THEN
        RAISE EXCEPTION USING ERRCODE = 'RL001';
    END IF;
    IF before IS DISTINCT FROM after THEN
        PERFORM note_change(req -> 'actor', 'role.put', 'role:' || (req ->> 'name'), before, after);
    END IF;
    RETURN '"done"';
EXCEPTION WHEN SQLSTATE 'RL001' THEN
    RETURN '"last_admin"';
END $$;

CREATE FUNCTION op_remove_role(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    r roles;
BEGIN
    PERFORM lock_people();
    SELECT * INTO r FROM roles AS x WHERE x.tenant_id = app_tenant() AND x.name = req ->> 'name';
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(permission_names(r.permissions), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    IF EXISTS (SELECT FROM user_roles AS u WHERE u.tenant_id = r.tenant_id AND u.role_id = r.id) THEN
        RETURN '"taken"';
    END IF;
    DELETE FROM roles AS x WHERE x.tenant_id = r.tenant_id AND x.id = r.id;
    PERFORM note_change(req -> 'actor', 'role.remove', 'role:' || r.name, r.permissions, NULL);
    RETURN '"done"';
END $$;

-- ---- API keys

CREATE FUNCTION api_key_facts(k api_keys) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', k.id, 'name', k.name, 'scopes', to_jsonb(k.scopes), 'last4', k.last4, 'owner', k.owner_id,
        'created_at', to_millis(k.created_at), 'used_at', to_millis(k.used_at), 'expires_at', to_millis(k.expires_at),
        'revoked_at', to_millis(k.revoked_at)))
$$;

-- "taken": there is one of that id with another secret. "too_many": as many open as op_list_api_keys shows.
CREATE FUNCTION op_add_api_key(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    k api_keys;
    its_hash bytea := decode(req ->> 'hash', 'hex');
BEGIN
    IF req ? 'owner' AND person_of((req ->> 'owner')::uuid) IS NULL THEN
        RETURN '"not_found"';
    END IF;
    IF exceeds(req -> 'scopes', req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    PERFORM lock_people();
    IF (SELECT count(*) FROM api_keys AS x
        WHERE x.tenant_id = app_tenant() AND x.revoked_at IS NULL
          AND (x.expires_at IS NULL OR x.expires_at > from_millis((req ->> 'now')::bigint))) >= 1000 THEN
        RETURN '"too_many"';
    END IF;
    INSERT INTO api_keys (tenant_id, id, name, scopes, hash, last4, owner_id, operator_id, created_at, expires_at)
    VALUES (app_tenant(), (req ->> 'id')::uuid, req ->> 'name', ARRAY(SELECT jsonb_array_elements_text(req -> 'scopes')),
            its_hash, req ->> 'last4', (req ->> 'owner')::uuid,
            (SELECT o.id FROM platform_operators AS o
             WHERE req #>> '{actor,kind}' = 'operator' AND o.id::text = req #>> '{actor,id}'),
            from_millis((req ->> 'now')::bigint), from_millis((req ->> 'expires_at')::bigint))
    ON CONFLICT (id, tenant_id) DO NOTHING RETURNING * INTO k;
    IF FOUND THEN
        PERFORM note_change(req -> 'actor', 'key.add', 'key:' || k.id, NULL, api_key_facts(k));
    ELSIF NOT EXISTS (SELECT FROM api_keys AS x
                      WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'id')::uuid AND x.hash = its_hash) THEN
        RETURN '"taken"';
    END IF;
    RETURN '"done"';
END $$;

-- All that open, and of the others as many as there is room for.
CREATE FUNCTION op_list_api_keys(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(x.facts ORDER BY x.created_at DESC, x.id), '[]')
    FROM (SELECT k.id, k.created_at, api_key_facts(k) AS facts FROM api_keys AS k WHERE k.tenant_id = app_tenant()
          ORDER BY k.revoked_at IS NOT NULL OR coalesce(k.expires_at <= now(), false), k.created_at DESC, k.id LIMIT 1000) AS x
$$;

CREATE FUNCTION op_revoke_api_key(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    k api_keys;
    before jsonb;
BEGIN
    SELECT * INTO k FROM api_keys AS x WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'key')::uuid FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF k.owner_id::text IS DISTINCT FROM req #>> '{actor,id}' AND exceeds(to_jsonb(k.scopes), req -> 'actor') THEN
        RETURN '"beyond_actor"';
    END IF;
    IF k.revoked_at IS NULL THEN
        before := api_key_facts(k);
        UPDATE api_keys AS x SET revoked_at = from_millis((req ->> 'now')::bigint)
        WHERE x.tenant_id = k.tenant_id AND x.id = k.id RETURNING * INTO k;
        PERFORM note_change(req -> 'actor', 'key.revoke', 'key:' || k.id, before, api_key_facts(k));
    END IF;
    RETURN '"done"';
END $$;

-- ---- who run the installation: its owner calls these

CREATE FUNCTION op_list_operators(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'id', o.id, 'name', o.name, 'issuer', o.issuer, 'subject', o.subject, 'active', o.active,
        'created_at', to_millis(o.created_at)) ORDER BY o.created_at, o.id), '[]')
    FROM platform_operators AS o
$$;

-- Who was one is one again.
CREATE FUNCTION op_add_operator(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    INSERT INTO platform_operators (name, issuer, subject) VALUES (req ->> 'name', req ->> 'issuer', req ->> 'subject')
    ON CONFLICT (issuer, subject) DO UPDATE SET name = excluded.name, active = true RETURNING to_jsonb(id)
$$;

-- Whether there was such a one.
CREATE FUNCTION op_end_operator(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE platform_operators AS o SET active = false WHERE o.id = (req ->> 'id')::uuid AND o.active;
    RETURN to_jsonb(FOUND);
END $$;

-- ---- what was changed

-- Of no tenant: the installation's.
CREATE FUNCTION op_list_audit(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
        'id', x.id, 'at', to_millis(x.at), 'kind', x.actor_kind, 'actor', x.actor_id, 'name', x.actor_name,
        'trace', x.trace, 'action', x.action, 'subject', x.subject)) || jsonb_build_object('before', x.before, 'after', x.after)
        ORDER BY x.id DESC), '[]')
    FROM (SELECT a.* FROM audit_log AS a
          WHERE coalesce(a.tenant_id, 0) = coalesce(app_tenant(), 0)
            AND (NOT req ? 'by' OR a.actor_id = req ->> 'by')
            AND (NOT req ? 'subject' OR a.subject = req ->> 'subject')
            AND (NOT req ? 'action' OR a.action = req ->> 'action' OR split_part(a.action, '.', 1) = req ->> 'action')
            AND (NOT req ? 'since' OR a.at >= from_millis((req ->> 'since')::bigint))
            AND (NOT req ? 'until' OR a.at < from_millis((req ->> 'until')::bigint))
            AND (NOT req ? 'before' OR a.id < (req ->> 'before')::bigint)
          ORDER BY a.id DESC LIMIT least((req ->> 'limit')::integer, 1000)) AS x
$$;

GRANT EXECUTE ON FUNCTION permissions_of, role_names_of, person_of, acting, note_change, note_row, exceeds, permission_names,
    op_find_operator, op_begin_attempt, op_forgive_attempt, op_find_person, op_find_password, op_find_session, op_find_api_key,
    op_begin_session, op_end_session, op_rehash, op_find_ticket, op_redeem_ticket, roles_exist,
    set_roles, has_manager, lock_people, user_facts, op_add_user, op_change_user, op_list_users, op_add_ticket, op_end_sessions,
    op_list_roles, op_put_role, op_remove_role, api_key_facts, op_add_api_key, op_list_api_keys, op_revoke_api_key,
    op_list_audit TO relevo_app;
