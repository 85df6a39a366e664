-- Leases end with the process that holds them, so it keeps them in memory; and each delivery is in the fewest
-- indexes that its state needs, because every one of them is written to at every change.

CREATE TABLE deliveries_anew (
    seq           INTEGER PRIMARY KEY,
    id            BLOB NOT NULL CHECK (length(id) = 16),
    webhook       INTEGER NOT NULL,
    event         INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    status        INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3), -- pending, succeeded, failed, dropped
    due           INTEGER,
    entry         INTEGER NOT NULL,
    client_error  INTEGER NOT NULL CHECK (client_error IN (0, 1)),
    test          INTEGER NOT NULL CHECK (test IN (0, 1)),
    redelivery_of BLOB,
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
    CONSTRAINT reason_exactly_when_dropped CHECK ((drop_reason IS NOT NULL) = (status = 3)),
    CONSTRAINT last_attempt_exactly_when_attempted CHECK ((ended_at IS NOT NULL) = (attempts > 0)),
    CONSTRAINT pending_until_attempted CHECK (status <> 0 OR attempts = 0),
    CONSTRAINT attempted_when_answered CHECK (status NOT IN (1, 2) OR attempts > 0)
) STRICT;

INSERT INTO deliveries_anew
SELECT seq, id, webhook, event, created_at, status, due, entry, client_error, test, redelivery_of, drop_reason,
       attempts, started_at, ended_at, duration_ms, response_code, error, final_host, response_body
FROM deliveries ORDER BY seq;
DROP TABLE deliveries;
ALTER TABLE deliveries_anew RENAME TO deliveries;

CREATE UNIQUE INDEX deliveries_of_webhook ON deliveries (webhook, id);
CREATE INDEX deliveries_made_anew ON deliveries (event) WHERE redelivery_of IS NOT NULL;

-- The lists by status, newest last. The first of them is also the queue of first attempts.
CREATE INDEX deliveries_pending ON deliveries (webhook, id) WHERE status = 0;
CREATE INDEX deliveries_failed ON deliveries (webhook, id) WHERE status = 2;
CREATE INDEX deliveries_decided ON deliveries (webhook, status, id) WHERE due IS NULL;

-- What waits for a moment of its own: retries, and first attempts that we could not make.
CREATE INDEX deliveries_put_off ON deliveries (webhook, due)
    WHERE due IS NOT NULL AND (status = 2 OR due > created_at);
-- Test events go even where the lane is held; they are few.
CREATE INDEX deliveries_waiting_tests ON deliveries (webhook) WHERE test = 1 AND due IS NOT NULL;
