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

-- pack_all: installed packs, in the order of their first installation
-- many
-- out: code text, version text, name text, name_en text, hash text
SELECT code, version, name, name_en, hash FROM pack ORDER BY place;

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
-- in: code text, version int, file text, xml text, hash text, at int
INSERT INTO flow (code, version, file, xml, hash, at) VALUES (:code, :version, :file, :xml, :hash, :at);

-- flow_all: all versions, newest first
-- many
-- out: code text, version int, file text, xml text
SELECT code, version, file, xml FROM flow ORDER BY version DESC, code;
