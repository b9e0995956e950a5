-- Which community was shown with which ids, for portals that name no home (docs/architecture.md, "A portal
-- that knows no homes"). Ids are the first 16 bytes of an HMAC-SHA256 under the secret `claims`; the
-- patient is the id under which a portal was shown an entry, CX. Times are microseconds since 1970.
CREATE TABLE claimed_object (
    object    BLOB    NOT NULL,
    community TEXT    NOT NULL,
    system    TEXT    NOT NULL,    -- the portal it was shown to
    unique_id BLOB    NOT NULL,
    patient   TEXT    NOT NULL,
    at_us     INTEGER NOT NULL,
    PRIMARY KEY (object, community, system)
) WITHOUT ROWID;
CREATE INDEX claimed_object_unique ON claimed_object (unique_id, community);
CREATE INDEX claimed_object_at ON claimed_object (community, at_us);

CREATE TABLE claimed_repository (
    repository BLOB    NOT NULL,
    community  TEXT    NOT NULL,
    at_us      INTEGER NOT NULL,
    PRIMARY KEY (repository, community)
) WITHOUT ROWID;
