//! The tables that are written many rows at a time.

use uuid::Uuid;

use super::bulk::bulk;

bulk! {
    /// A publisher's id. Those that are taken are left out; the keys of those that were not come back.
    EventIdRow<'a> in EventIds,
    "INSERT INTO event_ids ({columns}) SELECT {columns} FROM {rows} ORDER BY shop, id COLLATE \"C\"
     ON CONFLICT (shop, id) DO NOTHING RETURNING event",
    {
        shop: i64 as "bigint",
        id: &'a str as "text",
        event: Uuid as "uuid",
        needed_at: i64 as "bigint",
        deliveries: i32 as "integer",
        fingerprint: &'a [u8] as "bytea",
    }
}

bulk! {
    /// What is sent.
    EventRow<'a> in Events,
    "INSERT INTO events ({columns}) SELECT {columns} FROM {rows}",
    {
        id: Uuid as "uuid",
        shop: i64 as "bigint",
        name: &'a str as "text",
        kind: &'a str as "text",
        subdomain: &'a str as "text",
        envelope: &'a [u8] as "bytea",
    }
}

bulk! {
    /// A delivery that is made now; leased for so many seconds ({next}) if it has an owner, by its first claim.
    NewRow in NewQueue,
    "INSERT INTO queue ({columns}, status, put_off, entry, client_error, attempts, epoch, lease_until)
     SELECT {columns}, 0, false, 0, false, 0, CASE WHEN owner IS NULL THEN 0 ELSE 1 END,
            CASE WHEN owner IS NOT NULL THEN now() + make_interval(secs => {next}) END FROM {rows}",
    {
        id: Uuid as "uuid",
        shop: i64 as "bigint",
        webhook: i64 as "bigint",
        event: Uuid as "uuid",
        due: i64 as "bigint",
        test: bool as "boolean",
        redelivery_of: Option<Uuid> as "uuid",
        origin: Option<Uuid> as "uuid",
        owner: Option<i32> as "integer",
    }
}

bulk! {
    /// One that goes back, nobody's.
    QueueRow in Queue,
    "INSERT INTO queue ({columns}) SELECT {columns} FROM {rows}",
    {
        id: Uuid as "uuid",
        shop: i64 as "bigint",
        webhook: i64 as "bigint",
        event: Uuid as "uuid",
        status: i16 as "smallint",
        due: i64 as "bigint",
        put_off: bool as "boolean",
        entry: i16 as "smallint",
        client_error: bool as "boolean",
        test: bool as "boolean",
        redelivery_of: Option<Uuid> as "uuid",
        origin: Option<Uuid> as "uuid",
        epoch: i64 as "bigint",
        attempts: i32 as "integer",
        started_at: Option<i64> as "bigint",
        ended_at: Option<i64> as "bigint",
        duration_ms: Option<i64> as "bigint",
        response_code: Option<i32> as "integer",
        error: Option<String> as "text",
        final_host: Option<String> as "text",
        response_body: Option<Vec<u8>> as "bytea",
    }
}

bulk! {
    /// A decided delivery.
    HistoryRow in History,
    "INSERT INTO history ({columns}) SELECT {columns} FROM {rows}",
    {
        id: Uuid as "uuid",
        shop: i64 as "bigint",
        webhook: i64 as "bigint",
        event: Uuid as "uuid",
        status: i16 as "smallint",
        test: bool as "boolean",
        redelivery_of: Option<Uuid> as "uuid",
        origin: Option<Uuid> as "uuid",
        drop_reason: Option<i16> as "smallint",
        attempts: i32 as "integer",
        started_at: Option<i64> as "bigint",
        ended_at: Option<i64> as "bigint",
        duration_ms: Option<i64> as "bigint",
        response_code: Option<i32> as "integer",
        error: Option<String> as "text",
        final_host: Option<String> as "text",
        response_body: Option<Vec<u8>> as "bytea",
    }
}

bulk! {
    /// An attempt that was followed by another one.
    AttemptRow in Attempts,
    "INSERT INTO attempts ({columns}) SELECT {columns} FROM {rows}",
    {
        delivery: Uuid as "uuid",
        number: i32 as "integer",
        shop: i64 as "bigint",
        started_at: i64 as "bigint",
        ended_at: i64 as "bigint",
        duration_ms: i64 as "bigint",
        response_code: Option<i32> as "integer",
        error: Option<String> as "text",
        final_host: String as "text",
        response_body: Option<Vec<u8>> as "bytea",
    }
}

bulk! {
    /// What a commit's settlements did to a webhook. Written in one order by everybody, so that nobody waits for
    /// somebody who waits for him.
    CounterRow in Counters,
    "INSERT INTO webhook_counters AS c ({columns}) SELECT {columns} FROM {rows} ORDER BY webhook
     ON CONFLICT (webhook) DO UPDATE SET
        failure_count = CASE WHEN EXCLUDED.cleared THEN 0 ELSE c.failure_count END + EXCLUDED.failure_count,
        last_delivery_at = greatest(c.last_delivery_at, EXCLUDED.last_delivery_at),
        cleared = EXCLUDED.cleared",
    {
        webhook: i64 as "bigint",
        shop: i64 as "bigint",
        cleared: bool as "boolean",
        failure_count: i64 as "bigint",
        last_delivery_at: i64 as "bigint",
    }
}

bulk! {
    /// And to its hour.
    HourRow in Hours,
    "INSERT INTO webhook_hours AS h ({columns}) SELECT {columns} FROM {rows} ORDER BY webhook, hour
     ON CONFLICT (webhook, hour) DO UPDATE SET
        succeeded = h.succeeded + EXCLUDED.succeeded, failed = h.failed + EXCLUDED.failed,
        dropped = h.dropped + EXCLUDED.dropped, le_10 = h.le_10 + EXCLUDED.le_10, le_25 = h.le_25 + EXCLUDED.le_25,
        le_50 = h.le_50 + EXCLUDED.le_50, le_100 = h.le_100 + EXCLUDED.le_100, le_250 = h.le_250 + EXCLUDED.le_250,
        le_500 = h.le_500 + EXCLUDED.le_500, le_1000 = h.le_1000 + EXCLUDED.le_1000,
        le_2500 = h.le_2500 + EXCLUDED.le_2500, le_5000 = h.le_5000 + EXCLUDED.le_5000,
        le_10000 = h.le_10000 + EXCLUDED.le_10000, beyond = h.beyond + EXCLUDED.beyond",
    {
        webhook: i64 as "bigint",
        hour: i64 as "bigint",
        shop: i64 as "bigint",
        succeeded: i64 as "bigint",
        failed: i64 as "bigint",
        dropped: i64 as "bigint",
        le_10: i64 as "bigint",
        le_25: i64 as "bigint",
        le_50: i64 as "bigint",
        le_100: i64 as "bigint",
        le_250: i64 as "bigint",
        le_500: i64 as "bigint",
        le_1000: i64 as "bigint",
        le_2500: i64 as "bigint",
        le_5000: i64 as "bigint",
        le_10000: i64 as "bigint",
        beyond: i64 as "bigint",
    }
}
