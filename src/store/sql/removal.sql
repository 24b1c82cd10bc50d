-- removal_put: somebody wants readings deleted
-- do
-- in: id int, selectors text, since int?, until int?, reason text, state text, asked_by text, asked int, series int, readings int, bytes int, estimate_ms int
INSERT INTO removal (id, selectors, since, until, reason, state, asked_by, asked, decided_by, decided, series, readings,
	bytes, estimate_ms, removed, freed, ended, why)
VALUES (:id, :selectors, :since, :until, :reason, :state, :asked_by, :asked, '', NULL, :series, :readings, :bytes,
	:estimate_ms, 0, 0, NULL, '');

-- removal_get: one of them
-- one
-- in: id int
-- out: id int, selectors text, since int?, until int?, reason text, state text, asked_by text, asked int, decided_by text, decided int?, series int, readings int, bytes int, estimate_ms int, removed int, freed int, ended int?, why text
SELECT id, selectors, since, until, reason, state, asked_by, asked, decided_by, decided, series, readings, bytes,
	estimate_ms, removed, freed, ended, why FROM removal WHERE id = :id;

-- removal_all: what waits or runs first, then the newest; of one asker, or of all
-- many
-- in: asked_by text?
-- out: id int, selectors text, since int?, until int?, reason text, state text, asked_by text, asked int, decided_by text, decided int?, series int, readings int, bytes int, estimate_ms int, removed int, freed int, ended int?, why text
SELECT id, selectors, since, until, reason, state, asked_by, asked, decided_by, decided, series, readings, bytes,
	estimate_ms, removed, freed, ended, why FROM removal
WHERE :asked_by IS NULL OR asked_by = :asked_by
ORDER BY CASE WHEN state IN ('open', 'running', 'stopping') THEN 0 ELSE 1 END, id DESC LIMIT 100;

-- removal_next: the oldest that is to be carried out, or was stopped and has no end yet
-- one
-- out: id int
SELECT id FROM removal WHERE state IN ('running', 'stopping') ORDER BY id LIMIT 1;

-- removal_decide: it is to be done, or was refused
-- do
-- in: id int, selectors text, state text, decided_by text, decided int
UPDATE removal SET selectors = :selectors, state = :state, decided_by = :decided_by, decided = :decided
WHERE id = :id AND state = 'open';

-- removal_stop: it is to stop
-- do
-- in: id int
UPDATE removal SET state = 'stopping' WHERE id = :id AND state = 'running';

-- removal_end: what came of it
-- do
-- in: id int, state text, removed int, freed int, ended int, why text
UPDATE removal SET state = :state, removed = :removed, freed = :freed, ended = :ended, why = :why
WHERE id = :id AND state IN ('running', 'stopping');
