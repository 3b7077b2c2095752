-- A record that came without an id is called after its letter when it is redriven: if it dies again, the books know the two
-- letters for one message (op_audit_letters).

-- null, or why it cannot be redriven. `fresh` is the record's new expiry, null where it keeps its own.
CREATE OR REPLACE FUNCTION redrive_letter(l dead_letters, actor text, moment timestamptz, fresh timestamptz) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    record jsonb;  -- {topic, key, value, headers}, as a timer's value has it
    before uuid;
    its_line text;
BEGIN
    IF l.status = 'redriven' AND l.status_by = actor AND l.status_at = moment THEN
        RETURN NULL;  -- by this very call, whose answer was lost
    ELSIF l.status <> 'dead' THEN
        RETURN 'it is ' || l.status || ' already';
    END IF;
    BEGIN
        IF l.topic = 'timers' THEN
            record := convert_from(l.value, 'UTF8')::jsonb;
        ELSE
            record := jsonb_build_object(
                'topic', l.topic, 'key', convert_from(l.record_key, 'UTF8'), 'value', convert_from(l.value, 'UTF8'),
                'headers', jsonb_build_object(
                    'id', coalesce(nullif(l.headers ->> 'ce_id', ''), 'letter ' || l.id), 'type', coalesce(l.headers ->> 'ce_type', ''),
                    'source', coalesce(l.headers ->> 'ce_source', ''),
                    'subject', coalesce(l.headers ->> 'ce_subject', ''),
                    'traceparent', coalesce(l.headers ->> 'traceparent', ''),
                    'installation', coalesce(l.headers ->> 'installation', ''),
                    'time', to_millis(moment_of(l.headers ->> 'ce_time')),
                    'expires', to_millis(moment_of(l.headers ->> 'expires'))));
        END IF;
        IF record ->> 'topic' IS NULL OR record ->> 'key' IS NULL OR record ->> 'value' IS NULL
           OR jsonb_typeof(record -> 'headers') IS DISTINCT FROM 'object' THEN
            RETURN 'it is no record: edit or drop it';
        END IF;
    EXCEPTION WHEN data_exception OR statement_too_complex THEN
        RETURN 'its bytes are no text: edit or drop it';
    END;
    IF fresh IS NOT NULL THEN
        record := jsonb_set(record, '{headers,expires}', to_jsonb(to_millis(fresh)));
    END IF;
    its_line := md5(record ->> 'topic' || ' ' || (record ->> 'key'));
    SELECT t.id INTO before FROM timers AS t
    WHERE t.tenant_id IS NOT DISTINCT FROM l.tenant_id AND t.line = its_line
    ORDER BY t.life DESC LIMIT 1;
    INSERT INTO timers (id, tenant_id, due_at, topic, key, value, headers, letter, after, line)
    VALUES (hash_uuid('redrive', l.id::text), l.tenant_id, moment, record ->> 'topic', record ->> 'key',
            record ->> 'value', record -> 'headers', l.id, before, its_line);
    UPDATE dead_letters AS x SET status = 'redriven', status_at = moment, status_by = actor
    WHERE x.tenant_id IS NOT DISTINCT FROM l.tenant_id AND x.id = l.id;
    RETURN NULL;
END $$;
