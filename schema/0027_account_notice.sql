-- Sessions that watch an account (NOTIFY, RFC 5465) hear that its list of mailboxes or subscriptions
-- has changed: its id is announced on roundtable_account. Messages have a notice of their own, by
-- mailbox, so that delivery does nothing more than before. Several in one transaction are one.
CREATE FUNCTION catalog.announce_names() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_account bigint := CASE TG_OP WHEN 'DELETE' THEN OLD.account_id ELSE NEW.account_id END;
BEGIN
    IF v_account IS NOT NULL THEN
        PERFORM pg_notify('roundtable_account', v_account::text);
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER mailbox_announce AFTER INSERT OR DELETE OR UPDATE OF name, special_use ON catalog.mailbox
    FOR EACH ROW EXECUTE FUNCTION catalog.announce_names();
CREATE TRIGGER subscription_announce AFTER INSERT OR DELETE ON catalog.subscription
    FOR EACH ROW EXECUTE FUNCTION catalog.announce_names();

REVOKE ALL ON FUNCTION catalog.announce_names() FROM PUBLIC;
