-- The ledger on PostgreSQL. Times are milliseconds since the epoch, UTC, but for leases, which go by this
-- database's clock alone. Ids are the 16 bytes behind their prefix. Whatever grows with traffic names its shop,
-- so that it can be spread by it.

CREATE TABLE meta (
    key   text PRIMARY KEY,
    value bytea NOT NULL
);

-- The oldest schema version whose program may serve this database: raised by a migration that takes something away.
INSERT INTO meta (key, value) VALUES ('served_from', '1');

-- Tells nodes apart; a number is never used twice.
CREATE SEQUENCE nodes AS integer;

CREATE TABLE shops (
    seq        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         uuid NOT NULL UNIQUE,
    subdomain  text NOT NULL UNIQUE,
    name       text,
    dev        boolean NOT NULL,
    created_at bigint NOT NULL
);

CREATE TABLE admin_keys (
    id           uuid PRIMARY KEY,
    shop         bigint NOT NULL REFERENCES shops (seq),
    hash         bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    prefix       text NOT NULL,
    name         text,
    may_read     boolean NOT NULL,
    may_write    boolean NOT NULL,
    created_at   bigint NOT NULL,
    last_used_at bigint,
    revoked_at   bigint
);
CREATE INDEX admin_keys_of_shop ON admin_keys (shop, id) WHERE revoked_at IS NULL;

-- Requests per admin key, counted by all nodes together. Neither is worth a log record: after a crash counting
-- begins anew. The n-th request is taken if the one `most` before it lies a window back, and takes its place.
CREATE UNLOGGED TABLE request_turns (
    key  uuid PRIMARY KEY,
    -- Whose place is next, and when the last one was taken.
    turn integer NOT NULL,
    at   bigint NOT NULL
) WITH (fillfactor = 50);
CREATE UNLOGGED TABLE request_places (
    key   uuid NOT NULL,
    place integer NOT NULL,
    at    bigint NOT NULL,
    PRIMARY KEY (key, place)
) WITH (fillfactor = 70);

