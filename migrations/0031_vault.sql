-- The tenants' secrets, in two layers: a key of each tenant seals them, the installation's master key wraps the tenants'
-- keys. A new master key costs one row a tenant; a tenant's new key, that tenant's rows.

CREATE TABLE tenant_keys (
    tenant_id bigint NOT NULL REFERENCES tenants,
    version integer NOT NULL CHECK (version > 0),
    master integer NOT NULL CHECK (master > 0),  -- the version of the master key that wrapped it
    wrapped bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, version)
);
SELECT protect_tenant_rows('tenant_keys');
GRANT SELECT, INSERT, UPDATE, DELETE ON tenant_keys TO relevo_app;
GRANT SELECT ON tenant_keys TO relevo_operator_text;

-- null: sealed by the first master key itself, as before there were tenants' keys
ALTER TABLE credentials
    ADD COLUMN key_version integer,
    ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
    ADD FOREIGN KEY (tenant_id, key_version) REFERENCES tenant_keys (tenant_id, version);
GRANT DELETE ON credentials TO relevo_app;

-- One row. `master`: what new keys are wrapped with at least, so that a process that has not heard of a rotation wraps
-- nothing with a key that is about to go. `changes`: counts, for who keeps secrets in its memory.
CREATE TABLE vault (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    master integer NOT NULL DEFAULT 1,
    changes bigint NOT NULL DEFAULT 0
);
INSERT INTO vault DEFAULT VALUES;
GRANT SELECT, UPDATE (master, changes) ON vault TO relevo_app;

-- In the transaction of the change: who sees the count sees the secret.
CREATE FUNCTION count_vault_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE vault SET changes = changes + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER count_vault_change AFTER INSERT OR UPDATE OR DELETE ON credentials
    FOR EACH STATEMENT EXECUTE FUNCTION count_vault_change();

CREATE FUNCTION op_vault(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object('master', v.master, 'changes', v.changes) FROM vault AS v
$$;
CREATE FUNCTION op_use_master(req jsonb) RETURNS jsonb LANGUAGE sql AS $$
    UPDATE vault SET master = greatest(master, (req ->> 'master')::integer) RETURNING 'null'::jsonb
$$;

-- {"version", "master", "wrapped"}; null for none.
CREATE FUNCTION wrapped_key(k tenant_keys) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN (k).version IS NOT NULL THEN
        jsonb_build_object('version', (k).version, 'master', (k).master, 'wrapped', encode((k).wrapped, 'hex')) END
$$;

CREATE FUNCTION newest_key() RETURNS integer LANGUAGE sql STABLE AS $$
    SELECT max(k.version) FROM tenant_keys AS k WHERE k.tenant_id = app_tenant()
$$;

CREATE OR REPLACE FUNCTION op_find_credential(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT jsonb_build_object('sealed', encode(c.sealed, 'hex'), 'key', wrapped_key(k))
                     FROM credentials AS c
                     LEFT JOIN tenant_keys AS k ON k.tenant_id = c.tenant_id AND k.version = c.key_version
                     WHERE c.tenant_id = app_tenant() AND c.category = req ->> 'category' AND c.name = req ->> 'name'),
                    'null')
$$;

CREATE FUNCTION op_list_credentials(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
               'category', c.category, 'name', c.name, 'sealed', encode(c.sealed, 'hex'), 'key', wrapped_key(k),
               'at', to_millis(c.updated_at)) ORDER BY c.category, c.name), '[]')
    FROM credentials AS c
    LEFT JOIN tenant_keys AS k ON k.tenant_id = c.tenant_id AND k.version = c.key_version
    WHERE c.tenant_id = app_tenant()
$$;

CREATE FUNCTION op_list_keys(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'keys', (SELECT coalesce(jsonb_agg(wrapped_key(k) ORDER BY k.version), '[]')
                 FROM tenant_keys AS k WHERE k.tenant_id = app_tenant()),
        'unwrapped', (SELECT count(*) FROM credentials AS c
                      WHERE c.tenant_id = app_tenant() AND c.key_version IS NULL))
$$;

