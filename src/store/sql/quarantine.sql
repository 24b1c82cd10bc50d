-- quarantine_add: a device that nobody knows
-- do
-- in: code text, protocol text, source text, first int
INSERT INTO quarantine (code, state, protocol, source, first) VALUES (:code, 'waiting', :protocol, :source, :first)
ON CONFLICT DO NOTHING;

-- quarantine_get: what is known of one
-- one
-- in: code text
-- out: code text, state text, kind text, target text, rev int, protocol text, source text, first int,
--      decided int?, account text, note text
SELECT code, state, kind, target, rev, protocol, source, first, decided, account, note FROM quarantine
WHERE code = :code;

-- quarantine_all: every device with its state
-- many
-- out: code text, state text, target text
SELECT code, state, target FROM quarantine;

-- quarantine_page: those of a state, by code
-- many
-- in: state text, after text, limit_ int
-- out: code text, state text, kind text, target text, rev int, protocol text, source text, first int,
--      decided int?, account text, note text
SELECT code, state, kind, target, rev, protocol, source, first, decided, account, note FROM quarantine
WHERE state = :state AND code > :after ORDER BY code LIMIT :limit_;

-- quarantine_set: what was decided
-- do
-- in: code text, state text, kind text, target text, rev int, decided int?, account text, note text
UPDATE quarantine SET state = :state, kind = :kind, target = :target, rev = :rev, decided = :decided,
	account = :account, note = :note WHERE code = :code;
