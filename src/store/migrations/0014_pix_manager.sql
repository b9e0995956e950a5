-- What a correlation rests on, and what the network's own PIX manager is told of it (ITI-44).
-- The ids at home, CX in JSON, that were one person's when it was learned; none where no manager said so.
ALTER TABLE correlation ADD COLUMN rests_on TEXT NOT NULL DEFAULT '[]';

-- The ids of other networks that the manager has been told, or is about to be told in the order of `feed`.
CREATE TABLE fed (
    authority  TEXT   NOT NULL,
    value      TEXT   NOT NULL,
    network_id TEXT   NOT NULL,
    community  TEXT   NOT NULL,
    person     TEXT   NOT NULL,    -- name, birth date and sex it was told with, JSON
    until_us   BIGINT NOT NULL,
    PRIMARY KEY (authority, value)
) WITHOUT ROWID;
CREATE INDEX fed_person ON fed (network_id, community);
CREATE INDEX fed_until ON fed (until_us);

-- What it has not acknowledged yet; gone once it has.
CREATE TABLE feed (
    position   INTEGER PRIMARY KEY AUTOINCREMENT,
    change     TEXT    NOT NULL,   -- added, revised, merged, ended
    authority  TEXT    NOT NULL,
    value      TEXT    NOT NULL,
    subsumed   TEXT    NOT NULL,   -- the id of the same authority that is given up, or nothing
    network_id TEXT    NOT NULL,
    person     TEXT    NOT NULL,
    message    TEXT    NOT NULL,   -- the same however often it is sent
    at_us      BIGINT  NOT NULL,
    attempts   INTEGER NOT NULL,
    next_us    BIGINT  NOT NULL
);
CREATE INDEX feed_person ON feed (network_id, position);
CREATE INDEX feed_id ON feed (authority, value, position);
