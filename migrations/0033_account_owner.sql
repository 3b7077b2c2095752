-- The slug of the shop that has the account; null where none has it. So that what is another's is refused before anything is made.
CREATE FUNCTION op_account_owner(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT to_jsonb(t.slug)
                     FROM resolve_account(req ->> 'channel', req ->> 'external_id', 0) AS a
                     JOIN list_tenants() AS t ON t.id = a.tenant_id), 'null')
$$;
GRANT EXECUTE ON FUNCTION op_account_owner TO relevo_app;
