-- Whom each person has asked about within 30 days (docs/architecture.md, "Budgets"). A subject is the
-- first 8 bytes of an HMAC-SHA256 under the secret `budgets`: no row tells a patient. Times are
-- microseconds since 1970.
CREATE TABLE asker (
    id           INTEGER PRIMARY KEY,
    system       TEXT NOT NULL,
    organization TEXT NOT NULL,
    issuer       TEXT NOT NULL,
    person       TEXT NOT NULL,
    UNIQUE (system, organization, issuer, person)
);

CREATE TABLE asked (
    asker   INTEGER NOT NULL REFERENCES asker (id),
    subject BLOB    NOT NULL,
    at_us   INTEGER NOT NULL,
    kind    INTEGER NOT NULL,    -- 1 nobody was found, 2 another name of one that counts, 4 over a budget
    PRIMARY KEY (asker, subject)
) WITHOUT ROWID;
CREATE INDEX asked_at ON asked (at_us);
