-- idempotency_begin: takes the key, or takes it over from the same request that began before `lapsed` and changed nothing
-- do
-- in: account int, key text, request text, body text, holder int, at int, lapsed int
INSERT INTO idempotency (account, key, request, body, holder, at, status, mime, headers)
VALUES (:account, :key, :request, :body, :holder, :at, 0, '', '')
ON CONFLICT (account, key) DO UPDATE SET holder = excluded.holder, at = excluded.at
WHERE idempotency.status = 0 AND idempotency.at < :lapsed AND idempotency.request = excluded.request
	AND idempotency.body = excluded.body;

-- idempotency_get: the request that has the key, and its answer
-- one
-- in: account int, key text
-- out: request text, body text, at int, status int, mime text, headers text, answer blob?
SELECT request, body, at, status, mime, headers, answer FROM idempotency WHERE account = :account AND key = :key;

-- idempotency_done: the attempt has changed something, in the transaction that this stands in
-- do
-- in: account int, key text, holder int
UPDATE idempotency SET status = 1 WHERE account = :account AND key = :key AND holder = :holder;

-- idempotency_keep: its answer
-- do
-- in: account int, key text, holder int, status int, mime text, headers text, answer blob?
UPDATE idempotency SET status = :status, mime = :mime, headers = :headers, answer = :answer
WHERE account = :account AND key = :key AND holder = :holder;

-- idempotency_drop: the attempt failed and changed nothing
-- do
-- in: account int, key text, holder int
DELETE FROM idempotency WHERE account = :account AND key = :key AND holder = :holder AND status = 0;

-- idempotency_expire: forgets those older
-- do
-- in: before int
DELETE FROM idempotency WHERE at < :before;
