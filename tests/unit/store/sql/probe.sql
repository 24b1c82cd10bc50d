-- probe_put: one row
-- do
-- in: id int, name text, n int?, x real?, data blob?, yes bool
INSERT INTO probe (id, name, n, x, data, yes) VALUES (:id, :name, :n, :x, :data, :yes);

-- probe_get: one row by its id
-- one
-- in: id int
-- out: id int, name text, n int?, x real?, data blob?, yes bool, note text?, seen bool
SELECT id, name, n, x, data, yes, note, seen FROM probe WHERE id = :id;

-- probe_list: rows whose name is in the list or begins with one of the prefixes, by name
-- many
-- in: names texts, prefixes texts?
-- out: id int, name text
SELECT id, name FROM probe WHERE id >= 0 AND (name IN @list(:names) OR @prefix(name, :prefixes)) ORDER BY name;

-- probe_count: how many, and their sum
-- one
-- out: count int, sum int?, mean real?
SELECT count(*), CAST(sum(n) AS BIGINT), avg(x) FROM probe WHERE id >= 0;

-- probe_add: adds to one row; nothing changes if it is not there
-- do
-- in: id int, by int
UPDATE probe SET n = n + :by WHERE id = :id;

-- probe_take: adds and gives what it came to
-- one
-- in: id int, by int
-- out: n int?
UPDATE probe SET n = n + :by WHERE id = :id RETURNING n;

-- probe_delete: removes
-- do
-- in: id int
DELETE FROM probe WHERE id = :id;

-- probe_part_put: a row that refers to another, checked at the commit
-- do
-- in: id int, probe int
INSERT INTO probe_part (id, probe) VALUES (:id, :probe);

-- probe_like: LIKE minds case
-- one
-- in: name text, pattern text
-- out: matches bool
SELECT :name LIKE :pattern;

-- probe_wrong: says it gives an int, and gives NULL
-- one
-- out: n int
SELECT CAST(NULL AS BIGINT);

-- probe_now: the database's clock
-- one
-- out: now int
SELECT @now;

-- probe_dialect: each database its own words
-- one
-- in: tail text
-- out: name text
-- sqlite:
SELECT 'lite:' || :tail;
-- postgres:
SELECT 'post:' || :tail;

-- probe_spoil: changes a payload behind the chain's back
-- do
-- in: seq int, payload text
UPDATE journal SET payload = :payload WHERE seq = :seq;

-- probe_unhash: changes who did it
-- do
-- in: seq int, account text
UPDATE journal SET account = :account WHERE seq = :seq;

-- probe_cut: removes an entry from the middle
-- do
-- in: seq int
DELETE FROM journal WHERE seq = :seq;

-- probe_stamp: a migration that nobody knows, or another hash
-- do
-- in: version int, hash text
UPDATE schema_version SET hash = :hash WHERE version = :version;

-- probe_stamp_newer: a migration of a later program
-- do
-- in: version int
INSERT INTO schema_version (version, name, hash, applied) VALUES (:version, 'later', 'x', 0);
