-- Consents (docs/architecture.md, decisions C1). Nothing is ever updated or deleted here but the
-- mark that the audit log has taken note of a change. Times are microseconds, dates YYYY-MM-DD.
CREATE TABLE consent_change (
    version    INTEGER PRIMARY KEY AUTOINCREMENT,
    changed_at INTEGER NOT NULL,
    action     TEXT    NOT NULL,
    source     TEXT    NOT NULL,
    sha256     TEXT    NOT NULL,
    row_count  INTEGER NOT NULL,
    entered_by TEXT    NOT NULL,
    noted      INTEGER NOT NULL DEFAULT 0
);

-- A hospital number is one person's, for ever.
CREATE TABLE consent_person (
    facility   TEXT NOT NULL,
    patient_no TEXT NOT NULL,
    network_id TEXT NOT NULL,
    PRIMARY KEY (facility, patient_no),
    UNIQUE (facility, patient_no, network_id)
);

CREATE TABLE consent (
    seq         INTEGER PRIMARY KEY AUTOINCREMENT,
    version     INTEGER NOT NULL REFERENCES consent_change (version),
    sha256      TEXT    NOT NULL UNIQUE,
    network_id  TEXT    NOT NULL,
    facility    TEXT    NOT NULL,
    patient_no  TEXT    NOT NULL,
    community   TEXT    NOT NULL,
    viewers     TEXT    NOT NULL,
    kinds       TEXT    NOT NULL,
    purposes    TEXT    NOT NULL,
    state       TEXT    NOT NULL,
    valid_from  TEXT    NOT NULL,
    valid_until TEXT,
    form        TEXT    NOT NULL,
    evidence    TEXT    NOT NULL,
    entered_by  TEXT    NOT NULL,
    FOREIGN KEY (facility, patient_no, network_id)
        REFERENCES consent_person (facility, patient_no, network_id)
);
CREATE INDEX consent_by_person ON consent (network_id);

-- Random ids of our authority handed out in an emergency (decisions C4).
CREATE TABLE emergency_id (
    id         TEXT    PRIMARY KEY,
    community  TEXT    NOT NULL,
    facility   TEXT    NOT NULL,
    patient_no TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX emergency_id_by_expiry ON emergency_id (expires_at);
