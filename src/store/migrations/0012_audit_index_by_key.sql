-- What finds an event by patient and document, in the order of its key alone: each row is written once.
CREATE TABLE audit_patient_by_key (
    cx       TEXT NOT NULL,
    value    TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    PRIMARY KEY (cx, sequence)
) WITHOUT ROWID;
INSERT INTO audit_patient_by_key SELECT cx, value, sequence FROM audit_patient;
DROP TABLE audit_patient;
ALTER TABLE audit_patient_by_key RENAME TO audit_patient;
CREATE INDEX audit_patient_value ON audit_patient (value, sequence);

CREATE TABLE audit_document_by_key (
    unique_id TEXT NOT NULL,
    sequence  BIGINT NOT NULL,
    PRIMARY KEY (unique_id, sequence)
) WITHOUT ROWID;
INSERT INTO audit_document_by_key SELECT unique_id, sequence FROM audit_document;
DROP TABLE audit_document;
ALTER TABLE audit_document_by_key RENAME TO audit_document;
