-- The sentence of a shop that states none promised a person, and nobody is called unless `on_failure` is
-- 'handoff'. The table's lock comes last: every stage reads the row of its shop.
DO $$
DECLARE
    tenant bigint;
BEGIN
    FOR tenant IN SELECT t.id FROM list_tenants() AS t LOOP
        PERFORM set_config('app.tenant_id', tenant::text, true);
        UPDATE tenants AS t
        SET fallback_text = 'Disculpá, en este momento no puedo responderte. Escribime de nuevo en un rato, por favor.'
        WHERE t.id = tenant
          AND t.fallback_text = 'Disculpá, en este momento no puedo responderte. En breve te escribe una persona del equipo.'
          AND NOT EXISTS (SELECT FROM agents AS g WHERE g.tenant_id = tenant AND g.on_failure = 'handoff');
    END LOOP;
    PERFORM set_config('app.tenant_id', '', true);
END $$;

ALTER TABLE tenants ALTER COLUMN fallback_text
    SET DEFAULT 'Disculpá, en este momento no puedo responderte. Escribime de nuevo en un rato, por favor.';
