-- record_get: one record, by id
-- one
-- in: id int
-- out: id int, kind text, code text, name text, name_en text, state text, org text, region text, lon real?,
--      lat real?, attrs text, doubts text, thing bool, demo bool, pack text, rev int, created int,
--      changed int, account text, batch int
SELECT id, kind, code, name, name_en, state, org, region, lon, lat, attrs, doubts, thing, demo, pack, rev,
	created, changed, account, batch FROM record WHERE id = :id;

-- record_find: one record, by kind and code
-- one
-- in: kind text, code text
-- out: id int, kind text, code text, name text, name_en text, state text, org text, region text, lon real?,
--      lat real?, attrs text, doubts text, thing bool, demo bool, pack text, rev int, created int,
--      changed int, account text, batch int
SELECT id, kind, code, name, name_en, state, org, region, lon, lat, attrs, doubts, thing, demo, pack, rev,
	created, changed, account, batch FROM record WHERE kind = :kind AND code = :code;

-- record_thing_kind: the kind of the thing that has a code
-- one
-- in: code text
-- out: kind text
SELECT kind FROM record WHERE thing AND code = :code;

-- record_things: every thing
-- many
-- out: code text, kind text, name text, name_en text, state text, org text, region text, lon real?, lat real?,
--      demo bool, attrs text
SELECT code, kind, name, name_en, state, org, region, lon, lat, demo, attrs FROM record WHERE thing ORDER BY code;

-- record_things_attrs: the attributes of every thing
-- many
-- out: code text, attrs text
SELECT code, attrs FROM record WHERE thing ORDER BY code;

-- record_things_of: the things that have these codes
-- many
-- in: codes texts
-- out: code text, kind text, name text, name_en text, state text, org text, region text, lon real?, lat real?,
--      demo bool, attrs text
SELECT code, kind, name, name_en, state, org, region, lon, lat, demo, attrs FROM record WHERE thing AND code IN
	@list(:codes);

-- record_part: records of a kind past a code
-- many
-- in: kind text, after text, limit_ int
-- out: id int, kind text, code text, name text, name_en text, state text, org text, region text, lon real?,
--      lat real?, attrs text, doubts text, thing bool, demo bool, pack text, rev int, created int,
--      changed int, account text, batch int
SELECT id, kind, code, name, name_en, state, org, region, lon, lat, attrs, doubts, thing, demo, pack, rev,
	created, changed, account, batch FROM record WHERE kind = :kind AND code > :after ORDER BY code LIMIT
	:limit_;

-- record_pack_rows: what a pack brought
-- many
-- in: pack text
-- out: kind text, code text
SELECT kind, code FROM record WHERE pack = :pack ORDER BY kind, code;

-- record_add: adds a record
-- do
-- in: id int, kind text, code text, name text, name_en text, state text, org text, region text, lon real?,
--      lat real?, attrs text, doubts text, thing bool, demo bool, pack text, rev int, created int,
--      changed int, account text, batch int
INSERT INTO record (id, kind, code, name, name_en, state, org, region, lon, lat, attrs, doubts, thing, demo,
	pack, rev, created, changed, account, batch)
VALUES (:id, :kind, :code, :name, :name_en, :state, :org, :region, :lon, :lat, :attrs, :doubts, :thing,
	:demo, :pack, :rev, :created, :changed, :account, :batch);

-- record_change: a new version of a record
-- do
-- in: id int, name text, name_en text, state text, org text, region text, lon real?, lat real?, attrs text,
--      doubts text, demo bool, pack text, rev int, changed int, account text, batch int
UPDATE record SET name = :name, name_en = :name_en, state = :state, org = :org, region = :region, lon =
	:lon, lat = :lat, attrs = :attrs, doubts = :doubts, demo = :demo, pack = :pack, rev = :rev, changed =
	:changed, account = :account, batch = :batch WHERE id = :id;

-- record_drop: takes a record out
-- do
-- in: id int
DELETE FROM record WHERE id = :id;

-- record_rev_put: keeps a version
-- do
-- in: kind text, code text, rev int, gone bool, name text, name_en text, state text, org text, region text,
--      lon real?, lat real?, attrs text, doubts text, demo bool, pack text, created int, changed int,
--      account text, batch int
INSERT INTO record_rev (kind, code, rev, gone, name, name_en, state, org, region, lon, lat, attrs, doubts,
	demo, pack, created, changed, account, batch)
VALUES (:kind, :code, :rev, :gone, :name, :name_en, :state, :org, :region, :lon, :lat, :attrs, :doubts,
	:demo, :pack, :created, :changed, :account, :batch);

-- record_rev_all: versions before the present one, newest first
-- many
-- in: kind text, code text, before int, limit_ int
-- out: kind text, code text, rev int, gone bool, name text, name_en text, state text, org text, region text,
--      lon real?, lat real?, attrs text, doubts text, demo bool, pack text, created int, changed int,
--      account text, batch int
SELECT kind, code, rev, gone, name, name_en, state, org, region, lon, lat, attrs, doubts, demo, pack,
	created, changed, account, batch FROM record_rev WHERE kind = :kind AND code = :code AND rev < :before
	ORDER BY rev DESC LIMIT :limit_;

-- record_rev_get: one earlier version
-- one
-- in: kind text, code text, rev int
-- out: kind text, code text, rev int, gone bool, name text, name_en text, state text, org text, region text,
--      lon real?, lat real?, attrs text, doubts text, demo bool, pack text, created int, changed int,
--      account text, batch int
SELECT kind, code, rev, gone, name, name_en, state, org, region, lon, lat, attrs, doubts, demo, pack,
	created, changed, account, batch FROM record_rev WHERE kind = :kind AND code = :code AND rev = :rev;

-- record_rev_at: the kept version that was the newest at an instant
-- one
-- in: kind text, code text, at int
-- out: kind text, code text, rev int, gone bool, name text, name_en text, state text, org text, region text,
--      lon real?, lat real?, attrs text, doubts text, demo bool, pack text, created int, changed int,
--      account text, batch int
SELECT kind, code, rev, gone, name, name_en, state, org, region, lon, lat, attrs, doubts, demo, pack,
	created, changed, account, batch FROM record_rev WHERE kind = :kind AND code = :code AND changed <= :at
	ORDER BY rev DESC LIMIT 1;

-- record_rev_last: the number of the last kept version
-- one
-- in: kind text, code text
-- out: rev int
SELECT coalesce(max(rev), 0) FROM record_rev WHERE kind = :kind AND code = :code;

-- record_max_id: the largest id of a record or change set
-- one
-- out: id int?
SELECT max(id) FROM (SELECT max(id) AS id FROM record UNION ALL SELECT max(id) FROM record_batch) AS ids_;
