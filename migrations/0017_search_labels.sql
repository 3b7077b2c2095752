-- Labels do not count beside what they label. "Precio:" stands in every product's passage, so that a question for a
-- price found them all: now such a word finds passages only where no other word of the question does.

ALTER TABLE chunks ADD COLUMN searched text;  -- what the text says without its labels; null: it has none
ALTER TABLE chunks DROP COLUMN tsv;
ALTER TABLE chunks ADD COLUMN tsv tsvector NOT NULL GENERATED ALWAYS AS (
    setweight(to_tsvector('public.relevo_spanish', title), 'A')
    || setweight(to_tsvector('public.relevo_spanish', coalesce(searched, text)), 'B')
    || setweight(to_tsvector('public.relevo_spanish', CASE WHEN searched IS NULL THEN '' ELSE text END), 'D')) STORED;

CREATE FUNCTION searched_text(e catalogue_entries) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws(E'\n', e.description,
                     (SELECT string_agg(x.value, E'\n' ORDER BY x.key) FROM jsonb_each_text(e.attributes) AS x),
                     e.price, e.url)
$$;

DO $$
DECLARE
    tenant bigint;
BEGIN
    FOR tenant IN SELECT t.id FROM list_tenants() AS t LOOP
        PERFORM set_config('app.tenant_id', tenant::text, true);
        UPDATE chunks AS k SET searched = searched_text(e)
        FROM catalogue_entries AS e
        WHERE k.tenant_id = tenant AND e.tenant_id = tenant
          AND k.id = hash_uuid('chunk', tenant::text, 'catalogue', e.sku);
    END LOOP;
    PERFORM set_config('app.tenant_id', '', true);
END $$;

CREATE OR REPLACE FUNCTION apply_catalogue(spec jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    source uuid := hash_uuid('source', tenant::text, 'catalogue');
BEGIN
    INSERT INTO sources (tenant_id, id, kind, name) VALUES (tenant, source, 'catalogue', 'catalogue')
    ON CONFLICT DO NOTHING;
    DELETE FROM catalogue_entries AS e WHERE e.tenant_id = tenant
        AND e.sku NOT IN (SELECT p ->> 'sku' FROM jsonb_array_elements(spec) AS p);
    INSERT INTO catalogue_entries (tenant_id, sku, name, description, price, currency, url, attributes)
    SELECT tenant, p ->> 'sku', p ->> 'name', p ->> 'description', p ->> 'price', p ->> 'currency', p ->> 'url',
           p -> 'attributes'
    FROM jsonb_array_elements(spec) AS p
    ON CONFLICT (tenant_id, sku) DO UPDATE
    SET name = excluded.name, description = excluded.description, price = excluded.price,
        currency = excluded.currency, url = excluded.url, attributes = excluded.attributes, updated_at = now();
    DELETE FROM chunks AS k WHERE k.tenant_id = tenant AND k.source_id = source
        AND k.id NOT IN (SELECT hash_uuid('chunk', tenant::text, 'catalogue', e.sku) FROM catalogue_entries AS e
                         WHERE e.tenant_id = tenant);
    INSERT INTO chunks (tenant_id, id, source_id, title, text, searched)
    SELECT tenant, hash_uuid('chunk', tenant::text, 'catalogue', e.sku), source, e.name,
           concat_ws(E'\n', nullif(e.description, ''),
                     (SELECT string_agg(format('%s: %s', x.key, x.value), E'\n' ORDER BY x.key)
                      FROM jsonb_each_text(e.attributes) AS x),
                     'Precio: ' || nullif(concat_ws(' ', nullif(e.currency, ''), nullif(e.price, '')), ''),
                     nullif(e.url, '')),
           searched_text(e)
    FROM catalogue_entries AS e WHERE e.tenant_id = tenant
    ON CONFLICT (tenant_id, id) DO UPDATE
    SET title = excluded.title, text = excluded.text, searched = excluded.searched
    WHERE (chunks.title, chunks.text, chunks.searched)
          IS DISTINCT FROM (excluded.title, excluded.text, excluded.searched);
END $$;

CREATE OR REPLACE FUNCTION op_search(req jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    tenant bigint := app_tenant();
    words tsvector := to_tsvector('public.relevo_spanish', req ->> 'text');
    weights real[] := '{0, 0.2, 0.4, 1}';  -- of D, a label, to A, a title
    query tsquery;
    passages jsonb;
BEGIN
    SELECT words || coalesce(to_tsvector('public.relevo_spanish', string_agg(meaning, ' ')), '') INTO words
    FROM tenants AS t, jsonb_each(t.synonyms) AS s(said, meant), jsonb_array_elements_text(s.meant) AS meaning
    WHERE t.id = tenant AND plainto_tsquery('public.relevo_spanish', s.said) @@ words
      AND numnode(plainto_tsquery('public.relevo_spanish', s.said)) > 0;
    SELECT string_agg(quote_literal(lexeme), ' | ')::tsquery INTO query FROM unnest(words);
    IF query IS NULL THEN
        RETURN '[]';
    END IF;
    SELECT jsonb_agg(jsonb_build_object('source', p.source, 'title', p.title, 'text', p.text, 'score', p.score)
                     ORDER BY p.score DESC, p.id)
    INTO passages
    FROM (SELECT k.id, s.name AS source, k.title, k.text, ts_rank(weights, k.tsv, query, 1) AS score,
                 max(ts_rank(weights, k.tsv, query, 1)) OVER () AS best
          FROM chunks AS k JOIN sources AS s ON s.tenant_id = tenant AND s.id = k.source_id
          WHERE k.tenant_id = tenant AND k.tsv @@ query
          ORDER BY score DESC, k.id LIMIT (req ->> 'limit')::integer) AS p
    WHERE p.score > 0 OR p.best = 0;
    RETURN coalesce(passages, '[]');
END $$;

GRANT EXECUTE ON FUNCTION searched_text TO relevo_app;
