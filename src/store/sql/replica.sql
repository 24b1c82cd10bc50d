-- replica_list: servers that follow this database, and what they have not replayed yet; none of a file
-- many
-- in:
-- out: name text, state text, behind_b int
-- sqlite:
SELECT 'none' AS name, 'none' AS state, 0 AS behind_b WHERE 0;
-- postgres:
SELECT coalesce(application_name, '') COLLATE "C", coalesce(state, 'unknown') COLLATE "C",
       CAST(CASE WHEN pg_is_in_recovery() THEN 0
                 ELSE coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn), 0) END AS BIGINT)
FROM pg_stat_replication ORDER BY 1;
