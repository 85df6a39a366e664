-- The ledger. Times are milliseconds since the epoch, UTC; ids are the 16 bytes behind their prefix.
-- The CHECKs repeat the domain's enums: a row that no state describes cannot be written.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE shops (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    id         BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    subdomain  TEXT NOT NULL UNIQUE,
    name       TEXT,
    dev        INTEGER NOT NULL CHECK (dev IN (0, 1)),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE admin_keys (
    id           BLOB PRIMARY KEY CHECK (length(id) = 16),
    shop         INTEGER NOT NULL REFERENCES shops (seq),
    hash         BLOB NOT NULL UNIQUE CHECK (length(hash) = 32),
    prefix       TEXT NOT NULL,
    name         TEXT,
    may_read     INTEGER NOT NULL CHECK (may_read IN (0, 1)),
    may_write    INTEGER NOT NULL CHECK (may_write IN (0, 1)),
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at   INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX admin_keys_of_shop ON admin_keys (shop, id) WHERE revoked_at IS NULL;

CREATE TABLE webhooks (
    -- The lane: AUTOINCREMENT, so that a number is never used twice.
    seq            INTEGER PRIMARY KEY AUTOINCREMENT,
    id             BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    shop           INTEGER NOT NULL REFERENCES shops (seq),
    name           TEXT,
    url            TEXT NOT NULL,
    url_normalised TEXT NOT NULL,
    events         TEXT NOT NULL CHECK (json_valid(events)),
    enabled        INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    enabled_at     INTEGER NOT NULL,
    -- Sealed with the encryption key; erased when draining ends.
    secret         BLOB,
    replaced       BLOB,
    active_from    INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    deleted_at     INTEGER,
    drain_ends_at  INTEGER,
    drained        INTEGER NOT NULL DEFAULT 0 CHECK (drained IN (0, 1)),
    CONSTRAINT deleted_webhooks_drain CHECK ((deleted_at IS NULL) = (drain_ends_at IS NULL)),
    CONSTRAINT living_webhooks_have_a_secret CHECK (secret IS NOT NULL OR deleted_at IS NOT NULL),
    CONSTRAINT only_deleted_webhooks_are_drained CHECK (drained = 0 OR deleted_at IS NOT NULL)
) STRICT;
CREATE UNIQUE INDEX webhooks_of_shop_by_url ON webhooks (shop, url_normalised) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_of_shop ON webhooks (shop, id) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_draining ON webhooks (drain_ends_at) WHERE deleted_at IS NOT NULL AND drained = 0;

-- Apart from webhooks, because they change with every settlement and the rest hardly ever does.
CREATE TABLE webhook_counters (
    webhook          INTEGER PRIMARY KEY,
    failure_count    INTEGER NOT NULL DEFAULT 0,
    last_delivery_at INTEGER
) STRICT;

-- What charts and health read: attempts by outcome and response time, per webhook and hour.
CREATE TABLE webhook_hours (
    webhook   INTEGER NOT NULL,
    hour      INTEGER NOT NULL,
    succeeded INTEGER NOT NULL,
    failed    INTEGER NOT NULL,
    dropped   INTEGER NOT NULL,
    le_10     INTEGER NOT NULL,
    le_25     INTEGER NOT NULL,
    le_50     INTEGER NOT NULL,
    le_100    INTEGER NOT NULL,
    le_250    INTEGER NOT NULL,
    le_500    INTEGER NOT NULL,
    le_1000   INTEGER NOT NULL,
    le_2500   INTEGER NOT NULL,
    le_5000   INTEGER NOT NULL,
    le_10000  INTEGER NOT NULL,
    beyond    INTEGER NOT NULL,
    PRIMARY KEY (webhook, hour)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq         INTEGER PRIMARY KEY,
    shop        INTEGER NOT NULL,
    id          TEXT NOT NULL,
    kind        TEXT NOT NULL,
    subdomain   TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    -- When the newest of its deliveries was made: a redelivery needs the body once more.
    needed_at   INTEGER NOT NULL,
    deliveries  INTEGER NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    -- The bytes a receiver gets; none where no webhook wanted the event.
    envelope    BLOB,
    CONSTRAINT wanted_events_have_a_body CHECK ((envelope IS NULL) = (deliveries = 0))
) STRICT;
CREATE UNIQUE INDEX events_by_publisher_id ON events (shop, id);

CREATE TABLE deliveries (
    seq           INTEGER PRIMARY KEY,
    id            BLOB NOT NULL CHECK (length(id) = 16),
    webhook       INTEGER NOT NULL,
    event         INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    status        INTEGER NOT NULL CHECK (status IN (0, 1, 2, 3)), -- pending, succeeded, failed, dropped
    due           INTEGER,
    entry         INTEGER NOT NULL,
    client_error  INTEGER NOT NULL CHECK (client_error IN (0, 1)),
    test          INTEGER NOT NULL CHECK (test IN (0, 1)),
    redelivery_of BLOB,
    lease_until   INTEGER,
    lease_epoch   INTEGER NOT NULL,
    drop_reason   INTEGER,
    attempts      INTEGER NOT NULL,
    -- The last attempt; earlier ones are in the attempts table.
    started_at    INTEGER,
    ended_at      INTEGER,
    duration_ms   INTEGER,
    response_code INTEGER,
    error         TEXT,
    final_host    TEXT,
    response_body TEXT,
    CONSTRAINT due_exactly_while_undecided CHECK ((due IS NOT NULL) = (status IN (0, 2))),
    CONSTRAINT leased_only_while_due CHECK (lease_until IS NULL OR due IS NOT NULL),
    CONSTRAINT reason_exactly_when_dropped CHECK ((drop_reason IS NOT NULL) = (status = 3)),
    CONSTRAINT last_attempt_exactly_when_attempted CHECK ((ended_at IS NOT NULL) = (attempts > 0)),
    CONSTRAINT pending_until_attempted CHECK (status <> 0 OR attempts = 0),
    CONSTRAINT attempted_when_answered CHECK (status NOT IN (1, 2) OR attempts > 0)
) STRICT;
CREATE UNIQUE INDEX deliveries_of_webhook ON deliveries (webhook, id);
CREATE INDEX deliveries_by_status ON deliveries (webhook, status, id);
-- What waits, lane by lane. A delivery handed straight to dispatch is born leased and never enters.
CREATE INDEX deliveries_waiting ON deliveries (webhook, due, created_at)
    WHERE due IS NOT NULL AND lease_until IS NULL;
-- Test events go even where the lane is held; they are few.
CREATE INDEX deliveries_waiting_tests ON deliveries (webhook)
    WHERE test = 1 AND due IS NOT NULL AND lease_until IS NULL;
CREATE INDEX deliveries_leased ON deliveries (lease_until) WHERE lease_until IS NOT NULL;

CREATE TABLE attempts (
    delivery      INTEGER NOT NULL,
    number        INTEGER NOT NULL,
    started_at    INTEGER NOT NULL,
    ended_at      INTEGER NOT NULL,
    duration_ms   INTEGER NOT NULL,
    response_code INTEGER,
    error         TEXT,
    final_host    TEXT NOT NULL,
    response_body TEXT,
    PRIMARY KEY (delivery, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE redelivery_jobs (
    seq         INTEGER PRIMARY KEY,
    id          BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    webhook     INTEGER NOT NULL,
    since       INTEGER NOT NULL,
    until       INTEGER NOT NULL,
    status      INTEGER NOT NULL CHECK (status IN (0, 1, 2, 3)),
    matched     INTEGER NOT NULL,
    processed   INTEGER NOT NULL,
    -- The id of the last delivery taken; the next step goes on behind it.
    position    BLOB NOT NULL CHECK (length(position) = 16),
    created_at  INTEGER NOT NULL,
    finished_at INTEGER
) STRICT;
CREATE UNIQUE INDEX redelivery_jobs_running ON redelivery_jobs (webhook) WHERE finished_at IS NULL;
