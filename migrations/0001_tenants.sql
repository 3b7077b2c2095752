-- Who is on this installation: shops, their accounts on channels, their agents and their secrets.
--
-- Every table with tenant_id has row-level security that its owner obeys too (protect_tenant_rows). A transaction
-- works for one tenant at a time: app.tenant_id, set with SET LOCAL only, so that no connection keeps it. Roles:
-- relevo_owner runs this, relevo_app is the process, relevo_router owns the few functions that cross tenants.

ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO relevo_app, relevo_router, relevo_operator;

CREATE FUNCTION app_tenant() RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE
RETURN nullif(current_setting('app.tenant_id', true), '')::bigint;

-- With no tenant set, no row is seen.
CREATE FUNCTION protect_tenant_rows(target regclass, tenant_column name DEFAULT 'tenant_id') RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format($policy$CREATE POLICY tenant ON %1$s
        USING (%2$I = nullif(current_setting('app.tenant_id', true), '')::bigint)
        WITH CHECK (%2$I = nullif(current_setting('app.tenant_id', true), '')::bigint)$policy$, target, tenant_column);
END $$;

-- Milliseconds since 1970, as JSON carries times.
CREATE FUNCTION from_millis(millis bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 'epoch'::timestamptz + millis * interval '1 millisecond';
CREATE FUNCTION to_millis(moment timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN floor(extract(epoch FROM moment) * 1000)::bigint;

-- The same ids as core/ids.cpp: SHA-256 over the parts, each preceded by its length in bytes, as a version 8 UUID.
CREATE FUNCTION hash_uuid(VARIADIC parts text[]) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT encode(set_byte(set_byte(hash, 6, get_byte(hash, 6) & 15 | 128), 8, get_byte(hash, 8) & 63 | 128), 'hex')::uuid
    FROM (SELECT substring(sha256(convert_to(string_agg(octet_length(part) || ':' || part, '' ORDER BY place), 'UTF8'))
                           FROM 1 FOR 16) AS hash
          FROM unnest(parts) WITH ORDINALITY AS pieces(part, place)) AS hashed
$$;

-- One row: whose customers a record may reach. A restored copy that must not send gets another id.
CREATE TABLE installation (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    id uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO installation DEFAULT VALUES;

CREATE TABLE tenants (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
    name text NOT NULL,
    language text NOT NULL DEFAULT 'es',
    synonyms jsonb NOT NULL DEFAULT '{}',  -- {"what customers say": ["what the catalogue says", …]}
    fallback_text text NOT NULL
        DEFAULT 'Disculpá, en este momento no puedo responderte. En breve te escribe una persona del equipo.',
    created_at timestamptz NOT NULL DEFAULT now()
);
SELECT protect_tenant_rows('tenants', 'id');

CREATE TABLE agents (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    role text NOT NULL DEFAULT 'sales',
    provider text NOT NULL,
    base_url text NOT NULL DEFAULT '',
    model text NOT NULL DEFAULT '',
    prompt text NOT NULL DEFAULT '',
    disclosure text NOT NULL DEFAULT '',
    temperature double precision NOT NULL DEFAULT 0.7 CHECK (temperature BETWEEN 0 AND 2),
    max_output_tokens integer NOT NULL DEFAULT 1024 CHECK (max_output_tokens > 0),
    quiet_ms integer NOT NULL DEFAULT 16000 CHECK (quiet_ms >= 0),
    max_wait_ms integer NOT NULL DEFAULT 60000 CHECK (max_wait_ms > 0),
    max_messages integer NOT NULL DEFAULT 20 CHECK (max_messages > 0),
    enabled_tools jsonb NOT NULL DEFAULT '[]',
    channels jsonb NOT NULL DEFAULT '[]',
    version integer NOT NULL DEFAULT 1,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name)
);
SELECT protect_tenant_rows('agents');

-- What an agent was: a turn freezes the version that it began with.
CREATE TABLE agent_versions (
    tenant_id bigint NOT NULL,
    agent_id bigint NOT NULL,
    version integer NOT NULL,
    snapshot jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, agent_id, version),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents
);
SELECT protect_tenant_rows('agent_versions');

-- A webhook's address or a web key. An `app` is a Meta app whose signature covers accounts of several tenants.
CREATE TABLE endpoints (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id bigint NOT NULL REFERENCES tenants,
    channel text NOT NULL,
    key text NOT NULL UNIQUE CHECK (length(key) >= 16),  -- unguessable
    kind text NOT NULL CHECK (kind IN ('account', 'app')),
    name text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON endpoints (tenant_id, channel);
SELECT protect_tenant_rows('endpoints');

CREATE TABLE accounts (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    channel text NOT NULL,
    external_id text NOT NULL,  -- the provider's name of the number, bot or page
    endpoint_id bigint NOT NULL REFERENCES endpoints,  -- not of the same tenant where it is an app's
    name text NOT NULL DEFAULT '',
    agent_id bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (channel, external_id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents
);
CREATE INDEX ON accounts (endpoint_id);
SELECT protect_tenant_rows('accounts');

CREATE TABLE credentials (
    tenant_id bigint NOT NULL REFERENCES tenants,
    category text NOT NULL,
    name text NOT NULL,
    sealed bytea NOT NULL,  -- bound to tenant, category and name: a copied row opens nowhere else
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, category, name)
);
SELECT protect_tenant_rows('credentials');

GRANT SELECT ON installation TO relevo_app, relevo_operator;
GRANT SELECT, UPDATE ON tenants TO relevo_app;
GRANT SELECT, INSERT, UPDATE ON agents, agent_versions, endpoints, accounts, credentials TO relevo_app;
GRANT EXECUTE ON FUNCTION app_tenant, from_millis, to_millis, hash_uuid TO relevo_app, relevo_router, relevo_operator;

-- What crosses tenants. These functions have the router's rights, whoever calls them; the router sees what is
-- granted here and logs in nowhere.
GRANT SELECT, INSERT ON tenants TO relevo_router;
GRANT SELECT ON endpoints, accounts TO relevo_router;
CREATE POLICY router_reads ON tenants FOR SELECT TO relevo_router USING (true);
CREATE POLICY router_adds ON tenants FOR INSERT TO relevo_router WITH CHECK (true);
CREATE POLICY router_reads ON endpoints FOR SELECT TO relevo_router USING (true);
CREATE POLICY router_reads ON accounts FOR SELECT TO relevo_router USING (true);

-- The account of that exact name, or the one account of the endpoint where the name is empty. No secrets.
CREATE FUNCTION resolve_account(wanted_channel text, wanted_id text, scope bigint)
RETURNS TABLE (tenant_id bigint, id uuid, channel text, external_id text, endpoint_id bigint, agent_id bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT a.tenant_id, a.id, a.channel, a.external_id, a.endpoint_id, a.agent_id
    FROM accounts AS a
    WHERE a.channel = wanted_channel
      AND CASE WHEN wanted_id = ''
               THEN a.endpoint_id = scope
                    AND EXISTS (SELECT FROM endpoints AS e WHERE e.id = scope AND e.kind = 'account')
               ELSE a.external_id = wanted_id END
    LIMIT 1
$$;

CREATE FUNCTION find_endpoint(wanted_channel text, wanted_key text)
RETURNS TABLE (id bigint, tenant_id bigint, channel text, account text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT e.id, e.tenant_id, e.channel,
           CASE WHEN e.kind = 'account'
                THEN coalesce((SELECT a.external_id FROM accounts AS a WHERE a.endpoint_id = e.id LIMIT 1), '')
                ELSE '' END
    FROM endpoints AS e
    WHERE e.channel = wanted_channel AND e.key = wanted_key
$$;

-- What the gateway reads at its start, so that a webhook is verified while the database is away.
CREATE FUNCTION list_endpoints(most integer) RETURNS TABLE (channel text, key text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT e.channel, e.key FROM endpoints AS e ORDER BY e.id LIMIT most
$$;

CREATE FUNCTION list_tenants() RETURNS TABLE (id bigint, slug text, name text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT t.id, t.slug, t.name FROM tenants AS t ORDER BY t.id
$$;

-- The tenant of that slug, made where there is none.
CREATE FUNCTION register_tenant(wanted_slug text, wanted_name text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
BEGIN
    INSERT INTO tenants (slug, name) VALUES (wanted_slug, wanted_name) ON CONFLICT (slug) DO NOTHING;
    RETURN (SELECT t.id FROM tenants AS t WHERE t.slug = wanted_slug);
END $$;

GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION resolve_account OWNER TO relevo_router;
ALTER FUNCTION find_endpoint OWNER TO relevo_router;
ALTER FUNCTION list_endpoints OWNER TO relevo_router;
ALTER FUNCTION list_tenants OWNER TO relevo_router;
ALTER FUNCTION register_tenant OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION resolve_account, find_endpoint, list_endpoints, list_tenants, register_tenant FROM PUBLIC;
GRANT EXECUTE ON FUNCTION resolve_account, find_endpoint, list_endpoints, list_tenants, register_tenant
    TO relevo_app;
