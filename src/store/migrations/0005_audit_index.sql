-- An index of the audit log, filled behind its writer. Everything here can be rebuilt from the log.
CREATE TABLE audit_event (
    sequence          INTEGER PRIMARY KEY,
    at_micros         BIGINT NOT NULL,
    kind              TEXT NOT NULL,
    ending            TEXT NOT NULL,
    request           TEXT NOT NULL,
    side              TEXT NOT NULL,
    transaction_name  TEXT NOT NULL,
    operation         TEXT NOT NULL,
    system            TEXT NOT NULL,
    community         TEXT NOT NULL,
    organization      TEXT NOT NULL,
    organization_name TEXT NOT NULL,
    person            TEXT NOT NULL,
    person_name       TEXT NOT NULL,
    roles             TEXT NOT NULL,
    purpose           TEXT NOT NULL,
    shown             BIGINT NOT NULL,
    withheld          BIGINT NOT NULL,
    bytes             BIGINT,
    emergency         BOOLEAN NOT NULL,
    more_attributes   BOOLEAN NOT NULL,
    closes            BIGINT,
    replaces          BIGINT,
    count             BIGINT NOT NULL,
    patients          TEXT NOT NULL,
    documents         TEXT NOT NULL
);
CREATE INDEX audit_event_at ON audit_event (at_micros);
CREATE INDEX audit_event_request ON audit_event (request);
CREATE INDEX audit_event_person ON audit_event (person);
CREATE INDEX audit_event_emergency ON audit_event (sequence) WHERE emergency;
CREATE INDEX audit_event_more_attributes ON audit_event (sequence) WHERE more_attributes;

CREATE TABLE audit_patient (
    cx       TEXT NOT NULL,
    value    TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (cx, sequence)
);
CREATE INDEX audit_patient_value ON audit_patient (value, sequence);

CREATE TABLE audit_document (
    unique_id TEXT NOT NULL,
    sequence  BIGINT NOT NULL,
    PRIMARY KEY (unique_id, sequence)
);

-- Up to where the log has been taken in, and the hash of the last record taken in.
CREATE TABLE audit_index_position (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    next     BIGINT NOT NULL,
    segment  TEXT NOT NULL,
    at_bytes BIGINT NOT NULL,
    hash     BLOB NOT NULL
);
