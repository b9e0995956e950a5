-- How far the audit log has been forwarded to a repository; one row.
CREATE TABLE audit_forwarded (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    next     INTEGER NOT NULL,
    segment  TEXT NOT NULL,
    at_bytes INTEGER NOT NULL,
    hash     BLOB NOT NULL
) STRICT;
