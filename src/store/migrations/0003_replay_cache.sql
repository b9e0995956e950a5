-- Messages taken and assertions shown (docs/architecture.md). Keys are SHA-256, so that no peer
-- decides how long a row is; times are microseconds since 1970.
CREATE TABLE replay_message (
    key      BLOB PRIMARY KEY,     -- of TLS identity and wsa:MessageID
    system   BLOB NOT NULL,        -- of the TLS identity
    body     BLOB NOT NULL,        -- SHA-256 of the root part
    first_us INTEGER NOT NULL,
    until_us INTEGER NOT NULL,
    attempt  INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX replay_message_until ON replay_message (until_us);

CREATE TABLE replay_assertion (
    key      BLOB PRIMARY KEY,     -- of issuer and assertion ID
    system   BLOB NOT NULL,        -- of the TLS identity that first showed it
    message  BLOB NOT NULL,        -- the message it was first shown with
    until_us INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX replay_assertion_until ON replay_assertion (until_us);

-- Rows held per system, so that the cap costs no scan and no system takes another's room.
CREATE TABLE replay_size (
    system BLOB NOT NULL,
    kind   TEXT NOT NULL,
    held   INTEGER NOT NULL,
    PRIMARY KEY (system, kind)
) WITHOUT ROWID;
CREATE TRIGGER replay_message_in AFTER INSERT ON replay_message BEGIN
    INSERT INTO replay_size VALUES (new.system, 'message', 1) ON CONFLICT DO UPDATE SET held = held + 1;
END;
CREATE TRIGGER replay_message_out AFTER DELETE ON replay_message BEGIN
    UPDATE replay_size SET held = held - 1 WHERE system = old.system AND kind = 'message';
END;
CREATE TRIGGER replay_assertion_in AFTER INSERT ON replay_assertion BEGIN
    INSERT INTO replay_size VALUES (new.system, 'assertion', 1) ON CONFLICT DO UPDATE SET held = held + 1;
END;
CREATE TRIGGER replay_assertion_out AFTER DELETE ON replay_assertion BEGIN
    UPDATE replay_size SET held = held - 1 WHERE system = old.system AND kind = 'assertion';
END;
CREATE TRIGGER replay_assertion_moved AFTER UPDATE OF system ON replay_assertion BEGIN
    UPDATE replay_size SET held = held - 1 WHERE system = old.system AND kind = 'assertion';
    INSERT INTO replay_size VALUES (new.system, 'assertion', 1) ON CONFLICT DO UPDATE SET held = held + 1;
END;
