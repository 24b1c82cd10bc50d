-- device_put: a device with a new secret
-- do
-- in: login text, secret text, things text, created int
INSERT INTO device (login, secret, things, created) VALUES (:login, :secret, :things, :created)
ON CONFLICT (login) DO UPDATE SET secret = excluded.secret, things = excluded.things;

-- device_by_login: what a connection needs
-- one
-- in: login text
-- out: secret text, things text
SELECT secret, things FROM device WHERE login = :login;

-- device_by_secret: what a connection needs that shows nothing else
-- one
-- in: secret text
-- out: login text, things text
SELECT login, things FROM device WHERE secret = :secret;
