-- journal_insert: one entry, without its place yet
-- do
-- in: id int, at int, kind text, subject text, subject_id text, region text, org text, secrecy int,
--     account text, payload text, salt blob, digest blob
INSERT INTO journal (id, at, kind, subject, subject_id, region, org, secrecy, account, payload, salt, digest)
VALUES (:id, :at, :kind, :subject, :subject_id, :region, :org, :secrecy, :account, :payload, :salt, :digest);

-- journal_head: the last entry that has its place
-- one
-- out: seq int, hash blob, at int
SELECT seq, hash, at FROM journal WHERE seq IS NOT NULL ORDER BY seq DESC LIMIT 1;

-- journal_waiting: entries that wait for their place, oldest first
-- many
-- in: limit_ int
-- out: id int, at int, kind text, subject text, subject_id text, region text, org text, secrecy int,
--      account text, digest blob
SELECT id, at, kind, subject, subject_id, region, org, secrecy, account, digest
FROM journal WHERE seq IS NULL ORDER BY id LIMIT :limit_;

-- journal_place: gives an entry its place
-- do
-- in: id int, seq int, hash blob
UPDATE journal SET seq = :seq, hash = :hash WHERE id = :id AND seq IS NULL;

-- journal_max_id: the largest id of an entry
-- one
-- out: id int?
SELECT max(id) FROM journal;

-- journal_count_waiting: how many entries wait for their place
-- one
-- out: n int
SELECT count(*) FROM journal WHERE seq IS NULL;

-- What the readers of entries have in common. kinds: whole ones end in a blank, groups in a dot. since, until: of
-- the time, the end not with it; + 0 keeps their index out of it, which would mean a sort.

-- journal_after: entries after a place that a reader may see
-- many
-- in: after int, last int, limit_ int, kinds texts?, account text?, since int, until int,
--     regions texts?, orgs texts?, clearance int
-- out: seq int, id int, at int, kind text, subject text, subject_id text, region text, org text, secrecy int,
--      account text, payload text?
SELECT seq, id, at, kind, subject, subject_id, region, org, secrecy, account, payload FROM journal
WHERE seq > :after AND seq <= :last
	AND @prefix(kind || ' ', :kinds) AND (:account IS NULL OR account = :account)
	AND at + 0 >= :since AND at + 0 < :until AND secrecy <= :clearance
	AND (region = '' OR @prefix(region, :regions)) AND (org = '' OR @prefix(org, :orgs))
ORDER BY seq LIMIT :limit_;

-- journal_after_of: the same of one subject, or of one kind of subject
-- many
-- in: subject text, subject_id text?, after int, last int, limit_ int, kinds texts?, account text?, since int, until int,
--     regions texts?, orgs texts?, clearance int
-- out: seq int, id int, at int, kind text, subject text, subject_id text, region text, org text, secrecy int,
--      account text, payload text?
SELECT seq, id, at, kind, subject, subject_id, region, org, secrecy, account, payload FROM journal
WHERE subject = :subject AND (:subject_id IS NULL OR subject_id = :subject_id)
	AND seq > :after AND seq <= :last
	AND @prefix(kind || ' ', :kinds) AND (:account IS NULL OR account = :account)
	AND at + 0 >= :since AND at + 0 < :until AND secrecy <= :clearance
	AND (region = '' OR @prefix(region, :regions)) AND (org = '' OR @prefix(org, :orgs))
ORDER BY seq LIMIT :limit_;

-- journal_before: entries before a place that a reader may see, newest first
-- many
-- in: first int, before int, limit_ int, kinds texts?, account text?, since int, until int,
--     regions texts?, orgs texts?, clearance int
-- out: seq int, id int, at int, kind text, subject text, subject_id text, region text, org text, secrecy int,
--      account text, payload text?
SELECT seq, id, at, kind, subject, subject_id, region, org, secrecy, account, payload FROM journal
WHERE seq >= :first AND seq < :before
	AND @prefix(kind || ' ', :kinds) AND (:account IS NULL OR account = :account)
	AND at + 0 >= :since AND at + 0 < :until AND secrecy <= :clearance
	AND (region = '' OR @prefix(region, :regions)) AND (org = '' OR @prefix(org, :orgs))
ORDER BY seq DESC LIMIT :limit_;

