-- Whom a shop sells to: companies, their divisions, the people in them, and what may be sold to them. Each is called by the
-- shop's CRM too (crm_…_id), goes out of the lists without going away (deleted_at), and is dated by the database.
--
-- People are contacts, whether they wrote or the shop's CRM told of them: what is theirs goes with them (personal_tables). The
-- audit log only grows, so of what is personal it has only that it changed, under a name that nobody else has (log_name).

-- Before people are locked, whom every stage reads.
-- What a repeated request is answered with for a day is about somebody, too.
ALTER TABLE api_requests ADD COLUMN about text GENERATED ALWAYS AS (coalesce(result ->> 'contact', result ->> 'id')) STORED;
CREATE INDEX api_requests_about ON api_requests (about, tenant_id) WHERE about IS NOT NULL;
GRANT UPDATE (result) ON api_requests TO relevo_app;

CREATE TABLE companies (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) <= 200),
    fiscal_id text CHECK (length(fiscal_id) <= 100),  -- CUIT, CNPJ, RUT, RFC, NIT…
    crm_company_id text CHECK (length(crm_company_id) <= 200),
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, tenant_id)
);
CREATE UNIQUE INDEX companies_of_crm ON companies (crm_company_id, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX companies_listed ON companies (tenant_id, id) WHERE deleted_at IS NULL;
SELECT protect_tenant_rows('companies');

CREATE TABLE divisions (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    company_id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) <= 200),
    crm_division_id text CHECK (length(crm_division_id) <= 200),
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (company_id, tenant_id) REFERENCES companies (id, tenant_id)
);
CREATE UNIQUE INDEX divisions_of_crm ON divisions (crm_division_id, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX divisions_listed ON divisions (tenant_id, id) WHERE deleted_at IS NULL;
CREATE INDEX divisions_of_company ON divisions (company_id, tenant_id);
SELECT protect_tenant_rows('divisions');

ALTER TABLE contacts
    ADD COLUMN division_id uuid,  -- and through it the company
    ADD COLUMN email text CHECK (length(email) <= 320),
    ADD COLUMN phone text CHECK (length(phone) <= 50),
    ADD COLUMN crm_contact_id text CHECK (length(crm_contact_id) <= 200),
    -- what the audit log calls them, once there is something to note: an id that says nothing of whom it means. Others are
    -- computed from a person's names.
    ADD COLUMN log_name uuid,
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN updated_at timestamptz NOT NULL DEFAULT now(),
    ADD FOREIGN KEY (division_id, tenant_id) REFERENCES divisions (id, tenant_id);
-- here, where nobody has such an id yet, nothing is to be looked through while all wait
CREATE UNIQUE INDEX contacts_of_crm ON contacts (crm_contact_id, tenant_id) WHERE deleted_at IS NULL AND crm_contact_id IS NOT NULL;
CREATE INDEX contacts_deleted ON contacts (id, tenant_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX contacts_of_division ON contacts (division_id, tenant_id) WHERE division_id IS NOT NULL;

CREATE TABLE opportunities (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    contact_id uuid,
    company_id uuid,
    title text NOT NULL CHECK (length(title) <= 200),
    problem text CHECK (length(problem) <= 4000),  -- what they need, in words
    stage text NOT NULL DEFAULT 'new' CHECK (length(stage) <= 63),  -- as the CRM's pipeline calls it
    amount bigint CHECK (amount >= 0),  -- in the currency's smallest unit
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    crm_opportunity_id text CHECK (length(crm_opportunity_id) <= 200),
    deleted_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, tenant_id),
    FOREIGN KEY (contact_id, tenant_id) REFERENCES contacts (id, tenant_id),
    FOREIGN KEY (company_id, tenant_id) REFERENCES companies (id, tenant_id),
    CHECK (contact_id IS NOT NULL OR company_id IS NOT NULL),
    CHECK ((amount IS NULL) = (currency IS NULL))
);
CREATE UNIQUE INDEX opportunities_of_crm ON opportunities (crm_opportunity_id, tenant_id) WHERE deleted_at IS NULL;
CREATE INDEX opportunities_listed ON opportunities (tenant_id, id) WHERE deleted_at IS NULL;
CREATE INDEX opportunities_of_contact ON opportunities (contact_id, tenant_id) WHERE contact_id IS NOT NULL;
CREATE INDEX opportunities_of_company ON opportunities (company_id, tenant_id) WHERE company_id IS NOT NULL;
SELECT protect_tenant_rows('opportunities');

-- Why which product. It was in the catalogue when it was recommended; products come and go.
CREATE TABLE opportunity_recommendations (
    tenant_id bigint NOT NULL,
    opportunity_id uuid NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,  -- as the catalogue had it then
    justification text NOT NULL CHECK (length(justification) <= 1000),
    rank integer NOT NULL CHECK (rank > 0),  -- 1: the best
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (opportunity_id, sku, tenant_id),
    FOREIGN KEY (opportunity_id, tenant_id) REFERENCES opportunities (id, tenant_id)
);
SELECT protect_tenant_rows('opportunity_recommendations');

-- Whose a row is and when it was made is not for the process to change.
GRANT SELECT, INSERT, UPDATE (name, fiscal_id, crm_company_id, deleted_at) ON companies TO relevo_app;
GRANT SELECT, INSERT, UPDATE (company_id, name, crm_division_id, deleted_at) ON divisions TO relevo_app;
GRANT SELECT, INSERT, DELETE,
    UPDATE (contact_id, company_id, title, problem, stage, amount, currency, crm_opportunity_id, deleted_at, updated_at)
    ON opportunities TO relevo_app;
GRANT SELECT, INSERT, DELETE, UPDATE (name, justification, rank) ON opportunity_recommendations TO relevo_app;

CREATE FUNCTION touch_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END $$;

-- Notes what became of a row, as note_row does, but says only some values: of all others that they changed. Its arguments: what
-- such a row is called, the column that names it in the log, and the columns whose values are said.
CREATE FUNCTION note_crm_row() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept text[] := ARRAY['tenant_id', 'id', 'log_name', 'created_at', 'updated_at'];
    said text[] := string_to_array(TG_ARGV[2], ' ');
    was jsonb := CASE WHEN TG_OP = 'UPDATE' THEN jsonb_strip_nulls(to_jsonb(OLD) - kept) ELSE '{}' END;
    is_now jsonb := jsonb_strip_nulls(to_jsonb(NEW) - kept);
    changed text[] := ARRAY(SELECT k FROM jsonb_object_keys(was || is_now) AS k
                            WHERE was -> k IS DISTINCT FROM is_now -> k ORDER BY k);
    unsaid text[] := ARRAY(SELECT k FROM unnest(changed) AS k WHERE k <> ALL (said));
    action text := CASE WHEN TG_OP = 'INSERT' THEN 'add'
                        WHEN is_now ? 'deleted_at' AND NOT was ? 'deleted_at' THEN 'remove'
                        WHEN was ? 'deleted_at' AND NOT is_now ? 'deleted_at' THEN 'restore' ELSE 'change' END;
BEGIN
    IF cardinality(changed) > 0 THEN
        PERFORM note_change(
            acting(), TG_ARGV[0] || '.' || action, TG_ARGV[0] || ':' || (to_jsonb(NEW) ->> TG_ARGV[1]),
            CASE WHEN TG_OP = 'UPDATE' THEN (SELECT coalesce(jsonb_object_agg(k, was -> k), '{}') FROM unnest(changed) AS k
                                             WHERE k = ANY (said) AND was ? k) END,
            (SELECT coalesce(jsonb_object_agg(k, is_now -> k), '{}') FROM unnest(changed) AS k
             WHERE k = ANY (said) AND is_now ? k)
            || CASE WHEN cardinality(unsaid) > 0 THEN jsonb_build_object('changed', unsaid) ELSE '{}' END);
    END IF;
    RETURN NULL;
END $$;

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['companies', 'divisions', 'contacts', 'opportunities', 'opportunity_recommendations'] LOOP
        EXECUTE format('CREATE TRIGGER touched BEFORE UPDATE ON %I FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) '
                       'EXECUTE FUNCTION touch_row()', target);
    END LOOP;
END $$;
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON companies
    FOR EACH ROW EXECUTE FUNCTION note_crm_row('company', 'id', 'name fiscal_id crm_company_id deleted_at');
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON divisions
    FOR EACH ROW EXECUTE FUNCTION note_crm_row('division', 'id', 'company_id name crm_division_id deleted_at');
-- who writes for the first time is nobody's change
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON contacts FOR EACH ROW WHEN (NEW.log_name IS NOT NULL)
    EXECUTE FUNCTION note_crm_row('contact', 'log_name', 'division_id deleted_at');
CREATE TRIGGER noted AFTER INSERT OR UPDATE ON opportunities
    FOR EACH ROW EXECUTE FUNCTION note_crm_row('opportunity', 'id', 'company_id stage amount currency deleted_at');

-- ---- as the API shows them

CREATE FUNCTION to_iso(moment timestamptz) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE
RETURN to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');

CREATE FUNCTION company_facts(c companies) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', c.id, 'name', c.name, 'fiscal_id', c.fiscal_id, 'crm_company_id', c.crm_company_id,
        'created_at', to_iso(c.created_at), 'updated_at', to_iso(c.updated_at)))
