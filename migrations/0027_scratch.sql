-- What happens in a scratch transaction is seen by itself and then gone: a row here keeps it from being committed, whoever
-- tries. `relevo replay` runs a stage in one.
CREATE TABLE scratch (only_row boolean NOT NULL DEFAULT true);
CREATE FUNCTION refuse_commit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a scratch transaction is never committed';
END $$;
CREATE CONSTRAINT TRIGGER refuse_commit AFTER INSERT ON scratch DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION refuse_commit();
GRANT INSERT ON scratch TO relevo_app;
GRANT EXECUTE ON FUNCTION refuse_commit TO relevo_app;

-- What the model answered in a step; null where it was never asked, or never answered.
CREATE FUNCTION op_stored_answer(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT s.response FROM steps AS s
    WHERE s.tenant_id = app_tenant() AND s.turn_id = (req ->> 'turn')::uuid AND s.step = (req ->> 'step')::integer
$$;
GRANT EXECUTE ON FUNCTION op_stored_answer TO relevo_app;
