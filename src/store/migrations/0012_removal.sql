-- Readings that somebody wants deleted: what was selected, what was counted, who agreed, and what came of it. selectors:
-- one a line, the asker's scope among their conditions. since, until: NULL is open.
CREATE TABLE removal (
	id INT PRIMARY KEY,
	selectors TEXT NOT NULL,
	since INT,
	until INT,
	reason TEXT NOT NULL,
	state TEXT NOT NULL,
	asked_by TEXT NOT NULL,
	asked INT NOT NULL,
	decided_by TEXT NOT NULL,
	decided INT,
	series INT NOT NULL,
	readings INT NOT NULL,
	bytes INT NOT NULL,
	estimate_ms INT NOT NULL,
	removed INT NOT NULL,
	freed INT NOT NULL,
	ended INT,
	why TEXT NOT NULL
);
CREATE INDEX removal_running ON removal (id) WHERE state = 'running';
