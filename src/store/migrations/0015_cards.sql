-- What another network calls a person, as their card says (CX), with its first and last day, YYYY-MM-DD.
ALTER TABLE consent ADD COLUMN card TEXT;
ALTER TABLE consent ADD COLUMN card_from TEXT;
ALTER TABLE consent ADD COLUMN card_until TEXT;
CREATE INDEX consent_by_card ON consent (card) WHERE card IS NOT NULL;

-- Whether a correlation stands on a card and not on a look-up: with the card ends what was shown with it.
ALTER TABLE correlation ADD COLUMN card INTEGER NOT NULL DEFAULT 0;
CREATE INDEX correlation_by_id ON correlation (community, authority, value);

-- Cards under which their network no longer knows the person: not asked with again, unless entered anew.
CREATE TABLE card_given_up (
    network_id TEXT NOT NULL,
    community  TEXT NOT NULL,
    authority  TEXT NOT NULL,
    value      TEXT NOT NULL,
    PRIMARY KEY (network_id, community, authority, value)
) WITHOUT ROWID;
