-- step_add: one more line of a case's history
-- do
-- in: id int, case_id int, at int, action text, account text, name text, org text, task text, outcome text,
--      note text, element text, for_account text, for_name text
INSERT INTO case_step (id, case_id, at, action, account, name, org, task, outcome, note, element, for_account, for_name)
VALUES (:id, :case_id, :at, :action, :account, :name, :org, :task, :outcome, :note, :element, :for_account, :for_name);

-- step_of: the history of a case
-- many
-- in: case_id int
-- out: id int, at int, action text, account text, name text, org text, task text, outcome text, note text,
--      element text, for_account text, for_name text
SELECT id, at, action, account, name, org, task, outcome, note, element, for_account, for_name FROM case_step
WHERE case_id = :case_id ORDER BY id LIMIT 2000;
