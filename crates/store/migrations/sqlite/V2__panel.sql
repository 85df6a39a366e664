-- The panel: one-time links, sessions (both only ever by the hash of their token), and how it searches.

CREATE TABLE panel_links (
    hash         BLOB PRIMARY KEY CHECK (length(hash) = 32),
    shop         INTEGER NOT NULL REFERENCES shops (seq),
    may_read     INTEGER NOT NULL CHECK (may_read IN (0, 1)),
    may_write    INTEGER NOT NULL CHECK (may_write IN (0, 1)),
    may_keys     INTEGER NOT NULL CHECK (may_keys IN (0, 1)),
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX panel_links_of_shop ON panel_links (shop);
CREATE INDEX panel_links_by_end ON panel_links (expires_at);

CREATE TABLE panel_sessions (
    hash         BLOB PRIMARY KEY CHECK (length(hash) = 32),
    shop         INTEGER NOT NULL REFERENCES shops (seq),
    may_read     INTEGER NOT NULL CHECK (may_read IN (0, 1)),
    may_write    INTEGER NOT NULL CHECK (may_write IN (0, 1)),
    may_keys     INTEGER NOT NULL CHECK (may_keys IN (0, 1)),
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX panel_sessions_of_shop ON panel_sessions (shop);
CREATE INDEX panel_sessions_by_end ON panel_sessions (expires_at);

-- An event's first deliveries are found by its moment; only those made anew later need a way of their own.
CREATE INDEX deliveries_made_anew ON deliveries (event) WHERE redelivery_of IS NOT NULL;
