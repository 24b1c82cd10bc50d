-- What each pack said last, row by row: what an upgrade compares with the site's rows and with the new pack's.
-- part: "region", "org" or a kind.
CREATE TABLE pack_row (
	pack TEXT NOT NULL,
	part TEXT NOT NULL,
	code TEXT NOT NULL,
	row TEXT NOT NULL,
	PRIMARY KEY (pack, part, code)
) WITHOUT ROWID;

-- Whose a flow is; "" where it came before this was noted.
ALTER TABLE flow ADD COLUMN pack TEXT NOT NULL DEFAULT '';
UPDATE flow SET pack = (SELECT min(code) FROM pack) WHERE (SELECT count(*) FROM pack) = 1;
