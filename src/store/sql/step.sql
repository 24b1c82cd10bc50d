-- step_add: one more line of a case's history
-- do
-- in: id int, case_id int, at int, action text, account text, name text, org text, task text, outcome text,
--      note text, element text
INSERT INTO case_step (id, case_id, at, action, account, name, org, task, outcome, note, element)
VALUES (:id, :case_id, :at, :action, :account, :name, :org, :task, :outcome, :note, :element);

-- step_of: the history of a case
-- many
-- in: case_id int
-- out: id int, at int, action text, account text, name text, org text, task text, outcome text, note text,
--      element text
SELECT id, at, action, account, name, org, task, outcome, note, element FROM case_step
WHERE case_id = :case_id ORDER BY id LIMIT 2000;