-- The key of that version as it now is: this one, unless somebody else's was first. {"stale": true} where a rotation has
-- begun that its maker has not heard of.
CREATE FUNCTION op_add_key(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    -- a rotation that begins now waits, and finds this row
    IF (SELECT v.master FROM vault AS v FOR SHARE) > (req ->> 'master')::integer THEN
        RETURN '{"stale": true}';
    END IF;
    INSERT INTO tenant_keys (tenant_id, version, master, wrapped)
    VALUES (app_tenant(), (req ->> 'version')::integer, (req ->> 'master')::integer, decode(req ->> 'wrapped', 'hex'))
    ON CONFLICT DO NOTHING;
    RETURN (SELECT wrapped_key(k) FROM tenant_keys AS k
            WHERE k.tenant_id = app_tenant() AND k.version = (req ->> 'version')::integer);
END $$;

-- Whether it was still as it was read.
CREATE FUNCTION op_rewrap_key(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tenant_keys AS k SET master = (req ->> 'master')::integer, wrapped = decode(req ->> 'wrapped', 'hex')
    WHERE k.tenant_id = app_tenant() AND k.version = (req ->> 'version')::integer
      AND k.master = (req ->> 'was')::integer;
    RETURN to_jsonb(FOUND);
END $$;

-- Whether all of them are sealed with the tenant's newest key, which then stays until the transaction's end.
CREATE FUNCTION hold_newest_key(sealed jsonb) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    newest integer;
BEGIN
    SELECT k.version INTO newest FROM tenant_keys AS k WHERE k.tenant_id = app_tenant()
    ORDER BY k.version DESC LIMIT 1 FOR KEY SHARE;
    RETURN NOT EXISTS (SELECT FROM jsonb_array_elements(sealed) AS c
                       WHERE (c ->> 'key')::integer IS DISTINCT FROM newest);
END $$;

CREATE FUNCTION put_credentials(sealed jsonb) RETURNS void LANGUAGE sql AS $$
    INSERT INTO credentials (tenant_id, category, name, sealed, key_version)
    SELECT app_tenant(), c ->> 'category', c ->> 'name', decode(c ->> 'sealed', 'hex'), (c ->> 'key')::integer
    FROM jsonb_array_elements(sealed) AS c
    ON CONFLICT (tenant_id, category, name) DO UPDATE
    SET sealed = excluded.sealed, key_version = excluded.key_version, updated_at = now()
$$;

-- [{"category", "name", "sealed", "key"}]; {"stale": true}, and nothing done, where the key is not the newest any more.
CREATE FUNCTION op_put_credentials(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT hold_newest_key(req -> 'credentials') THEN
        RETURN '{"stale": true}';
    END IF;
    PERFORM put_credentials(req -> 'credentials');
    RETURN 'null';
END $$;

-- Whether there was one.
CREATE FUNCTION op_remove_credential(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM credentials AS c
    WHERE c.tenant_id = app_tenant() AND c.category = req ->> 'category' AND c.name = req ->> 'name';
    RETURN to_jsonb(FOUND);
END $$;

-- The same secret under another key; nothing where it changed meanwhile. It is no change of the secret: updated_at stays.
CREATE FUNCTION op_reseal_credential(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE credentials AS c SET sealed = decode(req ->> 'sealed', 'hex'), key_version = (req ->> 'key')::integer
    WHERE c.tenant_id = app_tenant() AND c.category = req ->> 'category' AND c.name = req ->> 'name'
      AND c.sealed = decode(req ->> 'was', 'hex');
    RETURN to_jsonb(FOUND);
END $$;

-- Keys before the newest that seal nothing go; how many are left.
CREATE FUNCTION op_drop_keys(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    BEGIN
        DELETE FROM tenant_keys AS k
        WHERE k.tenant_id = app_tenant() AND k.version < newest_key()
          AND NOT EXISTS (SELECT FROM credentials AS c
                          WHERE c.tenant_id = k.tenant_id AND c.key_version = k.version);
    EXCEPTION WHEN foreign_key_violation THEN
        NULL;  -- one was used meanwhile: the caller looks again
    END;
    RETURN to_jsonb((SELECT count(*) FROM tenant_keys AS k
                     WHERE k.tenant_id = app_tenant() AND k.version < newest_key()));
END $$;

-- As before, but its secrets come with their key: {"stale": true} as op_put_credentials.
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
        fallback_text = coalesce(nullif(req ->> 'fallback_text', ''), t.fallback_text)
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

GRANT EXECUTE ON FUNCTION op_vault, op_use_master, newest_key, wrapped_key, op_list_credentials, op_list_keys, op_add_key,
    op_rewrap_key, hold_newest_key, put_credentials, op_put_credentials, op_remove_credential, op_reseal_credential,
    op_drop_keys, count_vault_change TO relevo_app;
GRANT EXECUTE ON FUNCTION wrapped_key TO relevo_operator_text;
