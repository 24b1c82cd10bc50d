-- lease_take: takes a lease that is free, lapsed or already the holder's; nothing changes if it is another's
-- do
-- in: name text, holder text, ttl int
INSERT INTO lease (name, holder, until) VALUES (:name, :holder, @now + :ttl)
ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
WHERE lease.holder = excluded.holder OR lease.until < @now;

-- lease_drop: gives back all leases of a holder that ends
-- do
-- in: holder text
DELETE FROM lease WHERE holder = :holder;
