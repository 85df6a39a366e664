-- The panel: one-time links and sessions, both only ever by the hash of their token.

CREATE TABLE panel_links (
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    shop       bigint NOT NULL REFERENCES shops (seq),
    may_read   boolean NOT NULL,
    may_write  boolean NOT NULL,
    may_keys   boolean NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX panel_links_of_shop ON panel_links (shop);
CREATE INDEX panel_links_by_end ON panel_links (expires_at);

CREATE TABLE panel_sessions (
    hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
    shop       bigint NOT NULL REFERENCES shops (seq),
    may_read   boolean NOT NULL,
    may_write  boolean NOT NULL,
    may_keys   boolean NOT NULL,
    expires_at bigint NOT NULL
);
CREATE INDEX panel_sessions_of_shop ON panel_sessions (shop);
CREATE INDEX panel_sessions_by_end ON panel_sessions (expires_at);
