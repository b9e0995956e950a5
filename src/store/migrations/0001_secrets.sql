-- Random bytes made once per community: the namespace of every UUIDv5 (docs/architecture.md).
CREATE TABLE secret (
    name  TEXT PRIMARY KEY,
    bytes BLOB NOT NULL
);
