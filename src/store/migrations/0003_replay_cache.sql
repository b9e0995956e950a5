-- Messages taken and assertions shown (docs/architecture.md). Keys are SHA-256, so that no peer
-- decides how long a row is; times are microseconds since 1970.
CREATE TABLE replay_message (
    key      BLOB PRIMARY KEY,     -- of TLS identity and wsa:MessageID
    body     BLOB NOT NULL,        -- SHA-256 of the root part
    first_us INTEGER NOT NULL,
    until_us INTEGER NOT NULL,
    attempt  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX replay_message_until ON replay_message (until_us);

CREATE TABLE replay_assertion (
    key      BLOB PRIMARY KEY,     -- of issuer and assertion ID
    system   BLOB NOT NULL,        -- SHA-256 of the TLS identity that first showed it
    message  BLOB NOT NULL,        -- the message it was first shown with
    until_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX replay_assertion_until ON replay_assertion (until_us);

-- Row counts, so that the cap costs no scan.
CREATE TABLE replay_size (
    name TEXT PRIMARY KEY,
    held INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO replay_size VALUES ('assertion', 0), ('message', 0);
CREATE TRIGGER replay_message_in AFTER INSERT ON replay_message BEGIN
    UPDATE replay_size SET held = held + 1 WHERE name = 'message';
END;
CREATE TRIGGER replay_message_out AFTER DELETE ON replay_message BEGIN
    UPDATE replay_size SET held = held - 1 WHERE name = 'message';
END;
CREATE TRIGGER replay_assertion_in AFTER INSERT ON replay_assertion BEGIN
    UPDATE replay_size SET held = held + 1 WHERE name = 'assertion';
END;
CREATE TRIGGER replay_assertion_out AFTER DELETE ON replay_assertion BEGIN
    UPDATE replay_size SET held = held - 1 WHERE name = 'assertion';
END;
