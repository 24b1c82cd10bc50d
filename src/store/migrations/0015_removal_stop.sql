-- A deletion that was stopped is looked for, too, until its end is noted.
DROP INDEX removal_running;
CREATE INDEX removal_running ON removal (id) WHERE state IN ('running', 'stopping');
