-- What an operator reads when something went wrong, whosever it is: every other role sees one tenant at a time. The
-- role changes nothing, and sees no other table of the tenants.

GRANT SELECT ON dead_letters, archive, timers TO relevo_operator;
CREATE POLICY operator_reads ON dead_letters FOR SELECT TO relevo_operator USING (true);
CREATE POLICY operator_reads ON archive FOR SELECT TO relevo_operator USING (true);
CREATE POLICY operator_reads ON timers FOR SELECT TO relevo_operator USING (true);