$$;

CREATE FUNCTION division_facts(d divisions) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', d.id, 'company', d.company_id, 'name', d.name, 'crm_division_id', d.crm_division_id,
        'created_at', to_iso(d.created_at), 'updated_at', to_iso(d.updated_at)))
$$;

-- The alias by which only we know them is none of theirs.
CREATE FUNCTION contact_facts(c contacts) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', c.id, 'name', c.name, 'email', c.email, 'phone', c.phone, 'division', c.division_id,
        'company', (SELECT d.company_id FROM divisions AS d WHERE d.tenant_id = c.tenant_id AND d.id = c.division_id),
        'crm_contact_id', c.crm_contact_id, 'log_subject', 'contact:' || c.log_name,
        'aliases', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', a.kind, 'value', shown_alias(a.kind, a.value))
                                              ORDER BY a.kind, a.value), '[]')
                    FROM aliases AS a
                    WHERE a.tenant_id = c.tenant_id AND a.contact_id = c.id AND a.kind <> 'contact'),
        'created_at', to_iso(c.created_at), 'updated_at', to_iso(c.updated_at)))
$$;

CREATE FUNCTION opportunity_facts(o opportunities) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
        'id', o.id, 'contact', o.contact_id, 'company', o.company_id, 'title', o.title, 'problem', o.problem, 'stage', o.stage,
        'amount', CASE WHEN o.amount IS NOT NULL
                       THEN jsonb_build_object('minor_units', o.amount, 'currency', o.currency) END,
        'recommendations', (SELECT coalesce(jsonb_agg(jsonb_build_object('sku', r.sku, 'name', r.name, 'rank', r.rank,
                                                                         'justification', r.justification) ORDER BY r.rank), '[]')
                            FROM opportunity_recommendations AS r
                            WHERE r.tenant_id = o.tenant_id AND r.opportunity_id = o.id),
        'crm_opportunity_id', o.crm_opportunity_id,
        'created_at', to_iso(o.created_at), 'updated_at', to_iso(o.updated_at)))
