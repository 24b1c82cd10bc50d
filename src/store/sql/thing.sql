-- thing_put: adds a thing or replaces it
-- do
-- in: code text, kind text, name text, name_en text, org text, region text, lon real?, lat real?, attrs text,
--     demo bool, pack text, at int
INSERT INTO thing (code, kind, name, name_en, org, region, lon, lat, attrs, demo, pack, at)
VALUES (:code, :kind, :name, :name_en, :org, :region, :lon, :lat, :attrs, :demo, :pack, :at)
ON CONFLICT (code) DO UPDATE SET kind = excluded.kind, name = excluded.name, name_en = excluded.name_en,
	org = excluded.org, region = excluded.region, lon = excluded.lon, lat = excluded.lat,
	attrs = excluded.attrs, demo = excluded.demo, pack = excluded.pack, at = excluded.at;

-- thing_all: every thing
-- many
-- out: code text, kind text, name text, name_en text, org text, region text, lon real?, lat real?, attrs text,
--      demo bool
SELECT code, kind, name, name_en, org, region, lon, lat, attrs, demo FROM thing ORDER BY code;

-- thing_owner: the pack that declares a thing, empty when the site added it
-- one
-- in: code text
-- out: pack text
SELECT pack FROM thing WHERE code = :code;
