-- approval_put: a change waits for a second administrator
-- do
-- in: id int, login text, payload text, asked_by text, asked int
INSERT INTO approval (id, login, payload, asked_by, asked, state, decided_by)
VALUES (:id, :login, :payload, :asked_by, :asked, 'open', '');

-- approval_get: one of them
-- one
-- in: id int
-- out: login text, payload text, asked_by text, asked int, state text
SELECT login, payload, asked_by, asked, state FROM approval WHERE id = :id;

-- approval_all: open ones first, then the newest
-- many
-- out: id int, login text, payload text, asked_by text, asked int, state text, decided_by text, decided int?
SELECT id, login, payload, asked_by, asked, state, decided_by, decided FROM approval
ORDER BY CASE state WHEN 'open' THEN 0 ELSE 1 END, id DESC LIMIT 200;

-- approval_decide: it is done or refused
-- do
-- in: id int, state text, decided_by text, decided int
UPDATE approval SET state = :state, decided_by = :decided_by, decided = :decided WHERE id = :id AND state = 'open';
