-- What a shop knows.

CREATE TEXT SEARCH CONFIGURATION relevo_spanish (COPY = pg_catalog.spanish);
ALTER TEXT SEARCH CONFIGURATION relevo_spanish
    ALTER MAPPING FOR hword, hword_part, word WITH unaccent, spanish_stem;

CREATE TABLE catalogue_entries (
    tenant_id bigint NOT NULL REFERENCES tenants,
    sku text NOT NULL,
    name text NOT NULL,
    description text NOT NULL DEFAULT '',
    price text NOT NULL DEFAULT '',  -- as customers read it
    currency text NOT NULL DEFAULT '',
    url text NOT NULL DEFAULT '',
    attributes jsonb NOT NULL DEFAULT '{}',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, sku)
);
SELECT protect_tenant_rows('catalogue_entries');

CREATE TABLE sources (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    kind text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, kind, name)
);
SELECT protect_tenant_rows('sources');

-- Passages. `@@` is not leakproof, so under row-level security no GIN index on tsv would be used: a tenant's
-- passages are read by (tenant_id) in the one partition that holds them, and each is tested.
CREATE TABLE chunks (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    source_id uuid NOT NULL,
    title text NOT NULL,
    text text NOT NULL,
    tsv tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector('public.relevo_spanish', title), 'A')
        || setweight(to_tsvector('public.relevo_spanish', text), 'B')) STORED,
    -- the embedding's place: a vector column of the model's width, with the knowledge pipeline
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, source_id) REFERENCES sources ON DELETE CASCADE
) PARTITION BY HASH (tenant_id);
SELECT protect_tenant_rows('chunks');

DO $$
BEGIN
    FOR remainder IN 0..7 LOOP
        EXECUTE format('CREATE TABLE chunks_%1$s PARTITION OF chunks FOR VALUES WITH (MODULUS 8, REMAINDER %1$s)',
                       remainder);
        -- a query that names the partition meets its own policies only
        PERFORM protect_tenant_rows(format('chunks_%s', remainder)::regclass);
    END LOOP;
END $$;
CREATE INDEX chunks_of_source ON chunks (tenant_id, source_id);

GRANT SELECT, INSERT, UPDATE, DELETE ON catalogue_entries, sources, chunks TO relevo_app;
