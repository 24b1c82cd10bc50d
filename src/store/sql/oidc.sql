-- oidc_put: a sign-in goes to the provider
-- do
-- in: state text, nonce text, verifier text, at int
INSERT INTO oidc_try (state, nonce, verifier, at) VALUES (:state, :nonce, :verifier, :at);

-- oidc_get: one that has come back
-- one
-- in: state text, after int
-- out: nonce text, verifier text
SELECT nonce, verifier FROM oidc_try WHERE state = :state AND at > :after;

-- oidc_drop: it comes back once; those that never did go too
-- do
-- in: state text, before int
DELETE FROM oidc_try WHERE state = :state OR at < :before;
