-- What usage of turns and of conversations is paged by. In a transaction that does nothing else: see 0049.

-- None that names no moment takes one of them for its own: see 0002. The moment is in them so that what is out of the span is
-- passed over without its row.
CREATE INDEX model_calls_by_turn ON model_calls (tenant_id, turn_id, reserved_at) WHERE reserved_at IS NOT NULL;
CREATE INDEX model_calls_by_conversation ON model_calls (tenant_id, conversation_id, reserved_at) WHERE reserved_at IS NOT NULL;
