-- A device that shows nothing but its secret (as those made for ThingsBoard may) is found by the hash of it.
CREATE INDEX device_secret ON device (secret);