-- journal_before_of: the same of one subject, or of one kind of subject
-- many
-- in: subject text, subject_id text?, first int, before int, limit_ int, kinds texts?, account text?, since int, until int,
--     regions texts?, orgs texts?, clearance int
-- out: seq int, id int, at int, kind text, subject text, subject_id text, region text, org text, secrecy int,
--      account text, payload text?
SELECT seq, id, at, kind, subject, subject_id, region, org, secrecy, account, payload FROM journal
WHERE subject = :subject AND (:subject_id IS NULL OR subject_id = :subject_id)
	AND seq >= :first AND seq < :before
	AND @prefix(kind || ' ', :kinds) AND (:account IS NULL OR account = :account)
	AND at + 0 >= :since AND at + 0 < :until AND secrecy <= :clearance
	AND (region = '' OR @prefix(region, :regions)) AND (org = '' OR @prefix(org, :orgs))
ORDER BY seq DESC LIMIT :limit_;

-- journal_before_by: the same of one account
-- many
-- in: first int, before int, limit_ int, kinds texts?, account text, since int, until int, regions texts?,
--     orgs texts?, clearance int
-- out: seq int, id int, at int, kind text, subject text, subject_id text, region text, org text, secrecy int,
--      account text, payload text?
SELECT seq, id, at, kind, subject, subject_id, region, org, secrecy, account, payload FROM journal
WHERE account = :account AND seq >= :first AND seq < :before
	AND @prefix(kind || ' ', :kinds)
	AND at + 0 >= :since AND at + 0 < :until AND secrecy <= :clearance
	AND (region = '' OR @prefix(region, :regions)) AND (org = '' OR @prefix(org, :orgs))
ORDER BY seq DESC LIMIT :limit_;

-- journal_before_kind: the same of one kind of entry
-- many
-- in: kind text, first int, before int, limit_ int, since int, until int, regions texts?, orgs texts?,
--     clearance int
-- out: seq int, id int, at int, kind text, subject text, subject_id text, region text, org text, secrecy int,
--      account text, payload text?
SELECT seq, id, at, kind, subject, subject_id, region, org, secrecy, account, payload FROM journal
WHERE kind = :kind AND seq >= :first AND seq < :before
	AND at + 0 >= :since AND at + 0 < :until AND secrecy <= :clearance
	AND (region = '' OR @prefix(region, :regions)) AND (org = '' OR @prefix(org, :orgs))
ORDER BY seq DESC LIMIT :limit_;

-- journal_span: the first and the last place of a period, 0 if nothing happened; clocks of copies differ, so that
-- entries of other times may lie between. + 0, or PostgreSQL walks the journal from both ends instead of the period
-- one
-- in: since int, until int
-- out: first int, last int
SELECT coalesce(min(seq + 0), 0), coalesce(max(seq + 0), 0) FROM journal
WHERE at >= :since AND at < :until AND seq IS NOT NULL;

-- journal_chain: all that the chain is made of, from a place on
-- many
-- in: after int, limit_ int
-- out: seq int, id int, at int, kind text, subject text, subject_id text, region text, org text, secrecy int,
--      account text, payload text?, salt blob?, digest blob, hash blob
SELECT seq, id, at, kind, subject, subject_id, region, org, secrecy, account, payload, salt, digest, hash
FROM journal WHERE seq > :after ORDER BY seq LIMIT :limit_;

-- journal_erase_payload: forgets what the entries of a subject said
-- do
-- in: subject text, subject_id text
UPDATE journal SET payload = NULL, salt = NULL
WHERE subject = :subject AND subject_id = :subject_id AND payload IS NOT NULL;

-- journal_latest_of: where and how secret a subject was at last
-- one
-- in: subject text, subject_id text
-- out: region text, org text, secrecy int
SELECT region, org, secrecy FROM journal WHERE subject = :subject AND subject_id = :subject_id
ORDER BY id DESC LIMIT 1;

-- cursor_get: a named place in the journal
-- one
-- in: name text
-- out: seq int
SELECT seq FROM cursor_ WHERE name = :name;

-- cursor_put: moves it
-- do
-- in: name text, seq int, at int
INSERT INTO cursor_ (name, seq, at) VALUES (:name, :seq, :at)
ON CONFLICT (name) DO UPDATE SET seq = excluded.seq, at = excluded.at;

-- write_group_forget: outcomes that nobody can ask for any more
-- do
-- in: before int
DELETE FROM write_group WHERE at < :before;

-- write_group_max_id: the largest mark of a group
-- one
-- out: id int?
SELECT max(id) FROM write_group;
