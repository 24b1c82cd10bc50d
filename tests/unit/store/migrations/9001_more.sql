ALTER TABLE probe ADD COLUMN note TEXT;
ALTER TABLE probe ADD COLUMN seen BOOL NOT NULL DEFAULT TRUE;
-- sqlite:
CREATE TRIGGER probe_guard BEFORE DELETE ON probe WHEN OLD.name = 'kept'
BEGIN
	SELECT RAISE(ABORT, 'kept is kept');
END;
-- postgres:
CREATE FUNCTION probe_guard() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF OLD.name = 'kept' THEN
		RAISE EXCEPTION 'kept is kept' USING ERRCODE = 'unique_violation', TABLE = 'probe';
	END IF;
	RETURN OLD;
END
$$;
CREATE TRIGGER probe_guard BEFORE DELETE ON probe FOR EACH ROW EXECUTE FUNCTION probe_guard();
-- both:
INSERT INTO probe (id, name) VALUES (-1, 'made; by '' migration -- so');
