-- What the models' calls cost, and what a shop may spend on them. Amounts are millionths of the currency's unit.
--
-- A call is reserved before it is made, at the most that it can cost, and settled after it, at what its provider counted.
-- A budget's row has the sums of the period that runs; whoever changes a call holds those rows first, so that they are
-- always the sums of model_calls. Order of locks: budgets by their id, calls, conversations.

ALTER TABLE tenants ADD COLUMN IF NOT EXISTS time_zone text NOT NULL DEFAULT 'UTC';
GRANT SELECT (time_zone) ON tenants TO relevo_operator;

-- For a million tokens. `model` is its name, or the beginning of names and a *.
CREATE TABLE prices (
    provider text NOT NULL,
    base_url text NOT NULL DEFAULT '',  -- of agents that state one; '': the provider's own
    model text NOT NULL,
    valid_from timestamptz NOT NULL,
    valid_until timestamptz,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    input bigint NOT NULL CHECK (input BETWEEN 0 AND 10000000000000),
    cached_input bigint NOT NULL CHECK (cached_input BETWEEN 0 AND 10000000000000),
    output bigint NOT NULL CHECK (output BETWEEN 0 AND 10000000000000),
    PRIMARY KEY (provider, base_url, model, valid_from),
    CHECK (valid_until > valid_from)
);
GRANT SELECT, INSERT, DELETE ON prices TO relevo_app;
GRANT SELECT ON prices TO relevo_operator, relevo_operator_text;

-- A call of a model. Without foreign keys: what was spent stays spent when a conversation is erased.
CREATE TABLE model_calls (
    tenant_id bigint NOT NULL REFERENCES tenants,
    turn_id uuid NOT NULL,
    step integer NOT NULL,
    attempt integer NOT NULL CHECK (attempt > 0),
    conversation_id uuid NOT NULL,
    agent_id bigint NOT NULL,
    provider text NOT NULL,
    base_url text NOT NULL DEFAULT '',
    model text NOT NULL,  -- as it was asked for
    free boolean NOT NULL DEFAULT false,  -- nobody bills it
    -- the price when it was reserved; null where none was known
    currency text,
    input_price bigint,
    cached_price bigint,
    output_price bigint,
    -- released: the time in which every call ends is over, and nobody told how this one did
    status text NOT NULL CHECK (status IN ('open', 'settled', 'released')),
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    reserved_at timestamptz NOT NULL,  -- the period in which it counts
    expires_at timestamptz NOT NULL,
    cut_off integer NOT NULL DEFAULT 0,  -- how often it was begun anew: each time may have been billed
    code text NOT NULL DEFAULT '',  -- why it gave no answer
    input_tokens bigint,  -- the cached ones among them
    cached_tokens bigint,
    output_tokens bigint,
    reported boolean,  -- else they are estimates
    cost bigint,  -- null: not known
    ended_at timestamptz,
    PRIMARY KEY (turn_id, step, attempt, tenant_id)
);
CREATE UNIQUE INDEX model_calls_open ON model_calls (turn_id, step, tenant_id) WHERE status = 'open';
CREATE INDEX model_calls_expiring ON model_calls (expires_at, tenant_id) WHERE status = 'open';
-- of one shop in a span; none that names no moment takes it for its own: see 0002
CREATE INDEX model_calls_of_time ON model_calls (tenant_id, reserved_at) WHERE reserved_at IS NOT NULL;
CREATE INDEX model_calls_of_unknown_cost ON model_calls (reserved_at, tenant_id) WHERE status = 'settled' AND cost IS NULL;
CREATE INDEX model_calls_of_conversation ON model_calls (conversation_id, tenant_id);
SELECT protect_tenant_rows('model_calls');
GRANT SELECT, INSERT, UPDATE ON model_calls TO relevo_app;

