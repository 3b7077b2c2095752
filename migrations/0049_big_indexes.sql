-- Indexes of tables that grow with the traffic, in a transaction that does nothing else: while one is built nobody writes to its
-- table, and everybody reads it. The longest first: what is locked stays so until all are there.

-- How many parts of webhooks an account has that nobody knew.
CREATE INDEX archive_of_account ON archive (account_id, appended_at DESC, tenant_id);

-- none that names no deleted_at takes it for its own: see 0002
CREATE INDEX contacts_listed ON contacts (tenant_id, id) WHERE deleted_at IS NULL;

-- Under a policy an index serves what no function of the row hides: the key itself, of any length.
CREATE INDEX dead_letters_with_key ON dead_letters USING hash (record_key);
CREATE INDEX timers_with_key ON timers USING hash (key);