$$;

-- The rows of the table after one, by id, as the function shows them. `wanted`: what columns must be; one of several where it is
-- a list, anything where it is null. Planned for what is asked, so that a CRM's id is looked up and not searched for.
CREATE FUNCTION crm_page(target name, facts name, wanted jsonb, after uuid, most integer) RETURNS jsonb
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found jsonb;
BEGIN
    EXECUTE format('SELECT coalesce(jsonb_agg(x.facts ORDER BY x.id), ''[]'') '
                   'FROM (SELECT r.id, %I(r) AS facts FROM %I AS r '
                   '      WHERE r.tenant_id = $1 AND r.deleted_at IS NULL AND r.id > $2%s ORDER BY r.id LIMIT $3) AS x',
                   facts, target, (SELECT string_agg(CASE jsonb_typeof(w.value)
                                       WHEN 'array' THEN format(' AND r.%I = ANY (%L)', w.key,
                                                                ARRAY(SELECT jsonb_array_elements_text(w.value)))
                                       ELSE format(' AND r.%I = %L', w.key, w.value #>> '{}') END, '')
                                   FROM jsonb_each(jsonb_strip_nulls(wanted)) AS w))
        INTO found
        USING app_tenant(), coalesce(after, '00000000-0000-0000-0000-000000000000'), least(most, 1000);
    RETURN found;
END $$;

-- {"after", "limit"}, and what is wanted of them.
CREATE FUNCTION op_list_companies(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT crm_page('companies', 'company_facts', jsonb_build_object('crm_company_id', req ->> 'crm_company_id'),
                    (req ->> 'after')::uuid, (req ->> 'limit')::integer)
$$;

CREATE FUNCTION op_list_divisions(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT crm_page('divisions', 'division_facts',
                    jsonb_build_object('company_id', (req ->> 'company')::uuid, 'crm_division_id', req ->> 'crm_division_id'),
                    (req ->> 'after')::uuid, (req ->> 'limit')::integer)
$$;

CREATE FUNCTION op_list_contacts(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT crm_page('contacts', 'contact_facts', jsonb_build_object(
                        'crm_contact_id', req ->> 'crm_contact_id',
                        'division_id', CASE WHEN req ? 'company' THEN
                            (SELECT coalesce(jsonb_agg(d.id), '[]') FROM divisions AS d
                             WHERE d.tenant_id = app_tenant() AND d.company_id = (req ->> 'company')::uuid
                               AND (NOT req ? 'division' OR d.id = (req ->> 'division')::uuid))
                            ELSE to_jsonb((req ->> 'division')::uuid) END),
                    (req ->> 'after')::uuid, (req ->> 'limit')::integer)
$$;

CREATE FUNCTION op_list_opportunities(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT crm_page('opportunities', 'opportunity_facts', jsonb_build_object(
                        'contact_id', (req ->> 'contact')::uuid, 'company_id', (req ->> 'company')::uuid,
                        'stage', req ->> 'stage', 'crm_opportunity_id', req ->> 'crm_opportunity_id'),
                    (req ->> 'after')::uuid, (req ->> 'limit')::integer)
$$;

-- {"company"}, {"division"}, {"contact"}, {"opportunity"}; null for one that is not there, or no more.
CREATE FUNCTION op_get_company(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT company_facts(c) FROM companies AS c
                     WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'company')::uuid AND c.deleted_at IS NULL), 'null')
$$;

CREATE FUNCTION op_get_division(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT division_facts(d) FROM divisions AS d
                     WHERE d.tenant_id = app_tenant() AND d.id = (req ->> 'division')::uuid AND d.deleted_at IS NULL), 'null')
$$;

CREATE FUNCTION op_get_contact(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT contact_facts(c) FROM contacts AS c
                     WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'contact')::uuid AND c.deleted_at IS NULL), 'null')
$$;

CREATE FUNCTION op_get_opportunity(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT opportunity_facts(o) FROM opportunities AS o
                     WHERE o.tenant_id = app_tenant() AND o.id = (req ->> 'opportunity')::uuid AND o.deleted_at IS NULL), 'null')
$$;

-- ---- changes. "done", or why not: "not_found"; "taken", where another one has the CRM's id; "in_use", where others belong to
-- it; "no_company", "no_division", "no_contact", "no_product" where it names one that is not there; "same_product" where it
-- recommends one twice; "nobody", where an opportunity would be nobody's. What a change does not state stays, null takes away.
-- Whoever names a row holds it, so that it does not go meanwhile; rows that others belong to are locked before those.

