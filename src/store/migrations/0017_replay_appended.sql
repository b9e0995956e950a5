-- What was taken is known in memory and only added here, so that a message costs one page and one sync.
-- A row tells what is known of a message and of its assertion from then on; a later one replaces what an
-- earlier one told of the same. Read as a whole when the broker starts, hence no index.
CREATE TABLE replay_taken (
    id       INTEGER PRIMARY KEY,
    until_us INTEGER NOT NULL,     -- microseconds since 1970; the row tells nothing after that
    taken    BLOB NOT NULL         -- 105 bytes, as src/store/replay_cache/record.rs writes them
);

-- A broker that is updated forgets nothing. Keys and hashes are cut to 16 bytes, numbers are 8 bytes, the
-- highest first; what a row does not tell of is 0.
INSERT INTO replay_taken (until_us, taken)
SELECT until_us, CAST(
    substr(key, 1, 16) || substr(system, 1, 16) || substr(body, 1, 16)
    || unhex(printf('%016llx', first_us)) || unhex(printf('%016llx', until_us))
    || unhex(printf('%02llx', attempt)) || zeroblob(16 + 16 + 8) AS BLOB)
FROM replay_message ORDER BY first_us;
INSERT INTO replay_taken (until_us, taken)
SELECT until_us, CAST(
    substr(message, 1, 16) || substr(system, 1, 16) || zeroblob(16 + 8 + 8 + 1)
    || substr(key, 1, 16) || substr(message, 1, 16)
    || unhex(printf('%016llx', until_us)) AS BLOB)
FROM replay_assertion;

DROP TABLE replay_message;
DROP TABLE replay_assertion;
DROP TABLE replay_size;
