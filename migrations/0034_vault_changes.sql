-- The same secret under another key is no change: nobody reads it again.
DROP TRIGGER count_vault_change ON credentials;
CREATE TRIGGER count_vault_change AFTER INSERT OR UPDATE OF updated_at OR DELETE ON credentials
    FOR EACH STATEMENT EXECUTE FUNCTION count_vault_change();
