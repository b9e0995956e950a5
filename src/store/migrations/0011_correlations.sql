-- Ids of a person at other networks, learned by a look-up and remembered as long as they allow it.
CREATE TABLE correlation (
    network_id TEXT NOT NULL,
    community  TEXT NOT NULL,
    authority  TEXT NOT NULL,
    value      TEXT NOT NULL,
    at_us      BIGINT NOT NULL,
    until_us   BIGINT NOT NULL,
    PRIMARY KEY (network_id, community, authority, value)
) WITHOUT ROWID;
CREATE INDEX correlation_until ON correlation (until_us);
