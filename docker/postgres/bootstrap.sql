-- What only a superuser can do for relevo, and nothing else: roles, the database, extensions. Repeatable.
-- Run by psql with the passwords in the environment, where `ps` doesn't show them.
\getenv owner_password RELEVO_OWNER_PASSWORD
\getenv app_password RELEVO_APP_PASSWORD
\getenv operator_password RELEVO_OPERATOR_PASSWORD
\getenv operator_text_password RELEVO_OPERATOR_TEXT_PASSWORD

SET client_min_messages = warning;

-- owner: owns tables and migrates; makes databases, for `relevo prove`, which works in one of its own. app: the process;
-- row-level security binds it. operator: the operator's reads, but for what people wrote; operator_text: those too.
-- router: logs in nowhere; owns the few functions that cross tenants, so that they have its rights and no more.
SELECT format('CREATE ROLE %I', role)
FROM unnest(ARRAY['relevo_owner', 'relevo_app', 'relevo_operator', 'relevo_operator_text', 'relevo_router']) AS role
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) \gexec

ALTER ROLE relevo_owner LOGIN NOSUPERUSER NOBYPASSRLS CREATEDB NOCREATEROLE PASSWORD :'owner_password';
ALTER ROLE relevo_app LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'app_password';
ALTER ROLE relevo_operator LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'operator_password';
ALTER ROLE relevo_operator_text LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE PASSWORD :'operator_text_password';
ALTER ROLE relevo_router NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
GRANT relevo_router TO relevo_owner;
GRANT relevo_operator TO relevo_operator_text;

SELECT 'CREATE DATABASE relevo OWNER relevo_owner'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'relevo') \gexec
REVOKE ALL ON DATABASE relevo FROM PUBLIC;
GRANT CONNECT ON DATABASE relevo TO relevo_app, relevo_operator, relevo_operator_text;

\connect relevo
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS pg_trgm;

-- What `relevo prove` copies: only a superuser can add the extension vector.
SELECT 'CREATE DATABASE relevo_blank IS_TEMPLATE true'
WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'relevo_blank') \gexec
REVOKE ALL ON DATABASE relevo_blank FROM PUBLIC;
\connect relevo_blank
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
