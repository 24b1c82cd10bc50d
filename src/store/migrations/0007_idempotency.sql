-- Requests that came with an Idempotency-Key. status: 0 begun, 1 carried out (set in the transaction of the
-- change itself), else that of the answer that is kept. holder: which attempt this is.
CREATE TABLE idempotency (
	account INT NOT NULL,
	key TEXT NOT NULL,
	request TEXT NOT NULL,
	body TEXT NOT NULL,
	holder INT NOT NULL,
	at INT NOT NULL,
	status INT NOT NULL CHECK (status BETWEEN 0 AND 599),
	mime TEXT NOT NULL,
	headers TEXT NOT NULL,
	answer BLOB,
	PRIMARY KEY (account, key)
);
CREATE INDEX idempotency_at ON idempotency (at);