-- Of the whole shop, or of one agent; for a day or a month of the shop's time zone.
CREATE TABLE budgets (
    tenant_id bigint NOT NULL REFERENCES tenants,
    id bigint GENERATED ALWAYS AS IDENTITY,
    agent_id bigint,
    period text NOT NULL CHECK (period IN ('day', 'month')),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    hard bigint CHECK (hard >= 0),  -- no call that could cross it
    soft bigint CHECK (soft >= 0),  -- told once when it is reached
    starts_at timestamptz NOT NULL DEFAULT '-infinity',
    ends_at timestamptz NOT NULL DEFAULT '-infinity',
    spent bigint NOT NULL DEFAULT 0,  -- of settled calls
    reserved bigint NOT NULL DEFAULT 0,  -- of open ones
    PRIMARY KEY (id, tenant_id),
    UNIQUE NULLS NOT DISTINCT (agent_id, period, tenant_id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents,
    CHECK (hard IS NOT NULL OR soft IS NOT NULL)
);
SELECT protect_tenant_rows('budgets');
GRANT SELECT, INSERT, UPDATE, DELETE ON budgets TO relevo_app;

-- What the shop and the operator are told of a budget, once in its period.
CREATE TABLE budget_events (
    tenant_id bigint NOT NULL,
    budget_id bigint NOT NULL,
    starts_at timestamptz NOT NULL,
    -- soft: the limit is reached; exhausted: a call was refused; unpriced: it was, as nobody knows its price
    kind text NOT NULL CHECK (kind IN ('soft', 'exhausted', 'unpriced')),
    at timestamptz NOT NULL,
    last_at timestamptz NOT NULL,
    times bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (budget_id, starts_at, kind, tenant_id),
    FOREIGN KEY (tenant_id, budget_id) REFERENCES budgets (tenant_id, id) ON DELETE CASCADE
);
SELECT protect_tenant_rows('budget_events');
GRANT SELECT, INSERT, UPDATE, DELETE ON budget_events TO relevo_app;

-- ---- prices

-- The name itself goes before a beginning of it, a longer beginning before a shorter one.
CREATE FUNCTION price_of(wanted_provider text, wanted_base_url text, wanted_model text, moment timestamptz)
RETURNS SETOF prices LANGUAGE sql STABLE AS $$
    SELECT p.* FROM prices AS p
    WHERE p.provider = wanted_provider AND p.base_url = rtrim(wanted_base_url, '/')
      AND p.valid_from <= moment AND (p.valid_until IS NULL OR p.valid_until > moment)
      AND (p.model = wanted_model
           OR right(p.model, 1) = '*' AND starts_with(wanted_model, left(p.model, -1)))
    ORDER BY p.model = wanted_model DESC, length(p.model) DESC, p.valid_from DESC LIMIT 1
$$;

-- Rounded up, once for the call. A provider's own figures are no reason to fail: they are cut to what can be.
CREATE FUNCTION cost_of_tokens(input_price bigint, cached_price bigint, output_price bigint, input bigint, cached bigint,
                               output bigint) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN coalesce(input, 0) = 0 AND coalesce(output, 0) = 0 THEN 0
                ELSE ceil(((i - k)::numeric * input_price + k::numeric * cached_price + o::numeric * output_price) / 1000000)
                END::bigint
    FROM (SELECT least(greatest(input, 0), 1000000000) AS i, least(greatest(output, 0), 1000000000) AS o) AS a,
         LATERAL (SELECT least(greatest(cached, 0), i) AS k) AS b
$$;

-- {"currency", "prices": [{"provider", "base_url", "model", "from", "until", "input", "cached_input", "output"}]}: all that
-- there are from now on.
CREATE FUNCTION op_apply_prices(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM prices;
    INSERT INTO prices (provider, base_url, model, valid_from, valid_until, currency, input, cached_input, output)
    SELECT p ->> 'provider', rtrim(p ->> 'base_url', '/'), p ->> 'model', from_millis((p ->> 'from')::bigint),
           from_millis((p ->> 'until')::bigint), req ->> 'currency', (p ->> 'input')::bigint,
           (p ->> 'cached_input')::bigint, (p ->> 'output')::bigint
    FROM jsonb_array_elements(req -> 'prices') AS p;
    RETURN 'null';
END $$;

CREATE FUNCTION op_list_prices(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'provider', p.provider, 'base_url', p.base_url, 'model', p.model, 'from', to_millis(p.valid_from),
        'until', to_millis(p.valid_until), 'currency', p.currency, 'input', p.input, 'cached_input', p.cached_input,
        'output', p.output) ORDER BY p.provider, p.base_url, p.model, p.valid_from), '[]')
    FROM prices AS p
$$;

