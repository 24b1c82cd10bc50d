-- Tables of the store's own tests, with every type and every kind of constraint.
CREATE TABLE probe (
	id INT PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	n INT,
	x REAL,
	data BLOB,
	yes BOOL NOT NULL DEFAULT FALSE,
	CHECK (n IS NULL OR n <> 13)
);
CREATE INDEX probe_n ON probe (n);
CREATE TABLE probe_part (
	id INT PRIMARY KEY,
	probe INT NOT NULL REFERENCES probe (id) DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX probe_lower ON probe (lower(name)) WHERE yes;
