-- Who speaks with a shop, and every bubble in or out in its order.
--
-- Keys begin with what tells rows apart and end with the tenant: where a table has no statistics yet, the planner takes
-- any index that begins with tenant_id for as good as the right one, and a cached plan then reads a whole tenant.

CREATE TABLE contacts (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id uuid NOT NULL,
    name text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, tenant_id)
);
SELECT protect_tenant_rows('contacts');

-- The names under which a contact is known; a number with and without its ninth digit are two of one contact.
CREATE TABLE aliases (
    tenant_id bigint NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    contact_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (value, kind, tenant_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
);
CREATE INDEX ON aliases (contact_id, tenant_id);
SELECT protect_tenant_rows('aliases');

CREATE TABLE conversations (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    account_id uuid NOT NULL,
    channel text NOT NULL,
    mode text NOT NULL DEFAULT 'agent' CHECK (mode IN ('agent', 'human')),
    epoch bigint NOT NULL DEFAULT 0,        -- rises whenever the speaker changes: what was decided before is void
    human_until timestamptz,
    last_seq bigint NOT NULL DEFAULT 0,
    handled_seq bigint NOT NULL DEFAULT 0,  -- up to here a human has answered
    address_kind text NOT NULL,             -- the alias to answer to: the newest message's first one
    address_value text NOT NULL,
    external_chatwoot_id text,
    external_account_id text,
    next_send_at timestamptz NOT NULL DEFAULT '-infinity',  -- no agent's bubble before: the channel's spacing
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, tenant_id),
    UNIQUE (contact_id, account_id, tenant_id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts
) WITH (fillfactor = 70);  -- updated with each message: room for it on the same page
SELECT protect_tenant_rows('conversations');

CREATE TABLE messages (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    account_id uuid NOT NULL,
    seq bigint NOT NULL,
    direction text NOT NULL CHECK (direction IN ('in', 'out')),
    author text NOT NULL CHECK (author IN ('contact', 'agent', 'human', 'system', 'api')),
    kind text NOT NULL CHECK (kind IN ('message', 'reaction', 'echo')),
    type text NOT NULL DEFAULT 'text',
    text text NOT NULL,
    event_id text NOT NULL,  -- the provider's; 'reply:' and the reply's id for what we sent
    in_reply_to text NOT NULL DEFAULT '',
    at timestamptz NOT NULL,
    appended_at timestamptz NOT NULL,
    turn_id uuid,   -- in: the turn that claimed it; out: the turn that it answers
    reply_id uuid,
    metadata jsonb,
    trace text NOT NULL DEFAULT '',
    PRIMARY KEY (id, tenant_id),
    UNIQUE (event_id, account_id, tenant_id),
    UNIQUE (conversation_id, seq, tenant_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
);
CREATE INDEX messages_unclaimed ON messages (conversation_id, seq, tenant_id)
    WHERE turn_id IS NULL AND direction = 'in' AND kind = 'message';
CREATE INDEX messages_of_turn ON messages (turn_id, tenant_id) WHERE turn_id IS NOT NULL;
SELECT protect_tenant_rows('messages');

-- Parts of webhooks that have no known shape, as they came: maybe not even storable as jsonb.
CREATE TABLE archive (
    tenant_id bigint NOT NULL,
    account_id uuid NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    raw text NOT NULL,
    appended_at timestamptz NOT NULL,
    PRIMARY KEY (event_id, account_id, tenant_id),
    FOREIGN KEY (tenant_id, account_id) REFERENCES accounts
);
SELECT protect_tenant_rows('archive');

GRANT SELECT, INSERT, UPDATE ON contacts, aliases, conversations, messages TO relevo_app;
GRANT SELECT, INSERT ON archive TO relevo_app;