-- {"cost", "currency"} of so many tokens at that moment; null where no price is known.
CREATE FUNCTION op_price_tokens(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce((SELECT jsonb_build_object('currency', p.currency, 'cost', cost_of_tokens(
                                p.input, p.cached_input, p.output, (req ->> 'input')::bigint, (req ->> 'cached')::bigint,
                                (req ->> 'output')::bigint))
                     FROM price_of(req ->> 'provider', req ->> 'base_url', req ->> 'model',
                                   from_millis((req ->> 'now')::bigint)) AS p), 'null')
$$;

-- ---- budgets

CREATE FUNCTION period_of(kind text, zone text, moment timestamptz, OUT starts timestamptz, OUT ends timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT date_trunc(kind, moment, zone),
           (date_trunc(kind, moment AT TIME ZONE zone) + ('1 ' || kind)::interval) AT TIME ZONE zone
$$;

CREATE FUNCTION counts_in(b budgets, c model_calls) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT b.tenant_id = c.tenant_id AND b.currency = c.currency AND (b.agent_id IS NULL OR b.agent_id = c.agent_id)
           AND c.reserved_at >= b.starts_at AND c.reserved_at < b.ends_at
$$;

-- The period of that moment, counted from the calls that are there. The caller holds the budget.
CREATE FUNCTION begin_period(budget bigint, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    b budgets;
BEGIN
    UPDATE budgets AS x SET starts_at = p.starts, ends_at = p.ends, spent = 0, reserved = 0
    FROM (SELECT q.starts, q.ends FROM budgets AS o JOIN tenants AS t ON t.id = o.tenant_id,
              LATERAL period_of(o.period, t.time_zone, moment) AS q
          WHERE o.tenant_id = app_tenant() AND o.id = budget) AS p
    WHERE x.tenant_id = app_tenant() AND x.id = budget RETURNING x.* INTO STRICT b;
    UPDATE budgets AS x SET spent = s.spent, reserved = s.reserved
    FROM (SELECT coalesce(sum(c.cost) FILTER (WHERE c.status = 'settled'), 0)::bigint AS spent,
                 coalesce(sum(c.reserved) FILTER (WHERE c.status = 'open'), 0)::bigint AS reserved
          FROM model_calls AS c
          WHERE c.tenant_id = app_tenant() AND c.reserved_at >= b.starts_at AND c.reserved_at < b.ends_at
            AND counts_in(b, c)) AS s
    WHERE x.tenant_id = app_tenant() AND x.id = budget RETURNING x.* INTO b;
    IF b.spent > 0 AND b.spent >= b.soft THEN  -- the limit, or the period, is another one than before
        PERFORM note_budget(b, 'soft', moment);
    END IF;
END $$;

-- Who makes or changes a budget is alone: whoever counted a call before did not see it.
CREATE FUNCTION budgets_lock() RETURNS bigint LANGUAGE sql STABLE RETURN hashtextextended('budgets', app_tenant());

-- Holds the tenant's budgets until the transaction's end, with the periods of that moment.
CREATE FUNCTION hold_budgets(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    b budgets;
BEGIN
    PERFORM pg_advisory_xact_lock_shared(budgets_lock());
    FOR b IN SELECT * FROM budgets AS x WHERE x.tenant_id = app_tenant() ORDER BY x.id FOR NO KEY UPDATE LOOP
        IF moment >= b.ends_at THEN
            PERFORM begin_period(b.id, moment);
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION count_call(c model_calls, more_reserved bigint, more_spent bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE budgets AS b SET reserved = b.reserved + more_reserved, spent = b.spent + more_spent
    WHERE b.tenant_id = c.tenant_id AND counts_in(b, c) AND (more_reserved <> 0 OR more_spent <> 0)
$$;

CREATE FUNCTION note_budget(b budgets, what text, moment timestamptz) RETURNS void LANGUAGE sql AS $$
    INSERT INTO budget_events AS e (tenant_id, budget_id, starts_at, kind, at, last_at)
    VALUES (b.tenant_id, b.id, b.starts_at, what, moment, moment)
    ON CONFLICT (budget_id, starts_at, kind, tenant_id)
    DO UPDATE SET times = e.times + 1, last_at = excluded.last_at WHERE e.kind <> 'soft'
$$;

-- A call that was open when its person was erased keeps its turn's id until it ends: ids are computed from names.
CREATE FUNCTION kept_turn(turn uuid) RETURNS uuid LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM turns AS t WHERE t.tenant_id = app_tenant() AND t.id = turn)
                THEN turn ELSE gen_random_uuid() END
$$;

-- What nobody settled in the time in which every call ends: its process died. The caller holds the budgets.
CREATE FUNCTION release_calls(moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    c model_calls;
BEGIN
    FOR c IN SELECT * FROM model_calls AS x
             WHERE x.tenant_id = app_tenant() AND x.status = 'open' AND x.expires_at <= moment
             ORDER BY x.expires_at LIMIT 100 FOR UPDATE SKIP LOCKED LOOP
        PERFORM count_call(c, -c.reserved, 0);
        UPDATE model_calls AS x SET status = 'released', turn_id = kept_turn(x.turn_id), ended_at = moment
        WHERE x.tenant_id = c.tenant_id AND x.turn_id = c.turn_id AND x.step = c.step AND x.attempt = c.attempt;
    END LOOP;
END $$;

-- {"now"}: also where nobody asks any more.
CREATE FUNCTION op_release_calls(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
BEGIN
    PERFORM hold_budgets(moment);
    PERFORM release_calls(moment);
    RETURN 'null';
END $$;

-- {"turn", "step", "provider", "base_url", "model", "free", "input", "output": tokens at most, "lease_ms", "now"}: may the call
-- be made? "state" is granted; wait, where open calls may yet leave room for it; refused, where what is spent leaves none
-- ("reason" exhausted), nobody knows its price (unpriced) or there is no such turn (erased). Of a call that is open already
-- nobody told the end: it is begun anew.
CREATE FUNCTION op_reserve_call(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    price prices;
    b budgets;
    earlier model_calls;
    c model_calls;
    mine bigint;
    waits boolean := false;
    refused jsonb;
BEGIN
    PERFORM hold_budgets(moment);
    PERFORM release_calls(moment);
    SELECT v.id, coalesce(s.agent_id, a.agent_id) INTO c.conversation_id, c.agent_id
    FROM turns AS t
    JOIN conversations AS v ON v.tenant_id = tenant AND v.id = t.conversation_id
    JOIN accounts AS a ON a.tenant_id = tenant AND a.id = v.account_id
    LEFT JOIN steps AS s ON s.tenant_id = tenant AND s.turn_id = t.id AND s.step = 0
    WHERE t.tenant_id = tenant AND t.id = (req ->> 'turn')::uuid;
    IF NOT FOUND THEN
        RETURN '{"state": "refused", "reason": "erased"}';
    END IF;
    c.tenant_id := tenant;
    c.turn_id := (req ->> 'turn')::uuid;
    c.step := (req ->> 'step')::integer;
    c.free := (req ->> 'free')::boolean;
    IF NOT c.free THEN
        SELECT * INTO price FROM price_of(req ->> 'provider', req ->> 'base_url', req ->> 'model', moment);
    END IF;
    c.currency := price.currency;
    c.reserved := coalesce(cost_of_tokens(greatest(price.input, price.cached_input), 0, price.output,
                                          (req ->> 'input')::bigint, 0, (req ->> 'output')::bigint), 0);
    -- a clock that is behind another one's counts in the period that has begun
    SELECT greatest(moment, max(x.starts_at)) INTO c.reserved_at FROM budgets AS x WHERE x.tenant_id = tenant;
    SELECT * INTO earlier FROM model_calls AS x
    WHERE x.tenant_id = tenant AND x.turn_id = c.turn_id AND x.step = c.step AND x.status = 'open' FOR UPDATE;

    FOR b IN SELECT * FROM budgets AS x
             WHERE x.tenant_id = tenant AND x.hard IS NOT NULL AND (x.agent_id IS NULL OR x.agent_id = c.agent_id)
             ORDER BY x.id LOOP
        CONTINUE WHEN c.free OR c.currency = b.currency AND c.reserved = 0;
        mine := CASE WHEN counts_in(b, earlier) THEN earlier.reserved ELSE 0 END;
        IF c.currency IS DISTINCT FROM b.currency THEN
            refused := coalesce(refused, jsonb_build_object('reason', 'unpriced'));
            PERFORM note_budget(b, 'unpriced', moment);
        ELSIF b.spent + c.reserved > b.hard THEN
            refused := coalesce(refused, jsonb_build_object('reason', 'exhausted', 'period', b.period, 'hard', b.hard,
                                    'spent', b.spent, 'asked', c.reserved, 'currency', b.currency));
            PERFORM note_budget(b, 'exhausted', moment);
        ELSIF b.spent + b.reserved - mine + c.reserved > b.hard THEN
            waits := true;
        END IF;
    END LOOP;
    IF refused IS NOT NULL THEN
        RETURN refused || '{"state": "refused"}';
    ELSIF waits THEN
        RETURN '{"state": "wait"}';
    END IF;

    IF earlier.turn_id IS NOT NULL THEN
        PERFORM count_call(earlier, -earlier.reserved, 0);
        UPDATE model_calls AS x
        SET provider = req ->> 'provider', base_url = req ->> 'base_url', model = req ->> 'model', free = c.free,
            currency = c.currency, input_price = price.input, cached_price = price.cached_input,
            output_price = price.output, reserved = c.reserved, reserved_at = c.reserved_at,
            expires_at = moment + (req ->> 'lease_ms')::bigint * interval '1 millisecond', cut_off = x.cut_off + 1
        WHERE x.tenant_id = tenant AND x.turn_id = c.turn_id AND x.step = c.step AND x.attempt = earlier.attempt
        RETURNING * INTO c;
    ELSE
        INSERT INTO model_calls (tenant_id, turn_id, step, attempt, conversation_id, agent_id, provider, base_url, model,
                                 free, currency, input_price, cached_price, output_price, status, reserved, reserved_at,
                                 expires_at)
        SELECT tenant, c.turn_id, c.step, coalesce(max(x.attempt), 0) + 1, c.conversation_id, c.agent_id,
               req ->> 'provider', req ->> 'base_url', req ->> 'model', c.free, c.currency, price.input,
               price.cached_input, price.output, 'open', c.reserved, c.reserved_at,
               moment + (req ->> 'lease_ms')::bigint * interval '1 millisecond'
        FROM model_calls AS x WHERE x.tenant_id = tenant AND x.turn_id = c.turn_id AND x.step = c.step
        ON CONFLICT DO NOTHING RETURNING * INTO c;
        IF NOT FOUND THEN
            -- another owner of the turn was first: asked again, this call is begun anew
            RAISE SQLSTATE '40001' USING MESSAGE = 'two owners reserved at once';
        END IF;
    END IF;
    PERFORM count_call(c, c.reserved, 0);
    RETURN jsonb_build_object('state', 'granted', 'attempt', c.attempt);
END $$;

-- How a call ended: of the step's that nobody settled the one of that attempt, a released one too, as what it took is spent;
-- the newest where the attempt is null. Whether there was one. The caller holds the budgets.
CREATE FUNCTION settle_call(turn uuid, number integer, its_attempt integer, usage jsonb, why text, moment timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    c model_calls;
    b budgets;
    was text;
BEGIN
    SELECT * INTO c FROM model_calls AS x
    WHERE x.tenant_id = app_tenant() AND x.turn_id = turn AND x.step = number AND x.status <> 'settled'
      AND (its_attempt IS NULL OR x.attempt = its_attempt)
    ORDER BY x.attempt DESC LIMIT 1 FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    was := c.status;
    UPDATE model_calls AS x
    SET status = 'settled', turn_id = kept_turn(x.turn_id), code = why, ended_at = moment,
        input_tokens = coalesce((usage ->> 'input_tokens')::bigint, 0),
        cached_tokens = coalesce((usage ->> 'cached_tokens')::bigint, 0),
        output_tokens = coalesce((usage ->> 'output_tokens')::bigint, 0),
        reported = coalesce((usage ->> 'reported')::boolean, false),
        cost = CASE WHEN x.free THEN 0
                    ELSE cost_of_tokens(x.input_price, x.cached_price, x.output_price, (usage ->> 'input_tokens')::bigint,
                                        coalesce((usage ->> 'cached_tokens')::bigint, 0),
                                        (usage ->> 'output_tokens')::bigint) END
    WHERE x.tenant_id = c.tenant_id AND x.turn_id = c.turn_id AND x.step = c.step AND x.attempt = c.attempt
    RETURNING * INTO c;
    PERFORM count_call(c, CASE was WHEN 'open' THEN -c.reserved ELSE 0 END, coalesce(c.cost, 0));
    FOR b IN SELECT * FROM budgets AS x WHERE x.tenant_id = c.tenant_id AND x.spent >= x.soft AND counts_in(x, c) LOOP
        PERFORM note_budget(b, 'soft', moment);
    END LOOP;
    RETURN true;
END $$;

-- {"turn", "step", "attempt", "code", "usage", "now"}: of a call that gave no answer.
CREATE FUNCTION op_settle_call(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    moment timestamptz := from_millis((req ->> 'now')::bigint);
BEGIN
    PERFORM hold_budgets(moment);
    PERFORM settle_call((req ->> 'turn')::uuid, (req ->> 'step')::integer, (req ->> 'attempt')::integer, req -> 'usage',
                        req ->> 'code', moment);
    RETURN 'null';
END $$;

-- The answer, and with it what it took.
ALTER FUNCTION op_commit_answer(jsonb) RENAME TO commit_answer;
CREATE FUNCTION op_commit_answer(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    tenant bigint := app_tenant();
    moment timestamptz := from_millis((req ->> 'now')::bigint);
    turn uuid := (req ->> 'turn')::uuid;
    number integer := (req ->> 'step')::integer;
    usage jsonb := req #> '{completion,usage}';
    settled boolean;
BEGIN
    PERFORM hold_budgets(moment);
    settled := settle_call(turn, number, (req ->> 'attempt')::integer, usage, '', moment);
    IF NOT settled AND NOT req ? 'attempt'
       AND NOT EXISTS (SELECT FROM steps AS s WHERE s.tenant_id = tenant AND s.turn_id = turn AND s.step = number
                                                AND s.response IS NOT NULL) THEN
        -- a process of the version before reserves nothing
        INSERT INTO model_calls (tenant_id, turn_id, step, attempt, conversation_id, agent_id, provider, model, currency,
                                 input_price, cached_price, output_price, status, reserved_at, expires_at)
        SELECT tenant, t.id, number, coalesce((SELECT max(x.attempt) FROM model_calls AS x
                                               WHERE x.tenant_id = tenant AND x.turn_id = t.id AND x.step = number), 0) + 1,
               v.id, coalesce(s.agent_id, a.agent_id), coalesce(req #>> '{completion,provider}', ''),
               coalesce(req #>> '{completion,model}', ''), p.currency, p.input, p.cached_input, p.output, 'released',
               greatest(moment, (SELECT max(b.starts_at) FROM budgets AS b WHERE b.tenant_id = tenant)), moment
        FROM turns AS t
        JOIN conversations AS v ON v.tenant_id = tenant AND v.id = t.conversation_id
        JOIN accounts AS a ON a.tenant_id = tenant AND a.id = v.account_id
        LEFT JOIN steps AS s ON s.tenant_id = tenant AND s.turn_id = t.id AND s.step = 0
        LEFT JOIN LATERAL price_of(req #>> '{completion,provider}', '', req #>> '{completion,model}', moment) AS p ON true
        WHERE t.tenant_id = tenant AND t.id = turn
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            PERFORM settle_call(turn, number, NULL, usage, '', moment);
        END IF;
    END IF;
    RETURN commit_answer(req);
END $$;

-- {"agent": its name, or none; "period", "currency", "hard", "soft", "now"}. "unknown" where there is no such agent.
CREATE FUNCTION op_set_budget(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
DECLARE
    agent bigint := (SELECT a.id FROM agents AS a WHERE a.tenant_id = app_tenant() AND a.name = req ->> 'agent');
    made bigint;
BEGIN
    IF req ? 'agent' AND agent IS NULL THEN
        RETURN '"unknown"';
    END IF;
    PERFORM pg_advisory_xact_lock(budgets_lock());
    INSERT INTO budgets (tenant_id, agent_id, period, currency, hard, soft)
    VALUES (app_tenant(), agent, req ->> 'period', req ->> 'currency', (req ->> 'hard')::bigint, (req ->> 'soft')::bigint)
    ON CONFLICT (agent_id, period, tenant_id)
    DO UPDATE SET currency = excluded.currency, hard = excluded.hard, soft = excluded.soft
    RETURNING id INTO made;
    PERFORM begin_period(made, from_millis((req ->> 'now')::bigint));
    RETURN 'null';
END $$;

-- {"agent", "period"}: whether there was one.
CREATE FUNCTION op_remove_budget(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(budgets_lock());
    DELETE FROM budgets AS b
    WHERE b.tenant_id = app_tenant() AND b.period = req ->> 'period'
      AND b.agent_id IS NOT DISTINCT FROM (SELECT a.id FROM agents AS a
                                           WHERE a.tenant_id = app_tenant() AND a.name = req ->> 'agent')
      AND (b.agent_id IS NULL) = (req ->> 'agent' IS NULL);
    RETURN to_jsonb(FOUND);
END $$;

-- {"time_zone"}: whether there is one of that name. The shop's days and months begin with it.
CREATE FUNCTION op_set_time_zone(req jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_timezone_names AS z WHERE z.name = req ->> 'time_zone') THEN
        RETURN 'false';
    END IF;
    PERFORM pg_advisory_xact_lock(budgets_lock());
    UPDATE tenants AS t SET time_zone = req ->> 'time_zone'
    WHERE t.id = app_tenant() AND t.time_zone <> req ->> 'time_zone';
    IF FOUND THEN
        PERFORM begin_period(b.id, now()) FROM budgets AS b WHERE b.tenant_id = app_tenant();
    END IF;
    RETURN 'true';
END $$;

GRANT EXECUTE ON FUNCTION price_of, cost_of_tokens, op_apply_prices, op_list_prices, op_price_tokens, period_of, counts_in,
    begin_period, budgets_lock, hold_budgets, count_call, note_budget, kept_turn, release_calls, op_release_calls,
    op_reserve_call, settle_call, op_settle_call, op_commit_answer, op_set_budget, op_remove_budget, op_set_time_zone TO relevo_app;

-- ---- what was spent

-- `unpriced`: nobody knows what it cost. `lost`: calls whose end nobody told, which may have been billed.
CREATE VIEW spent_calls WITH (security_invoker = true) AS
    SELECT c.tenant_id, c.turn_id, c.conversation_id, c.agent_id, c.provider, c.base_url, c.model, c.reserved_at, c.code,
           coalesce(c.input_tokens, 0) AS input_tokens, coalesce(c.cached_tokens, 0) AS cached_tokens,
           coalesce(c.output_tokens, 0) AS output_tokens, coalesce(c.currency, '') AS currency, coalesce(c.cost, 0) AS cost,
           (c.status = 'settled' AND c.cost IS NULL)::integer AS unpriced,
           (c.status = 'settled' AND NOT c.reported AND NOT c.free)::integer AS estimated,
           CASE WHEN c.free THEN 0 ELSE (c.status = 'released')::integer + c.cut_off END AS lost
    FROM model_calls AS c;
GRANT SELECT ON spent_calls TO relevo_app, relevo_operator, relevo_operator_text;

CREATE TYPE call_costs AS (currency text, cost bigint, calls bigint, unpriced bigint, lost bigint);
CREATE FUNCTION turn_cost(turn uuid) RETURNS SETOF call_costs LANGUAGE sql STABLE AS $$
    SELECT c.currency, sum(c.cost)::bigint, count(*), sum(c.unpriced), sum(c.lost) FROM spent_calls AS c
    WHERE c.tenant_id = app_tenant() AND c.turn_id = turn GROUP BY c.currency
$$;
CREATE FUNCTION conversation_cost(conversation uuid) RETURNS SETOF call_costs LANGUAGE sql STABLE AS $$
    SELECT c.currency, sum(c.cost)::bigint, count(*), sum(c.unpriced), sum(c.lost) FROM spent_calls AS c
    WHERE c.tenant_id = app_tenant() AND c.conversation_id = conversation GROUP BY c.currency
$$;
CREATE FUNCTION agent_cost(agent bigint, since timestamptz, until timestamptz) RETURNS SETOF call_costs
LANGUAGE sql STABLE AS $$
    SELECT c.currency, sum(c.cost)::bigint, count(*), sum(c.unpriced), sum(c.lost) FROM spent_calls AS c
    WHERE c.tenant_id = app_tenant() AND c.agent_id = agent AND c.reserved_at >= since AND c.reserved_at < until
    GROUP BY c.currency
$$;
CREATE FUNCTION tenant_cost(since timestamptz, until timestamptz) RETURNS SETOF call_costs LANGUAGE sql STABLE AS $$
    SELECT c.currency, sum(c.cost)::bigint, count(*), sum(c.unpriced), sum(c.lost) FROM spent_calls AS c
    WHERE c.tenant_id = app_tenant() AND c.reserved_at >= since AND c.reserved_at < until GROUP BY c.currency
$$;
-- [{"currency", "cost", "calls", "unpriced", "lost"}] of {"turn"}
CREATE FUNCTION op_turn_cost(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(to_jsonb(c)), '[]') FROM turn_cost((req ->> 'turn')::uuid) AS c
$$;
GRANT EXECUTE ON FUNCTION turn_cost, conversation_cost, agent_cost, tenant_cost, op_turn_cost TO relevo_app,
    relevo_operator_text;
GRANT EXECUTE ON FUNCTION price_of, cost_of_tokens, op_price_tokens TO relevo_operator_text;
GRANT SELECT ON model_calls TO relevo_operator_text;

-- ---- as the operator's role, of every shop

GRANT SELECT ON model_calls, budgets, budget_events TO relevo_operator;
CREATE POLICY operator_reads ON model_calls FOR SELECT TO relevo_operator USING (true);
CREATE POLICY operator_reads ON budgets FOR SELECT TO relevo_operator USING (true);
CREATE POLICY operator_reads ON budget_events FOR SELECT TO relevo_operator USING (true);

-- {"by": agent, conversation, model, day or nothing; maybe "tenant": a slug, "since", "until"}
CREATE FUNCTION op_usage(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    WITH parts AS (
        SELECT t.slug AS shop,
               CASE req ->> 'by'
                   WHEN 'agent' THEN coalesce(g.name, '')
                   WHEN 'conversation' THEN c.conversation_id::text
                   WHEN 'model' THEN concat_ws(' ', c.provider, nullif(c.model, ''), nullif(c.base_url, ''))
                   WHEN 'day' THEN (c.reserved_at AT TIME ZONE t.time_zone)::date::text
                   ELSE '' END AS key,
               c.currency, sum(c.cost) AS cost, count(*) AS calls, count(*) FILTER (WHERE c.code <> '') AS in_vain,
               sum(c.input_tokens) AS input, sum(c.cached_tokens) AS cached, sum(c.output_tokens) AS output,
               sum(c.unpriced) AS unpriced, sum(c.estimated) AS estimated, sum(c.lost) AS lost
        FROM spent_calls AS c
        JOIN tenants AS t ON t.id = c.tenant_id
        LEFT JOIN agents AS g ON g.tenant_id = c.tenant_id AND g.id = c.agent_id
        WHERE (req ->> 'tenant' IS NULL OR t.slug = req ->> 'tenant')
          AND c.reserved_at >= coalesce(from_millis((req ->> 'since')::bigint), '-infinity')
          AND c.reserved_at < coalesce(from_millis((req ->> 'until')::bigint), 'infinity')
        GROUP BY 1, 2, 3
    )
    SELECT jsonb_build_object(
        'known', req ->> 'tenant' IS NULL OR EXISTS (SELECT FROM tenants AS t WHERE t.slug = req ->> 'tenant'),
        'lines', coalesce(jsonb_agg(to_jsonb(l) ORDER BY l.shop, l.key), '[]'))
    FROM (SELECT p.shop, p.key, jsonb_object_agg(p.currency, p.cost) AS cost, sum(p.calls) AS calls,
                 sum(p.in_vain) AS in_vain, sum(p.input) AS input, sum(p.cached) AS cached, sum(p.output) AS output,
                 sum(p.unpriced) AS unpriced, sum(p.estimated) AS estimated, sum(p.lost) AS lost
          FROM parts AS p GROUP BY p.shop, p.key) AS l
$$;

-- {"now", maybe "tenant"}: every budget with what is spent of it in the period of that moment.
CREATE FUNCTION op_budgets(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT coalesce(jsonb_agg(jsonb_build_object(
        'shop', t.slug, 'agent', coalesce(g.name, ''), 'period', b.period, 'currency', b.currency, 'hard', b.hard,
        'soft', b.soft, 'from', to_millis(p.starts), 'until', to_millis(p.ends),
        'spent', CASE WHEN p.starts = b.starts_at THEN b.spent ELSE 0 END,
        -- who asks next releases what is over
        'reserved', CASE WHEN p.starts = b.starts_at THEN b.reserved ELSE 0 END
                    - (SELECT coalesce(sum(c.reserved), 0) FROM model_calls AS c
                       WHERE c.status = 'open' AND c.expires_at <= from_millis((req ->> 'now')::bigint)
                         AND p.starts = b.starts_at AND counts_in(b, c)),
        'events', (SELECT coalesce(jsonb_object_agg(e.kind, e.times), '{}') FROM budget_events AS e
                   WHERE e.tenant_id = b.tenant_id AND e.budget_id = b.id AND e.starts_at = p.starts))
        ORDER BY t.slug, g.name NULLS FIRST, b.period), '[]')
    FROM budgets AS b
    JOIN tenants AS t ON t.id = b.tenant_id
    LEFT JOIN agents AS g ON g.tenant_id = b.tenant_id AND g.id = b.agent_id,
    LATERAL period_of(b.period, t.time_zone, from_millis((req ->> 'now')::bigint)) AS p
    WHERE req ->> 'tenant' IS NULL OR t.slug = req ->> 'tenant'
$$;
GRANT EXECUTE ON FUNCTION op_usage, op_budgets, period_of, counts_in TO relevo_operator;

-- ---- for the installation's metrics: numbers only, of all shops together

GRANT SELECT (tenant_id, id, soft, starts_at, ends_at, spent) ON budgets TO relevo_router;
GRANT SELECT (tenant_id, budget_id, starts_at, kind, last_at) ON budget_events TO relevo_router;
GRANT SELECT (status, cost, reserved_at) ON model_calls TO relevo_router;
CREATE POLICY router_counts ON budgets FOR SELECT TO relevo_router USING (true);
CREATE POLICY router_counts ON budget_events FOR SELECT TO relevo_router USING (true);
CREATE POLICY router_counts ON model_calls FOR SELECT TO relevo_router USING (true);

-- Budgets over their soft limit, those that refused a call in the last quarter of an hour, by why, and calls of the last day
-- whose cost nobody knows.
CREATE FUNCTION count_money(moment timestamptz) RETURNS jsonb
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT jsonb_build_object(
        'soft', count(*) FILTER (WHERE e.kind = 'soft' AND b.spent >= b.soft),
        'exhausted', count(*) FILTER (WHERE e.kind = 'exhausted' AND e.last_at > moment - interval '15 minutes'),
        'unpriced', count(*) FILTER (WHERE e.kind = 'unpriced' AND e.last_at > moment - interval '15 minutes'),
        'unpriced_calls', (SELECT count(*) FROM model_calls AS c
                           WHERE c.reserved_at > moment - interval '1 day' AND c.status = 'settled' AND c.cost IS NULL))
    FROM budgets AS b JOIN budget_events AS e ON e.tenant_id = b.tenant_id AND e.budget_id = b.id
                                             AND e.starts_at = b.starts_at
    WHERE b.ends_at > moment
$$;
GRANT CREATE ON SCHEMA public TO relevo_router;
ALTER FUNCTION count_money OWNER TO relevo_router;
REVOKE CREATE ON SCHEMA public FROM relevo_router;
REVOKE EXECUTE ON FUNCTION count_money FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_money TO relevo_app;

CREATE FUNCTION op_count_money(req jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT count_money(from_millis((req ->> 'now')::bigint))
$$;
GRANT EXECUTE ON FUNCTION op_count_money TO relevo_app;