CREATE FUNCTION hold_company(company uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM companies AS c WHERE c.tenant_id = app_tenant() AND c.id = company AND c.deleted_at IS NULL FOR SHARE;
    RETURN FOUND OR company IS NULL;
END $$;

CREATE FUNCTION hold_division(division uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM divisions AS d WHERE d.tenant_id = app_tenant() AND d.id = division AND d.deleted_at IS NULL FOR SHARE;
    RETURN FOUND OR division IS NULL;
END $$;

CREATE FUNCTION hold_contact(contact uuid) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM contacts AS c WHERE c.tenant_id = app_tenant() AND c.id = contact AND c.deleted_at IS NULL FOR SHARE;
    RETURN FOUND OR contact IS NULL;
END $$;

CREATE FUNCTION op_add_company(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO companies (tenant_id, id, name, fiscal_id, crm_company_id)
    VALUES (app_tenant(), (req ->> 'company')::uuid, req ->> 'name', req ->> 'fiscal_id', req ->> 'crm_company_id')
    ON CONFLICT DO NOTHING;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"taken"' END;
END $$;

CREATE FUNCTION op_change_company(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE companies AS c
    SET name = coalesce(req ->> 'name', c.name),
        fiscal_id = CASE WHEN req ? 'fiscal_id' THEN req ->> 'fiscal_id' ELSE c.fiscal_id END,
        crm_company_id = CASE WHEN req ? 'crm_company_id' THEN req ->> 'crm_company_id' ELSE c.crm_company_id END
    WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'company')::uuid AND c.deleted_at IS NULL;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"not_found"' END;
EXCEPTION WHEN unique_violation THEN
    RETURN '"taken"';
END $$;

CREATE FUNCTION op_remove_company(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    company uuid := (req ->> 'company')::uuid;
BEGIN
    PERFORM FROM companies AS c WHERE c.tenant_id = app_tenant() AND c.id = company AND c.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    ELSIF EXISTS (SELECT FROM divisions AS d WHERE d.tenant_id = app_tenant() AND d.company_id = company AND d.deleted_at IS NULL)
          OR EXISTS (SELECT FROM opportunities AS o
                     WHERE o.tenant_id = app_tenant() AND o.company_id = company AND o.deleted_at IS NULL) THEN
        RETURN '"in_use"';
    END IF;
    UPDATE companies AS c SET deleted_at = now() WHERE c.tenant_id = app_tenant() AND c.id = company;
    RETURN '"done"';
END $$;

CREATE FUNCTION op_add_division(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT hold_company((req ->> 'company')::uuid) THEN
        RETURN '"no_company"';
    END IF;
    INSERT INTO divisions (tenant_id, id, company_id, name, crm_division_id)
    VALUES (app_tenant(), (req ->> 'division')::uuid, (req ->> 'company')::uuid, req ->> 'name', req ->> 'crm_division_id')
    ON CONFLICT DO NOTHING;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"taken"' END;
END $$;

CREATE FUNCTION op_change_division(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT hold_company((req ->> 'company')::uuid) THEN
        RETURN '"no_company"';
    END IF;
    UPDATE divisions AS d
    SET name = coalesce(req ->> 'name', d.name), company_id = coalesce((req ->> 'company')::uuid, d.company_id),
        crm_division_id = CASE WHEN req ? 'crm_division_id' THEN req ->> 'crm_division_id' ELSE d.crm_division_id END
    WHERE d.tenant_id = app_tenant() AND d.id = (req ->> 'division')::uuid AND d.deleted_at IS NULL;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"not_found"' END;
EXCEPTION WHEN unique_violation THEN
    RETURN '"taken"';
END $$;

CREATE FUNCTION op_remove_division(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    division uuid := (req ->> 'division')::uuid;
BEGIN
    PERFORM FROM divisions AS d WHERE d.tenant_id = app_tenant() AND d.id = division AND d.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    ELSIF EXISTS (SELECT FROM contacts AS c
                  WHERE c.tenant_id = app_tenant() AND c.division_id = division AND c.deleted_at IS NULL) THEN
        RETURN '"in_use"';
    END IF;
    UPDATE divisions AS d SET deleted_at = now() WHERE d.tenant_id = app_tenant() AND d.id = division;
    RETURN '"done"';
END $$;

-- Somebody whom no channel knows yet. The alias is what an erasure is remembered by: one that a restored database has forgotten
-- finds them by it.
CREATE FUNCTION op_add_contact(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT hold_division((req ->> 'division')::uuid) THEN
        RETURN '"no_division"';
    END IF;
    INSERT INTO contacts (tenant_id, id, name, email, phone, division_id, crm_contact_id, log_name)
    VALUES (app_tenant(), (req ->> 'contact')::uuid, req ->> 'name', req ->> 'email', req ->> 'phone',
            (req ->> 'division')::uuid, req ->> 'crm_contact_id', gen_random_uuid())
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN '"taken"';
    END IF;
    INSERT INTO aliases (tenant_id, kind, value, contact_id)
    VALUES (app_tenant(), 'contact', req ->> 'contact', (req ->> 'contact')::uuid);
    RETURN '"done"';
END $$;

CREATE FUNCTION op_change_contact(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT hold_division((req ->> 'division')::uuid) THEN
        RETURN '"no_division"';
    END IF;
    UPDATE contacts AS c
    SET name = coalesce(req ->> 'name', c.name),
        email = CASE WHEN req ? 'email' THEN req ->> 'email' ELSE c.email END,
        phone = CASE WHEN req ? 'phone' THEN req ->> 'phone' ELSE c.phone END,
        division_id = CASE WHEN req ? 'division' THEN (req ->> 'division')::uuid ELSE c.division_id END,
        crm_contact_id = CASE WHEN req ? 'crm_contact_id' THEN req ->> 'crm_contact_id' ELSE c.crm_contact_id END,
        log_name = coalesce(c.log_name, gen_random_uuid())
    WHERE c.tenant_id = app_tenant() AND c.id = (req ->> 'contact')::uuid AND c.deleted_at IS NULL;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"not_found"' END;
EXCEPTION WHEN unique_violation THEN
    RETURN '"taken"';
END $$;

CREATE FUNCTION op_remove_contact(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    contact uuid := (req ->> 'contact')::uuid;
BEGIN
    PERFORM FROM contacts AS c WHERE c.tenant_id = app_tenant() AND c.id = contact AND c.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    ELSIF EXISTS (SELECT FROM opportunities AS o
                  WHERE o.tenant_id = app_tenant() AND o.contact_id = contact AND o.deleted_at IS NULL) THEN
        RETURN '"in_use"';
    END IF;
    UPDATE contacts AS c SET deleted_at = now(), log_name = coalesce(c.log_name, gen_random_uuid())
    WHERE c.tenant_id = app_tenant() AND c.id = contact;
    RETURN '"done"';
END $$;

-- The best one first: [{"sku", "justification"}].
CREATE FUNCTION recommend(opportunity uuid, stated jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    was jsonb := (SELECT coalesce(jsonb_agg(r.sku ORDER BY r.rank), '[]') FROM opportunity_recommendations AS r
                  WHERE r.tenant_id = tenant AND r.opportunity_id = opportunity);
    is_now jsonb := (SELECT coalesce(jsonb_agg(s.item -> 'sku' ORDER BY s.rank), '[]')
                     FROM jsonb_array_elements(stated) WITH ORDINALITY AS s(item, rank));
BEGIN
    DELETE FROM opportunity_recommendations AS r
    WHERE r.tenant_id = tenant AND r.opportunity_id = opportunity AND NOT is_now ? r.sku;
    INSERT INTO opportunity_recommendations AS r (tenant_id, opportunity_id, sku, name, justification, rank)
    SELECT tenant, opportunity, e.sku, e.name, s.item ->> 'justification', s.rank
    FROM jsonb_array_elements(stated) WITH ORDINALITY AS s(item, rank)
    JOIN catalogue_entries AS e ON e.tenant_id = tenant AND e.sku = s.item ->> 'sku'
    ON CONFLICT (opportunity_id, sku, tenant_id) DO UPDATE
    SET name = excluded.name, justification = excluded.justification, rank = excluded.rank;
    UPDATE opportunities AS o SET updated_at = now() WHERE o.tenant_id = tenant AND o.id = opportunity;
    IF was <> is_now THEN
        PERFORM note_change(acting(), 'opportunity.recommend', 'opportunity:' || opportunity,
                            jsonb_build_object('products', was), jsonb_build_object('products', is_now));
    END IF;
END $$;

-- Why the opportunity cannot be as it is stated, or null. Holds whom it is of.
CREATE FUNCTION refuse_opportunity(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT hold_contact((req ->> 'contact')::uuid) THEN
        RETURN '"no_contact"';
    ELSIF NOT hold_company((req ->> 'company')::uuid) THEN
        RETURN '"no_company"';
    ELSIF EXISTS (SELECT FROM jsonb_array_elements(req -> 'recommendations') AS s
                  WHERE NOT EXISTS (SELECT FROM catalogue_entries AS e
                                    WHERE e.tenant_id = app_tenant() AND e.sku = s ->> 'sku')) THEN
        RETURN '"no_product"';
    ELSIF EXISTS (SELECT FROM jsonb_array_elements(req -> 'recommendations') AS s GROUP BY s ->> 'sku' HAVING count(*) > 1) THEN
        RETURN '"same_product"';
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION op_add_opportunity(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    refused jsonb := refuse_opportunity(req);
BEGIN
    IF refused IS NOT NULL THEN
        RETURN refused;
    ELSIF req ->> 'contact' IS NULL AND req ->> 'company' IS NULL THEN
        RETURN '"nobody"';
    END IF;
    INSERT INTO opportunities (tenant_id, id, contact_id, company_id, title, problem, stage, amount, currency, crm_opportunity_id)
    VALUES (app_tenant(), (req ->> 'opportunity')::uuid, (req ->> 'contact')::uuid, (req ->> 'company')::uuid, req ->> 'title',
            req ->> 'problem', coalesce(req ->> 'stage', 'new'), (req #>> '{amount,minor_units}')::bigint,
            req #>> '{amount,currency}', req ->> 'crm_opportunity_id')
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN '"taken"';
    END IF;
    IF req ? 'recommendations' THEN
        PERFORM recommend((req ->> 'opportunity')::uuid, req -> 'recommendations');
    END IF;
    RETURN '"done"';
END $$;

CREATE FUNCTION op_change_opportunity(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    refused jsonb := refuse_opportunity(req);
    o opportunities;
BEGIN
    IF refused IS NOT NULL THEN
        RETURN refused;
    END IF;
    SELECT * INTO o FROM opportunities AS x
    WHERE x.tenant_id = app_tenant() AND x.id = (req ->> 'opportunity')::uuid AND x.deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN '"not_found"';
    END IF;
    IF req ? 'contact' THEN
        o.contact_id := (req ->> 'contact')::uuid;
    END IF;
    IF req ? 'company' THEN
        o.company_id := (req ->> 'company')::uuid;
    END IF;
    IF o.contact_id IS NULL AND o.company_id IS NULL THEN
        RETURN '"nobody"';
    END IF;
    UPDATE opportunities AS x
    SET contact_id = o.contact_id, company_id = o.company_id, title = coalesce(req ->> 'title', x.title),
        problem = CASE WHEN req ? 'problem' THEN req ->> 'problem' ELSE x.problem END, stage = coalesce(req ->> 'stage', x.stage),
        amount = CASE WHEN req ? 'amount' THEN (req #>> '{amount,minor_units}')::bigint ELSE x.amount END,
        currency = CASE WHEN req ? 'amount' THEN req #>> '{amount,currency}' ELSE x.currency END,
        crm_opportunity_id = CASE WHEN req ? 'crm_opportunity_id' THEN req ->> 'crm_opportunity_id'
                                  ELSE x.crm_opportunity_id END
    WHERE x.tenant_id = o.tenant_id AND x.id = o.id;
    IF req ? 'recommendations' THEN
        PERFORM recommend(o.id, req -> 'recommendations');
    END IF;
    RETURN '"done"';
EXCEPTION WHEN unique_violation THEN
    RETURN '"taken"';
END $$;

CREATE FUNCTION op_remove_opportunity(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE opportunities AS o SET deleted_at = now()
    WHERE o.tenant_id = app_tenant() AND o.id = (req ->> 'opportunity')::uuid AND o.deleted_at IS NULL;
    RETURN CASE WHEN FOUND THEN '"done"' ELSE '"not_found"' END;
END $$;

GRANT EXECUTE ON FUNCTION touch_row, note_crm_row, to_iso, company_facts, division_facts, contact_facts, opportunity_facts,
    crm_page, op_list_companies, op_list_divisions, op_list_contacts, op_list_opportunities,
    op_get_company, op_get_division, op_get_contact, op_get_opportunity, hold_company, hold_division, hold_contact,
    op_add_company, op_change_company, op_remove_company, op_add_division, op_change_division, op_remove_division,
    op_add_contact, op_change_contact, op_remove_contact, recommend, refuse_opportunity,
    op_add_opportunity, op_change_opportunity, op_remove_opportunity TO relevo_app;

-- ---- people come back, are erased, and are forgotten

-- As in 0042; whoever was taken out of the lists and writes again is back: not as the one that the CRM had, who may be there anew.
CREATE OR REPLACE FUNCTION ensure_contact(req jsonb) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    life timestamptz;
    contact uuid;
BEGIN
    IF req #> '{marks,aliases}' <> 'null' THEN
        SELECT max(e.erased_at) INTO life FROM erased_aliases AS e
        WHERE e.tenant_id = app_tenant()
          AND e.mark = ANY (ARRAY(SELECT jsonb_array_elements_text(req #> '{marks,aliases}')));
    END IF;
    contact := ensure_first_contact(CASE WHEN life IS NULL THEN req ELSE jsonb_set(
        req, '{contact}', to_jsonb(hash_uuid('contact', req ->> 'contact', to_millis(life)::text))) END);
    UPDATE contacts AS c SET deleted_at = NULL, crm_contact_id = NULL, division_id = NULL
    WHERE c.tenant_id = app_tenant() AND c.id = contact AND c.deleted_at IS NOT NULL;
    RETURN contact;
END $$;

-- Holds only what other tables hold: not exported.
ALTER TABLE personal_tables ADD COLUMN copies boolean NOT NULL DEFAULT false;
UPDATE personal_tables SET place = 50 WHERE name = 'contacts';
INSERT INTO personal_tables (name, place, whose) VALUES
    ('opportunity_recommendations', 41,
     'x.opportunity_id IN (SELECT o.id FROM opportunities AS o WHERE o.tenant_id = $1 AND o.contact_id = $2)'),
    ('opportunities', 42, 'x.contact_id = $2');
-- The row stays: the request is not done again, and whoever repeats it finds nobody.
UPDATE personal_tables SET place = 43, whose = 'x.about = $2::text', instead = 'result = ''null''::jsonb', copies = true, why = ''
WHERE name = 'api_requests';
INSERT INTO personal_tables (name, why) VALUES
    ('companies', 'no people'), ('divisions', 'no people'), ('predefined_answers', 'what the shop knows'),
    ('subscriptions', 'the shop''s');

CREATE OR REPLACE FUNCTION op_export_person(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'pages', pg_relation_size('archive') / current_setting('block_size')::bigint,
        'tables', (SELECT jsonb_agg(p.name ORDER BY p.place DESC) FROM personal_tables AS p
                   WHERE p.place IS NOT NULL AND NOT p.copies),
        'aliases', (SELECT coalesce(jsonb_agg(jsonb_build_object('kind', a.kind, 'value', a.value)), '[]') FROM aliases AS a
                    WHERE a.tenant_id = (req ->> 'tenant')::bigint AND a.contact_id = (req ->> 'contact')::uuid))
$$;
GRANT SELECT ON opportunities, opportunity_recommendations TO relevo_operator_text;
CREATE POLICY operator_reads ON opportunities FOR SELECT TO relevo_operator_text USING (true);
CREATE POLICY operator_reads ON opportunity_recommendations FOR SELECT TO relevo_operator_text USING (true);

-- As in 0042, but for people whom the shop's CRM has, and those to whom something may be sold.
CREATE OR REPLACE FUNCTION forget_in(conversation uuid, cutoff timestamptz) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    c conversations;
    old_turns uuid[];
    old_replies uuid[];
    old_messages uuid[];
BEGIN
    SELECT * INTO c FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = conversation FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    old_turns := ARRAY(SELECT t.id FROM turns AS t
                       WHERE t.tenant_id = tenant AND t.conversation_id = c.id
                         AND greatest(t.created_at, t.closed_at) < cutoff
                       ORDER BY t.last_seq LIMIT 50);
    old_replies := ARRAY(SELECT r.id FROM replies AS r WHERE r.tenant_id = tenant AND r.turn_id = ANY (old_turns)
                         UNION ALL
                         (SELECT r.id FROM replies AS r
                          WHERE r.tenant_id = tenant AND r.conversation_id = c.id AND r.turn_id IS NULL
                            AND r.created_at < cutoff
                          ORDER BY r.order_seq, r.order_index LIMIT 200));
    old_messages := ARRAY(SELECT m.id FROM messages AS m WHERE m.tenant_id = tenant AND m.turn_id = ANY (old_turns)
                          UNION ALL
                          (SELECT m.id FROM messages AS m
                           WHERE m.tenant_id = tenant AND m.conversation_id = c.id AND m.turn_id IS NULL
                             AND m.appended_at < cutoff
                           ORDER BY m.seq LIMIT 200));
    PERFORM count_ends(old_messages, 'forgotten');
    DELETE FROM deliveries AS d WHERE d.tenant_id = tenant AND d.reply_id = ANY (old_replies);
    DELETE FROM replies AS r WHERE r.tenant_id = tenant AND r.id = ANY (old_replies);
    DELETE FROM answers AS a WHERE a.tenant_id = tenant AND a.turn_id = ANY (old_turns);
    DELETE FROM tool_calls AS k WHERE k.tenant_id = tenant AND k.turn_id = ANY (old_turns);
    DELETE FROM steps AS s WHERE s.tenant_id = tenant AND s.turn_id = ANY (old_turns);
    DELETE FROM messages AS m WHERE m.tenant_id = tenant AND m.id = ANY (old_messages);
    DELETE FROM turns AS t WHERE t.tenant_id = tenant AND t.id = ANY (old_turns);
    IF c.updated_at < cutoff AND c.created_at < cutoff
       AND NOT EXISTS (SELECT FROM messages AS m WHERE m.tenant_id = tenant AND m.conversation_id = c.id)
       AND NOT EXISTS (SELECT FROM turns AS t WHERE t.tenant_id = tenant AND t.conversation_id = c.id)
       AND NOT EXISTS (SELECT FROM replies AS r WHERE r.tenant_id = tenant AND r.conversation_id = c.id) THEN
        PERFORM FROM contacts AS k WHERE k.tenant_id = tenant AND k.id = c.contact_id FOR UPDATE SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN cardinality(old_messages);
        END IF;
        -- as an erasure does: whose names are gone could not be found by one later
        UPDATE model_calls AS x SET conversation_id = gen_random_uuid(), turn_id = gen_random_uuid()
        WHERE x.tenant_id = tenant AND x.conversation_id = c.id;
        DELETE FROM conversations AS x WHERE x.tenant_id = tenant AND x.id = c.id;
        IF NOT EXISTS (SELECT FROM conversations AS x WHERE x.tenant_id = tenant AND x.contact_id = c.contact_id)
           AND NOT EXISTS (SELECT FROM contacts AS k WHERE k.tenant_id = tenant AND k.id = c.contact_id
                           AND k.log_name IS NOT NULL AND k.deleted_at IS NULL)
           AND NOT EXISTS (SELECT FROM opportunities AS o WHERE o.tenant_id = tenant AND o.contact_id = c.contact_id) THEN
            DELETE FROM aliases AS a WHERE a.tenant_id = tenant AND a.contact_id = c.contact_id;
            DELETE FROM contacts AS k WHERE k.tenant_id = tenant AND k.id = c.contact_id;
        END IF;
    END IF;
    RETURN cardinality(old_messages);
END $$;

-- Who was taken out of the lists longer ago than the shop keeps anything, with what was to be sold to them; and who wrote once, of
-- whom nothing but such was left. How many rows of the lists went.
CREATE FUNCTION forget_removed(cutoff timestamptz, most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    sold uuid[] := ARRAY(SELECT o.id FROM opportunities AS o
                         WHERE o.tenant_id = tenant AND o.deleted_at < cutoff LIMIT most FOR UPDATE SKIP LOCKED);
    people uuid[] := ARRAY(SELECT o.contact_id FROM opportunities AS o
                           WHERE o.tenant_id = tenant AND o.id = ANY (sold) AND o.contact_id IS NOT NULL);
BEGIN
    DELETE FROM opportunity_recommendations AS r WHERE r.tenant_id = tenant AND r.opportunity_id = ANY (sold);
    DELETE FROM opportunities AS o WHERE o.tenant_id = tenant AND o.id = ANY (sold);
    people := people || ARRAY(
        SELECT c.id FROM contacts AS c
        WHERE c.tenant_id = tenant AND c.deleted_at < cutoff
          AND NOT EXISTS (SELECT FROM conversations AS v WHERE v.tenant_id = tenant AND v.contact_id = c.id)
          AND NOT EXISTS (SELECT FROM opportunities AS o WHERE o.tenant_id = tenant AND o.contact_id = c.id)
        LIMIT most);
    people := ARRAY(SELECT c.id FROM contacts AS c
                    WHERE c.tenant_id = tenant AND c.id = ANY (people)
                      AND (c.deleted_at < cutoff OR c.deleted_at IS NULL AND c.log_name IS NULL AND c.created_at < cutoff)
                    FOR UPDATE SKIP LOCKED);
    -- held: nobody writes as them, or sells them anything, meanwhile
    people := ARRAY(SELECT p.id FROM unnest(people) AS p(id)
                    WHERE NOT EXISTS (SELECT FROM conversations AS v WHERE v.tenant_id = tenant AND v.contact_id = p.id)
                      AND NOT EXISTS (SELECT FROM opportunities AS o WHERE o.tenant_id = tenant AND o.contact_id = p.id));
    DELETE FROM aliases AS a WHERE a.tenant_id = tenant AND a.contact_id = ANY (people);
    DELETE FROM contacts AS c WHERE c.tenant_id = tenant AND c.id = ANY (people);
    RETURN cardinality(sold) + cardinality(people);
END $$;

-- As in 0042, and {"removed"}: those.
ALTER FUNCTION op_forget_rest RENAME TO forget_rest;
CREATE FUNCTION op_forget_rest(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    removed integer := forget_removed(forget_before(from_millis((req ->> 'now')::bigint)), (req ->> 'most')::integer);
BEGIN
    RETURN forget_rest(req) || jsonb_build_object('removed', removed);
END $$;
GRANT EXECUTE ON FUNCTION forget_removed, op_forget_rest TO relevo_app;

-- ---- conversations in Chatwoot

-- As in 0007. What came through Chatwoot says in its metadata which conversation of which account there it is: {"chatwoot":
-- {"conversation_id", "account_id"}}, and answers go there. Of other channels the metadata is somebody else's word.
CREATE OR REPLACE FUNCTION ensure_conversation(req jsonb) RETURNS conversations LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    contact uuid := ensure_contact(req);
    account uuid := (req ->> 'account')::uuid;
    conversation conversations;
BEGIN
    SELECT * INTO conversation FROM conversations AS c
    WHERE c.tenant_id = tenant AND c.contact_id = contact AND c.account_id = account FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        INSERT INTO conversations (tenant_id, id, contact_id, account_id, channel, address_kind, address_value)
        VALUES (tenant, hash_uuid('conversation', tenant::text, contact::text, account::text), contact, account,
                req ->> 'channel', req #>> '{aliases,0,kind}', req #>> '{aliases,0,value}')
        ON CONFLICT DO NOTHING;
        SELECT * INTO STRICT conversation FROM conversations AS c
        WHERE c.tenant_id = tenant AND c.contact_id = contact AND c.account_id = account FOR NO KEY UPDATE;
    END IF;
    IF conversation.channel = 'chatwoot' AND req #>> '{metadata,chatwoot,conversation_id}' <> '' THEN
        UPDATE conversations AS c
        SET external_chatwoot_id = req #>> '{metadata,chatwoot,conversation_id}',
            external_account_id = req #>> '{metadata,chatwoot,account_id}'
        WHERE c.tenant_id = tenant AND c.id = conversation.id
          AND (c.external_chatwoot_id, c.external_account_id)
              IS DISTINCT FROM (req #>> '{metadata,chatwoot,conversation_id}', req #>> '{metadata,chatwoot,account_id}');
    END IF;
    RETURN conversation;
END $$;

-- ---- what the tutor and other programs read and fill

-- Answers that are given without asking a model. The hash is of the question as it is compared: lower case, without accents and
-- punctuation, one space between words.
CREATE TABLE predefined_answers (
    tenant_id bigint NOT NULL REFERENCES tenants,
    question_hash bytea NOT NULL CHECK (length(question_hash) = 32),  -- SHA-256
    question text NOT NULL CHECK (length(question) <= 4000),
    answer jsonb NOT NULL CHECK (jsonb_typeof(answer) = 'object'),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (question_hash, tenant_id)
);
SELECT protect_tenant_rows('predefined_answers');
CREATE TRIGGER touched BEFORE UPDATE ON predefined_answers FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION touch_row();

-- What the shop itself has ordered of the installation; one at a time that has not ended.
CREATE TABLE subscriptions (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    plan text NOT NULL CHECK (length(plan) <= 100),
    status text NOT NULL CHECK (status IN ('trialing', 'active', 'past_due', 'ended')),
    external_id text CHECK (length(external_id) <= 200),  -- the payment provider's
    starts_at timestamptz NOT NULL DEFAULT now(),
    ends_at timestamptz CHECK (ends_at > starts_at),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, tenant_id)
);
CREATE UNIQUE INDEX subscriptions_live ON subscriptions (tenant_id) WHERE status <> 'ended';
CREATE UNIQUE INDEX subscriptions_of_provider ON subscriptions (external_id, tenant_id);
SELECT protect_tenant_rows('subscriptions');
CREATE TRIGGER touched BEFORE UPDATE ON subscriptions FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*)
    EXECUTE FUNCTION touch_row();
CREATE TRIGGER noted AFTER INSERT OR UPDATE OR DELETE ON subscriptions
    FOR EACH ROW EXECUTE FUNCTION note_row('subscription', 'id', 'updated_at');

GRANT SELECT, INSERT, DELETE, UPDATE (question, answer) ON predefined_answers TO relevo_app;
GRANT SELECT, INSERT, UPDATE (plan, status, external_id, ends_at) ON subscriptions TO relevo_app;

-- The other tables of that schema are here under other names: views of them, and no second copies.
CREATE VIEW profiles WITH (security_invoker = true) AS
    SELECT u.tenant_id, u.id, u.email, u.name AS full_name, u.status, role_names_of(u.id) AS roles, u.created_at, u.updated_at
    FROM users AS u;
CREATE VIEW interaction_history WITH (security_invoker = true) AS
    SELECT m.tenant_id, m.id, m.conversation_id, c.contact_id, m.turn_id, m.seq, m.direction, m.author, m.type, m.text, m.metadata,
           m.at AS created_at
    FROM messages AS m JOIN conversations AS c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id;
CREATE VIEW voice_interactions WITH (security_invoker = true) AS
    SELECT h.tenant_id, h.id, h.conversation_id, h.contact_id, h.turn_id, h.direction, h.author, h.text, h.metadata, h.created_at
    FROM interaction_history AS h WHERE h.type IN ('audio', 'voice');
-- One row a call of a model: what it took and cost, in millionths of the currency's unit.
CREATE VIEW credit_usage WITH (security_invoker = true) AS
    SELECT c.tenant_id, c.turn_id, c.step, c.attempt, c.conversation_id, c.agent_id, c.provider, c.model, c.status,
           c.input_tokens, c.cached_tokens, c.output_tokens, c.cost AS credits, c.currency, c.reserved_at AS created_at, c.ended_at
    FROM model_calls AS c;
GRANT SELECT ON profiles, interaction_history, voice_interactions, credit_usage TO relevo_app;
