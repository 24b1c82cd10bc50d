-- Cases that were taken over from elsewhere, by the number that they had there.
CREATE TABLE case_import (
	source TEXT NOT NULL,
	key TEXT NOT NULL,
	case_id INT NOT NULL REFERENCES case_ (id),
	PRIMARY KEY (source, key)
) WITHOUT ROWID;
