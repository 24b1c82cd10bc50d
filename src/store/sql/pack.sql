-- pack_put: a pack as installed
-- do
-- in: code text, place int, version text, name text, name_en text, hash text, at int
INSERT INTO pack (code, place, version, name, name_en, hash, at)
VALUES (:code, :place, :version, :name, :name_en, :hash, :at)
ON CONFLICT (code) DO UPDATE SET version = excluded.version, name = excluded.name,
	name_en = excluded.name_en, hash = excluded.hash, at = excluded.at;

-- pack_next_place: the place in the order of packs for a new one
-- one
-- out: place int
SELECT coalesce(max(place), 0) + 1 FROM pack;

-- pack_times: when the installed versions of the packs came in
-- many
-- out: code text, at int
SELECT code, at FROM pack;

-- pack_file_drop: forgets the files of a pack
-- do
-- in: pack text
DELETE FROM pack_file WHERE pack = :pack;

-- pack_file_put: one file of a pack
-- do
-- in: pack text, path text, text text
INSERT INTO pack_file (pack, path, text) VALUES (:pack, :path, :text);

-- pack_file_all: the files of all packs, in order
-- many
-- out: pack text, path text, text text
SELECT f.pack, f.path, f.text FROM pack_file f JOIN pack p ON p.code = f.pack ORDER BY p.place, f.path;

-- flow_newest: the newest version of a flow
-- one
-- in: code text
-- out: version int, hash text
SELECT version, hash FROM flow WHERE code = :code ORDER BY version DESC LIMIT 1;

-- flow_put: one more version
-- do
-- in: code text, version int, file text, xml text, hash text, at int, pack text
INSERT INTO flow (code, version, file, xml, hash, at, pack) VALUES (:code, :version, :file, :xml, :hash, :at,
	:pack);

-- flow_all: all versions, newest first
-- many
-- out: code text, version int, file text, xml text, pack text, at int, gone bool
SELECT code, version, file, xml, pack, at, gone FROM flow ORDER BY version DESC, code;

-- flow_own: a flow that nobody noted an owner for is the pack's that brings it
-- do
-- in: code text, pack text
UPDATE flow SET pack = :pack WHERE code = :code AND pack = '';

-- flow_gone: a pack has none of its flows any more; those that it does are told one by one
-- do
-- in: pack text
UPDATE flow SET gone = TRUE WHERE pack = :pack;

-- flow_here: a pack has this one
-- do
-- in: code text
UPDATE flow SET gone = FALSE WHERE code = :code AND gone;

-- pack_drop: forgets a pack
-- do
-- in: code text
DELETE FROM pack WHERE code = :code;

-- pack_row_get: what a pack said last of a row
-- one
-- in: pack text, part text, code text
-- out: row text
SELECT row FROM pack_row WHERE pack = :pack AND part = :part AND code = :code;

-- pack_row_all: all that a pack said last
-- many
-- in: pack text
-- out: part text, code text, row text
SELECT part, code, row FROM pack_row WHERE pack = :pack ORDER BY part, code;

-- pack_row_put: what it says now
-- do
-- in: pack text, part text, code text, row text
INSERT INTO pack_row (pack, part, code, row) VALUES (:pack, :part, :code, :row)
ON CONFLICT (pack, part, code) DO UPDATE SET row = excluded.row;

-- pack_row_drop: it says nothing of it any more
-- do
-- in: pack text, part text, code text
DELETE FROM pack_row WHERE pack = :pack AND part = :part AND code = :code;

-- pack_region_get: a region, with its pack
-- one
-- in: code text
-- out: parent text, level int, name text, name_en text, unit bool, lon real?, lat real?, geometry text, pack text
SELECT parent, level, name, name_en, unit, lon, lat, geometry, pack FROM region WHERE code = :code;

-- pack_region_all: whose the regions are
-- many
-- out: code text, parent text, pack text
SELECT code, parent, pack FROM region ORDER BY code;

-- pack_region_drop: takes a region out
-- do
-- in: code text
DELETE FROM region WHERE code = :code;

-- pack_region_users: what lies in a region or below it; cases and accounts too
-- many
-- in: code text
-- out: part text, code text
SELECT 'region', code FROM region WHERE parent = :code
UNION ALL SELECT 'org', code FROM org WHERE region = :code
UNION ALL SELECT kind, code FROM record WHERE region = :code
UNION ALL SELECT 'case', code FROM case_ WHERE region = :code OR unit = :code
UNION ALL SELECT 'account', login FROM account WHERE ' ' || regions || ' ' LIKE '% ' || :code || ' %';

-- pack_org_get: an org, with its pack
-- one
-- in: code text
-- out: parent text, kind text, region text, name text, name_en text, phone text, duties text, pack text
SELECT parent, kind, region, name, name_en, phone, duties, pack FROM org WHERE code = :code;

-- pack_org_all: whose the orgs are
-- many
-- out: code text, parent text, pack text
SELECT code, parent, pack FROM org ORDER BY code;

-- pack_org_drop: takes an org out
-- do
-- in: code text
DELETE FROM org WHERE code = :code;

-- pack_org_users: what belongs to an org or lies below it
-- many
-- in: code text
-- out: part text, code text
SELECT 'org', code FROM org WHERE parent = :code
UNION ALL SELECT kind, code FROM record WHERE org = :code
UNION ALL SELECT 'case', code FROM case_ WHERE org = :code OR owner = :code
UNION ALL SELECT 'account', login FROM account WHERE org = :code
	OR ' ' || orgs || ' ' LIKE '% ' || :code || ' %';

-- pack_thing_users: cases and alarms of a thing
-- many
-- in: code text
-- out: part text, code text
SELECT 'case', code FROM case_ WHERE thing = :code
UNION ALL SELECT 'alarm', CAST(id AS TEXT) FROM alarm WHERE thing = :code;

-- pack_category_cases: cases of a category
-- one
-- in: code text
-- out: n int
SELECT count(*) FROM case_ WHERE category = :code;

-- pack_kind_count: records of a kind; those that the pack did not bring
-- one
-- in: kind text, pack text
-- out: n int, others int
SELECT count(*), count(CASE WHEN pack <> :pack THEN 1 END) FROM record WHERE kind = :kind;
