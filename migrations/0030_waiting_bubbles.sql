-- When to ask again whether what goes before this bubble is closed; null where nothing is open. An unknown one counts as
-- closed after its minute or once its receipt came, which wakes nobody: ask soon. One that rests asks when it says, and who
-- waits for it a moment later: woken together after a long outage they go in their order. Who waits for k bubbles asks after
-- k seconds: did each of twenty ask every second, their lane would be busy with nothing else. One whose nudge must have been
-- lost (10 minutes past its time) stops nobody.
CREATE OR REPLACE FUNCTION earlier_open_until(r replies, moment timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN count(*) > 0 THEN greatest(
        moment + count(*) FILTER (WHERE e.status = 'pending') * interval '1 second',
        max(CASE e.status WHEN 'unknown' THEN least(d.due_at, moment + interval '5 seconds')
                          ELSE greatest(e.due_at, e.asked_at) + interval '1 millisecond' END))
    END
    FROM replies AS e
    LEFT JOIN LATERAL (SELECT x.status, x.receipt, x.due_at, x.at FROM deliveries AS x
                       WHERE x.tenant_id = e.tenant_id AND x.reply_id = e.id
                       ORDER BY x.attempt DESC LIMIT 1) AS d ON true
    WHERE e.tenant_id = r.tenant_id AND e.conversation_id = r.conversation_id
      AND e.status IN ('pending', 'unknown')
      AND (e.order_seq, e.order_index) < (r.order_seq, r.order_index)
      AND CASE e.status
          WHEN 'unknown' THEN d.due_at > moment AND d.receipt IS NULL
          ELSE greatest(e.due_at, e.created_at, e.asked_at, CASE d.status WHEN 'intent' THEN d.at END)
               > moment - interval '10 minutes' END
$$;
