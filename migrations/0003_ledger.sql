-- What was decided and what was sent. Each key is what makes a second attempt find the first one's decision.

CREATE TABLE turns (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,  -- hash(conversation, first message)
    conversation_id uuid NOT NULL,
    first_message_id uuid NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,        -- of its messages
    first_at timestamptz NOT NULL,   -- of the first message of the first turn that this one supersedes
    status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'answered', 'superseded', 'failed', 'dropped')),
    supersedes uuid,
    superseded_by uuid,
    supersedes_count integer NOT NULL DEFAULT 0,
    epoch bigint NOT NULL,
    reason text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    closed_at timestamptz,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (conversation_id, last_seq, tenant_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id)
);
CREATE INDEX turns_open ON turns (tenant_id, conversation_id) WHERE status = 'open';
SELECT protect_tenant_rows('turns');

CREATE TABLE steps (
    tenant_id bigint NOT NULL,
    turn_id uuid NOT NULL,
    step integer NOT NULL CHECK (step >= 0),
    agent_id bigint,
    agent_version integer,
    request jsonb,   -- {cutoff, pending: [reply ids], passages}
    response jsonb,  -- {text, finish_reason, model, response_id, usage}
    created_at timestamptz NOT NULL,
    answered_at timestamptz,
    PRIMARY KEY (turn_id, step, tenant_id),
    FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id)
);
SELECT protect_tenant_rows('steps');

-- `started` is committed before the call goes out; a write that was started is never started again.
CREATE TABLE tool_calls (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,  -- hash(turn, step, index)
    turn_id uuid NOT NULL,
    step integer NOT NULL,
    index integer NOT NULL,
    tool text NOT NULL,
    writes boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('started', 'done', 'failed', 'unknown')),
    arguments jsonb NOT NULL,
    result jsonb,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (turn_id, step, index, tenant_id),
    FOREIGN KEY (tenant_id, turn_id, step) REFERENCES steps (tenant_id, turn_id, step)
);
SELECT protect_tenant_rows('tool_calls');

CREATE TABLE answers (
    tenant_id bigint NOT NULL,
    turn_id uuid NOT NULL,
    step integer NOT NULL,
    bubbles integer NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (turn_id, tenant_id),
    FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id)
);
SELECT protect_tenant_rows('answers');

CREATE TABLE replies (
    tenant_id bigint NOT NULL,
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn_id uuid,
    index integer NOT NULL DEFAULT 0,
    author text NOT NULL CHECK (author IN ('agent', 'human', 'api', 'system')),
    text text NOT NULL,
    -- pending covers a bubble in flight: its newest delivery is then an intent
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'sent', 'dropped', 'failed', 'unknown')),
    reason text NOT NULL DEFAULT '',
    epoch bigint NOT NULL,
    -- the order in which they are sent: what was the newest message, then their place after it
    order_seq bigint NOT NULL,
    order_index integer NOT NULL,
    due_at timestamptz,  -- a provider asked for a pause
    asked_at timestamptz,  -- when it last had to wait for an earlier one: somebody still means to send it
    created_at timestamptz NOT NULL,
    PRIMARY KEY (id, tenant_id),
    UNIQUE (conversation_id, order_seq, order_index, tenant_id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id),
    FOREIGN KEY (tenant_id, turn_id) REFERENCES turns (tenant_id, id)
);
CREATE INDEX replies_of_turn ON replies (turn_id, index, tenant_id) WHERE turn_id IS NOT NULL;
CREATE INDEX replies_open ON replies (conversation_id, order_seq, order_index, tenant_id)
    WHERE status IN ('pending', 'unknown');
SELECT protect_tenant_rows('replies');

CREATE TABLE deliveries (
    tenant_id bigint NOT NULL,
    reply_id uuid NOT NULL,
    attempt integer NOT NULL CHECK (attempt > 0),
    account_id uuid NOT NULL,
    status text NOT NULL CHECK (status IN ('intent', 'confirmed', 'unknown', 'failed')),
    claimed_by text NOT NULL,  -- the process that holds the intent
    provider_id text NOT NULL DEFAULT '',
    receipt text CHECK (receipt IN ('sent', 'delivered', 'read', 'failed')),
    receipt_at timestamptz,
    code text NOT NULL DEFAULT '',
    text text NOT NULL DEFAULT '',
    at timestamptz NOT NULL,
    due_at timestamptz,  -- unknown: from then on it counts as closed for what follows
    PRIMARY KEY (reply_id, attempt, tenant_id),
    FOREIGN KEY (tenant_id, reply_id) REFERENCES replies (tenant_id, id)
);
CREATE INDEX deliveries_by_provider ON deliveries (provider_id, account_id, tenant_id) WHERE provider_id <> '';
SELECT protect_tenant_rows('deliveries');

GRANT SELECT, INSERT, UPDATE ON turns, steps, tool_calls, answers, replies, deliveries TO relevo_app;
