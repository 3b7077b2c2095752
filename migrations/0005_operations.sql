-- The workers' own: what waits for a later time, and what can never be handled.

-- Here rows may have no tenant: a record of messages.received names none. Nobody's tenant sees nobody's rows.
CREATE TABLE timers (
    id uuid PRIMARY KEY,
    tenant_id bigint,
    due_at timestamptz NOT NULL,
    topic text NOT NULL,
    key text NOT NULL,
    value text NOT NULL,
    headers jsonb NOT NULL,
    parks integer NOT NULL DEFAULT 1,  -- a record that was parked again while it was waking stays
    leased_until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX timers_due ON timers (due_at);

CREATE TABLE dead_letters (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id bigint,
    stage text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    record_key bytea NOT NULL,
    value bytea NOT NULL,
    headers jsonb NOT NULL,
    code text NOT NULL,
    text text NOT NULL,
    attempts integer NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (stage, topic, partition, record_offset)
);
CREATE INDEX ON dead_letters (at);

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['timers', 'dead_letters'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', target);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', target);
        EXECUTE format($policy$CREATE POLICY tenant ON %I
            USING (tenant_id IS NOT DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::bigint)
            WITH CHECK (tenant_id IS NOT DISTINCT FROM nullif(current_setting('app.tenant_id', true), '')::bigint)
            $policy$, target);
    END LOOP;
END $$;

GRANT SELECT, INSERT, UPDATE, DELETE ON timers TO relevo_app;
GRANT SELECT, INSERT ON dead_letters TO relevo_app;
GRANT SELECT, UPDATE ON timers TO relevo_router;
CREATE POLICY router_reads ON timers FOR SELECT TO relevo_router USING (true);
CREATE POLICY router_leases ON timers FOR UPDATE TO relevo_router USING (true) WITH CHECK (true);

-- Timers that are due, for whoever asks first, until the lease ends. Ids only: the rows are read as their tenant.
CREATE FUNCTION lease_timers(moment timestamptz, lease interval, most integer)
RETURNS TABLE (tenant_id bigint, id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    UPDATE timers AS t SET leased_until = moment + lease
    WHERE t.id = ANY (ARRAY(
        SELECT d.id FROM timers AS d
        WHERE d.due_at <= moment AND (d.leased_until IS NULL OR d.leased_until <= moment)
        ORDER BY d.due_at LIMIT most FOR UPDATE SKIP LOCKED))
    RETURNING t.tenant_id, t.id
$$;
GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION lease_timers OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION lease_timers FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lease_timers TO relevo_app;