-- Null where the request is taken, else the moment from which one will be.
CREATE FUNCTION take_request(of_key uuid, now_ms bigint, most integer, window_ms bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    next_turn integer;
    before    bigint;
BEGIN
    INSERT INTO request_turns (key, turn, at) VALUES (of_key, 0, now_ms) ON CONFLICT (key) DO NOTHING;
    SELECT turn, at INTO next_turn, before FROM request_turns WHERE key = of_key FOR UPDATE;
    -- Who was silent for a window begins anew, so that a key has no more places than it needed at once.
    IF before <= now_ms - window_ms THEN
        DELETE FROM request_places WHERE key = of_key;
        next_turn := 0;
    END IF;
    SELECT at INTO before FROM request_places WHERE key = of_key AND place = next_turn;
    -- One that lies far ahead was taken before the clock was set back; nodes' clocks may differ a little.
    IF before > now_ms - window_ms AND before <= now_ms + 5000 THEN
        RETURN before + window_ms;
    END IF;
    INSERT INTO request_places (key, place, at) VALUES (of_key, next_turn, now_ms)
        ON CONFLICT (key, place) DO UPDATE SET at = EXCLUDED.at;
    UPDATE request_turns SET turn = (next_turn + 1) % most, at = now_ms WHERE key = of_key;
    RETURN NULL;
END
$$;

CREATE TABLE webhooks (
    -- The lane: a number is never used twice.
    seq            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id             uuid NOT NULL UNIQUE,
    shop           bigint NOT NULL REFERENCES shops (seq),
    name           text,
    url            text NOT NULL,
    url_normalised text NOT NULL,
    events         text[] NOT NULL,
    enabled        boolean NOT NULL,
    enabled_at     bigint NOT NULL,
    -- Sealed with the encryption key; erased when draining ends.
    secret         bytea,
    replaced       bytea,
    active_from    bigint NOT NULL,
    created_at     bigint NOT NULL,
    deleted_at     bigint,
    drain_ends_at  bigint,
    drained        boolean NOT NULL DEFAULT false,
    CONSTRAINT deleted_webhooks_drain CHECK ((deleted_at IS NULL) = (drain_ends_at IS NULL)),
    CONSTRAINT living_webhooks_have_a_secret CHECK (secret IS NOT NULL OR deleted_at IS NOT NULL),
    CONSTRAINT only_deleted_webhooks_are_drained CHECK (NOT drained OR deleted_at IS NOT NULL)
);
CREATE UNIQUE INDEX webhooks_of_shop_by_url ON webhooks (shop, url_normalised) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_of_shop ON webhooks (shop, id) WHERE deleted_at IS NULL;
CREATE INDEX webhooks_draining ON webhooks (drain_ends_at) WHERE deleted_at IS NOT NULL AND NOT drained;

-- Apart from webhooks, because they change with every settlement and the rest hardly ever does. Half of each
-- page is left free, so that a new version finds room beside the old one and no index is written to.
CREATE TABLE webhook_counters (
    webhook          bigint PRIMARY KEY,
    shop             bigint NOT NULL,
    failure_count    bigint NOT NULL,
    -- Whether the settlements written last began with a success: says whether theirs are added or stand alone.
    cleared          boolean NOT NULL DEFAULT false,
    last_delivery_at bigint
) WITH (fillfactor = 50);

-- What charts and health read: attempts by outcome and response time, per webhook and hour.
CREATE TABLE webhook_hours (
    webhook   bigint NOT NULL,
    hour      bigint NOT NULL,
    shop      bigint NOT NULL,
    succeeded bigint NOT NULL,
    failed    bigint NOT NULL,
    dropped   bigint NOT NULL,
    le_10     bigint NOT NULL,
    le_25     bigint NOT NULL,
    le_50     bigint NOT NULL,
    le_100    bigint NOT NULL,
    le_250    bigint NOT NULL,
    le_500    bigint NOT NULL,
    le_1000   bigint NOT NULL,
    le_2500   bigint NOT NULL,
    le_5000   bigint NOT NULL,
    le_10000  bigint NOT NULL,
    beyond    bigint NOT NULL,
    PRIMARY KEY (webhook, hour)
) WITH (fillfactor = 50);
CREATE INDEX webhook_hours_by_hour ON webhook_hours (hour);

-- Publishers' ids, each once in its shop whatever its day: partitions could not promise that.
CREATE TABLE event_ids (
    shop        bigint NOT NULL,
    id          text COLLATE "C" NOT NULL,
    -- The event's key: the id of the first delivery made of it, so its first 48 bits are the moment it came.
    event       uuid NOT NULL,
    -- When the newest of its deliveries was made.
    needed_at   bigint NOT NULL,
    deliveries  integer NOT NULL,
    fingerprint bytea NOT NULL CHECK (octet_length(fingerprint) = 32),
    PRIMARY KEY (shop, id)
);
CREATE INDEX event_ids_by_need ON event_ids (needed_at);

-- Three tables that are cut by day and dropped a day at a time. Their partitions are made ahead; there is none
-- by default, because a row in it would stand in the way of the one made later.

-- What is sent. An event lies in the partition of every delivery's day that points to it: redelivered on another
-- day it is copied there, under the new delivery's id.
CREATE TABLE events (
    id        uuid NOT NULL,
    shop      bigint NOT NULL,
    name      text NOT NULL,
    kind      text NOT NULL,
    subdomain text NOT NULL,
    envelope  bytea NOT NULL
) PARTITION BY RANGE (id);
CREATE INDEX events_by_id ON events (id);

-- Deliveries that are decided: written once, never changed.
CREATE TABLE history (
    id            uuid NOT NULL,
    shop          bigint NOT NULL,
    webhook       bigint NOT NULL,
    event         uuid NOT NULL,
    status        smallint NOT NULL CHECK (status IN (1, 3)), -- succeeded, dropped
    test          boolean NOT NULL,
    redelivery_of uuid,
    -- Of one made anew, its event's first key.
    origin        uuid,
    drop_reason   smallint,
    attempts      integer NOT NULL,
    -- The last attempt; earlier ones are in the attempts table.
    started_at    bigint,
    ended_at      bigint,
    duration_ms   bigint,
    response_code integer,
    error         text,
    final_host    text,
    response_body bytea,
    CONSTRAINT reason_exactly_when_dropped CHECK ((drop_reason IS NOT NULL) = (status = 3)),
    CONSTRAINT last_attempt_exactly_when_attempted CHECK ((ended_at IS NOT NULL) = (attempts > 0)),
    CONSTRAINT attempted_when_succeeded CHECK (status <> 1 OR attempts > 0),
    CONSTRAINT made_anew_of_an_event CHECK ((redelivery_of IS NULL) = (origin IS NULL))
) PARTITION BY RANGE (id);
-- Every way to a webhook's deliveries but one: by status, newest last, and so by id alone in two stretches.
CREATE INDEX history_of_webhook ON history (webhook, status, id);
CREATE INDEX history_made_anew ON history (origin, webhook, id) WHERE origin IS NOT NULL;

-- Attempts before the last one.
CREATE TABLE attempts (
    delivery      uuid NOT NULL,
    number        integer NOT NULL,
    shop          bigint NOT NULL,
    started_at    bigint NOT NULL,
    ended_at      bigint NOT NULL,
    duration_ms   bigint NOT NULL,
    response_code integer,
    error         text,
    final_host    text NOT NULL,
    response_body bytea
) PARTITION BY RANGE (delivery);
CREATE INDEX attempts_of_delivery ON attempts (delivery, number);

-- Deliveries that are not decided yet. Every one of them comes and goes, so this table is all churn: it is
-- vacuumed when some thousands of rows have died, whatever its size, and without pauses, because what is dead
-- stands before what is due; its statistics follow as fast, because it grows from nothing to millions and back.
CREATE TABLE queue (
    id            uuid NOT NULL,
    shop          bigint NOT NULL,
    webhook       bigint NOT NULL,
    event         uuid NOT NULL,
    status        smallint NOT NULL CHECK (status IN (0, 2)), -- pending, failed
    due           bigint NOT NULL,
    -- Whether it waits for a moment of its own, as retries do; others are due when they are made.
    put_off       boolean NOT NULL,
    entry         smallint NOT NULL,
    client_error  boolean NOT NULL,
    test          boolean NOT NULL,
    redelivery_of uuid,
    origin        uuid,
    -- Who works on it, until when, and which claim that is; without `lease_until` nobody does.
    owner         integer,
    lease_until   timestamptz,
    epoch         bigint NOT NULL,
    attempts      integer NOT NULL,
    started_at    bigint,
    ended_at      bigint,
    duration_ms   bigint,
    response_code integer,
    error         text,
    final_host    text,
    response_body bytea,
    PRIMARY KEY (id),
    CONSTRAINT leased_by_somebody CHECK (lease_until IS NULL OR owner IS NOT NULL),
    CONSTRAINT last_attempt_exactly_when_attempted CHECK ((ended_at IS NOT NULL) = (attempts > 0)),
    CONSTRAINT failed_when_attempted CHECK ((status = 2) = (attempts > 0)),
    CONSTRAINT retries_are_put_off CHECK (status = 0 OR put_off),
    CONSTRAINT made_anew_of_an_event CHECK ((redelivery_of IS NULL) = (origin IS NULL))
) WITH (
    autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_analyze_threshold = 5000, autovacuum_analyze_scale_factor = 0.05,
    autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX queue_of_webhook ON queue (webhook, status, id);
-- What waits, lane by lane. A delivery handed straight to dispatch is born leased and never enters.
CREATE INDEX queue_waiting ON queue (webhook, put_off, due) WHERE lease_until IS NULL;
-- Test events go even where the lane is held; they are few.
CREATE INDEX queue_waiting_tests ON queue (webhook, due) WHERE test AND lease_until IS NULL;
CREATE INDEX queue_leased ON queue (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX queue_made_anew ON queue (origin, webhook, id) WHERE origin IS NOT NULL;

-- One row per webhook and second of traffic at most is written over and over: the same goes for these.
ALTER TABLE webhook_counters SET (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0);
ALTER TABLE webhook_hours SET (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_cost_delay = 0);

CREATE TABLE redelivery_jobs (
    seq         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id          uuid NOT NULL UNIQUE,
    shop        bigint NOT NULL,
    webhook     bigint NOT NULL,
    since       bigint NOT NULL,
    until       bigint NOT NULL,
    status      smallint NOT NULL CHECK (status BETWEEN 0 AND 3),
    matched     integer NOT NULL,
    processed   integer NOT NULL,
    -- The id of the last delivery taken; the next step goes on behind it.
    position    uuid NOT NULL,
    created_at  bigint NOT NULL,
    finished_at bigint
);
CREATE UNIQUE INDEX redelivery_jobs_running ON redelivery_jobs (webhook) WHERE finished_at IS NULL;
CREATE INDEX redelivery_jobs_in_turn ON redelivery_jobs (seq) WHERE finished_at IS NULL;
CREATE INDEX redelivery_jobs_ended ON redelivery_jobs (finished_at) WHERE finished_at IS NOT NULL;
