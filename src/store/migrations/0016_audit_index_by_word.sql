-- The audit index in less room. It is emptied here and fills itself from the log again; until it has, a
-- search reads from the log what the index does not hold yet.
DROP TABLE audit_document;
DROP TABLE audit_patient;
DROP TABLE audit_event;
DELETE FROM audit_index_position;

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
    content           BLOB NOT NULL    -- patients and documents, CBOR (src/store/audit_content.rs)
);
CREATE INDEX audit_event_at ON audit_event (at_micros);
CREATE INDEX audit_event_emergency ON audit_event (sequence) WHERE emergency;
CREATE INDEX audit_event_more_attributes ON audit_event (sequence) WHERE more_attributes;

-- The words of an event (src/store/audit_words.rs): a letter and a checksum for its request and each of
-- its patients and documents, by its sequence. Such keys come in no order: rows of a table would each
-- write a page of their own, while this is written in runs that are merged as they grow.
CREATE VIRTUAL TABLE audit_word USING fts5 (words, content = '', columnsize = 0, detail = none, tokenize = 'ascii');
