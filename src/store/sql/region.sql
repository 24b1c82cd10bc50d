-- region_put: adds a region or takes over what its pack says now
-- do
-- in: code text, parent text, level int, name text, name_en text, unit bool, lon real?, lat real?,
--     geometry text, zone text, pack text
INSERT INTO region (code, parent, level, name, name_en, unit, lon, lat, geometry, zone, pack)
VALUES (:code, :parent, :level, :name, :name_en, :unit, :lon, :lat, :geometry, :zone, :pack)
ON CONFLICT (code) DO UPDATE SET parent = excluded.parent, level = excluded.level, name = excluded.name,
	name_en = excluded.name_en, unit = excluded.unit, lon = excluded.lon, lat = excluded.lat,
	geometry = excluded.geometry, zone = excluded.zone, pack = excluded.pack;

-- region_all: every region
-- many
-- out: code text, parent text, level int, name text, name_en text, unit bool, lon real?, lat real?, geometry text,
--      zone text
SELECT code, parent, level, name, name_en, unit, lon, lat, geometry, zone FROM region ORDER BY code;

-- region_owner: the pack that declares a region
-- one
-- in: code text
-- out: pack text
SELECT pack FROM region WHERE code = :code;
