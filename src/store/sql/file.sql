-- file_put: keeps a file; one that is there already stays
-- do
-- in: hash text, size int, type text, bytes blob, at int
INSERT INTO file (hash, size, type, bytes, used, at) VALUES (:hash, :size, :type, :bytes, FALSE, :at)
ON CONFLICT (hash) DO NOTHING;

-- file_touch: a file that nobody uses yet came again
-- do
-- in: hash text, at int
UPDATE file SET at = :at WHERE hash = :hash AND NOT used;

-- file_head: what is known of a file
-- one
-- in: hash text
-- out: size int, type text, used bool
SELECT size, type, used FROM file WHERE hash = :hash;

-- file_get: its contents
-- one
-- in: hash text
-- out: type text, bytes blob
SELECT type, bytes FROM file WHERE hash = :hash;

-- file_use: a record names it
-- do
-- in: hash text
UPDATE file SET used = TRUE WHERE hash = :hash AND NOT used;

-- file_sent: somebody has sent it
-- do
-- in: hash text, account text, at int
INSERT INTO file_sender (hash, account, at) VALUES (:hash, :account, :at)
ON CONFLICT (hash, account) DO UPDATE SET at = excluded.at;

-- file_sent_by: whether an account has sent it
-- one
-- in: hash text, account text
-- out: at int
SELECT at FROM file_sender WHERE hash = :hash AND account = :account;

-- file_sender_sweep: forgets who sent what long ago
-- do
-- in: before int
DELETE FROM file_sender WHERE at < :before;

-- file_sweep: drops files that no record has ever named
-- do
-- in: before int
DELETE FROM file WHERE NOT used AND at < :before;
