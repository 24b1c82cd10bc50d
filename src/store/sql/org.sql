-- org_put: adds an org or takes over what its pack says now
-- do
-- in: code text, parent text, kind text, region text, name text, name_en text, phone text, duties text, pack text
INSERT INTO org (code, parent, kind, region, name, name_en, phone, duties, pack)
VALUES (:code, :parent, :kind, :region, :name, :name_en, :phone, :duties, :pack)
ON CONFLICT (code) DO UPDATE SET parent = excluded.parent, kind = excluded.kind, region = excluded.region,
	name = excluded.name, name_en = excluded.name_en, phone = excluded.phone, duties = excluded.duties,
	pack = excluded.pack;

-- org_all: every org
-- many
-- out: code text, parent text, kind text, region text, name text, name_en text, phone text, duties text
SELECT code, parent, kind, region, name, name_en, phone, duties FROM org ORDER BY code;

-- org_owner: the pack that declares an org
-- one
-- in: code text
-- out: pack text
SELECT pack FROM org WHERE code = :code;
