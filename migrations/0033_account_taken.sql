-- Whether another shop than that of the slug has the account, and not which: so that it is refused before anything is made.
CREATE FUNCTION op_account_taken(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT to_jsonb(EXISTS (SELECT FROM resolve_account(req ->> 'channel', req ->> 'external_id', 0) AS a
                            JOIN list_tenants() AS t ON t.id = a.tenant_id
                            WHERE t.slug <> req ->> 'slug'))
$$;
GRANT EXECUTE ON FUNCTION op_account_taken TO relevo_app;
