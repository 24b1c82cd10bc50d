-- The time zone of what lies in a region, where it is not the city's; '': its parent's.
ALTER TABLE region ADD COLUMN zone TEXT NOT NULL DEFAULT '';
