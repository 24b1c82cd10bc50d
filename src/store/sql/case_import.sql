-- case_import_find: the case that a foreign number became
-- one
-- in: source text, key text
-- out: case_id int
SELECT case_id FROM case_import WHERE source = :source AND key = :key;

-- case_import_add: remembers it
-- do
-- in: source text, key text, case_id int
INSERT INTO case_import (source, key, case_id) VALUES (:source, :key, :case_id);
