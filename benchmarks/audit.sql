-- The books of ten million messages, for `relevo audit` to go through. In a database of its own, migrated and empty, as a
-- superuser; 15 GB:   psql -v messages=10000000 -f benchmarks/audit.sql URL
-- Of a hundred messages 90 are answered (one with the fallback), 4 superseded, 3 dropped, 2 left to a human, one is a reaction.
-- Besides: three that nothing holds, two that a dead letter holds, one that a timer holds.
\set ON_ERROR_STOP 1
\timing on
SET session_replication_role = replica;  -- no foreign keys: the rows are right by construction
SET maintenance_work_mem = '1GB';
SELECT :messages / 10 AS conversations \gset

-- indexes are faster made afterwards
CREATE TABLE made_indexes AS
SELECT pg_get_indexdef(indexrelid) AS definition, indexrelid::regclass::text AS name,
       (SELECT conname FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')) AS constraint_name,
       (SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u')) AS constraint_definition,
       indrelid::regclass::text AS target
FROM pg_index WHERE indrelid IN ('messages'::regclass, 'turns'::regclass, 'replies'::regclass);
SELECT CASE WHEN constraint_name IS NULL THEN format('DROP INDEX %s', name)
            ELSE format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', target, constraint_name) END
FROM made_indexes \gexec

INSERT INTO tenants (slug, name) SELECT 'shop-' || n, 'Shop ' || n FROM generate_series(1, 100) AS n;
INSERT INTO conversations (tenant_id, id, contact_id, account_id, channel, last_seq, address_kind, address_value)
SELECT 1 + n % 100, md5('c' || n)::uuid, md5('p' || n)::uuid, md5('a' || n % 100)::uuid, 'whatsapp', 10, 'wa_id', n
FROM generate_series(0, :conversations - 1) AS n;

INSERT INTO messages (tenant_id, id, conversation_id, account_id, seq, direction, author, kind, text, event_id, at, appended_at,
                      turn_id, trace)
SELECT 1 + n % :conversations % 100, md5('m' || n)::uuid, md5('c' || n % :conversations)::uuid, md5('a' || n % 100)::uuid,
       n / :conversations + 1, 'in', 'contact', CASE n % 100 WHEN 99 THEN 'reaction' ELSE 'message' END,
       'Hola, ¿tienen puntas de satén en talle 37?', 'wamid.' || md5('e' || n), moment, moment,
       CASE WHEN n % 100 < 99 AND n >= 6 THEN md5('t' || n)::uuid END,
       md5('x' || n)
FROM generate_series(0, :messages - 1) AS n,
     LATERAL (SELECT now() - interval '30 days' + n * (interval '29 days' / :messages)) AS times(moment);

INSERT INTO turns (tenant_id, id, conversation_id, first_message_id, first_seq, last_seq, first_at, status, epoch, reason,
                   superseded_by, created_at, closed_at)
SELECT m.tenant_id, m.turn_id, m.conversation_id, m.id, m.seq, m.seq, m.appended_at,
       CASE WHEN k.nth < 1 THEN 'failed' WHEN k.nth < 90 THEN 'answered' WHEN k.nth < 94 THEN 'superseded' ELSE 'dropped' END, 0,
       CASE WHEN k.nth < 1 THEN 'model.timeout' WHEN k.nth < 94 THEN '' WHEN k.nth < 97 THEN 'expired' ELSE 'human' END,
       CASE WHEN k.nth BETWEEN 90 AND 93 THEN md5('t')::uuid END, m.appended_at + interval '16 s', m.appended_at + interval '20 s'
FROM messages AS m, LATERAL (SELECT abs(hashtext(m.event_id)) % 99 AS nth) AS k
WHERE m.turn_id IS NOT NULL;

INSERT INTO replies (tenant_id, id, conversation_id, turn_id, author, text, status, epoch, order_seq, order_index, created_at)
SELECT t.tenant_id, md5('r' || t.id)::uuid, t.conversation_id, t.id, 'agent', 'Sí, quedan tres pares.', 'sent', 0, t.last_seq, 0,
       t.closed_at
FROM turns AS t WHERE t.status IN ('answered', 'failed');

INSERT INTO dead_letters (tenant_id, stage, topic, partition, record_offset, record_key, value, headers, code, text, attempts)
SELECT m.tenant_id, 'buffer', 'messages.resolved', 0, m.seq + row_number() OVER (), convert_to(m.tenant_id || ':' || m.conversation_id, 'UTF8'),
       convert_to(jsonb_build_object('message', m.id)::text, 'UTF8'), '{}', 'record.malformed', 'planted', 1
FROM messages AS m WHERE m.turn_id IS NULL AND m.kind = 'message' ORDER BY m.appended_at LIMIT 2;
INSERT INTO timers (id, tenant_id, due_at, topic, key, value, headers)
SELECT m.id, m.tenant_id, now() + interval '1 h', 'messages.resolved', m.tenant_id || ':' || m.conversation_id, '{}', '{}'
FROM messages AS m WHERE m.turn_id IS NULL AND m.kind = 'message' ORDER BY m.appended_at DESC LIMIT 1;

SELECT CASE WHEN constraint_name IS NULL THEN definition
            ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', target, constraint_name, constraint_definition) END
FROM made_indexes ORDER BY name \gexec
DROP TABLE made_indexes;
VACUUM (ANALYZE) messages, turns, replies, conversations, dead_letters, timers;
