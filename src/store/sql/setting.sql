-- setting_get: the value of one setting of this site
-- one
-- in: name text
-- out: value text, at int
SELECT value, at FROM setting WHERE name = :name;

-- setting_put: sets it
-- do
-- in: name text, value text, at int
INSERT INTO setting (name, value, at) VALUES (:name, :value, :at)
ON CONFLICT (name) DO UPDATE SET value = excluded.value, at = excluded.at;

-- setting_keep: sets it if nobody did before
-- do
-- in: name text, value text, at int
INSERT INTO setting (name, value, at) VALUES (:name, :value, :at) ON CONFLICT (name) DO NOTHING;

-- setting_delete: forgets it
-- do
-- in: name text
DELETE FROM setting WHERE name = :name;

-- setting_list: settings whose name lies in the list of prefixes, by name
-- many
-- in: prefixes texts?
-- out: name text, value text, at int
SELECT name, value, at FROM setting WHERE @prefix(name, :prefixes) ORDER BY name;
