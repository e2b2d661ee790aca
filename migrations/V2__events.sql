-- What the pipeline writes. All three tables are partitioned alike, by range of received_at; the worker makes the
-- partitions ahead of time and records their bounds in `partitions`. The tables are append-only: no index here takes
-- random writes.

create table events (
    event_id     text        not null,
    user_id      text        not null,
    event_type   text        not null,
    received_at  timestamptz not null,
    campaign_ids bigint[]    not null,
    -- `json`, not `jsonb`: byte-true, and faster to load
    payload      json        not null
) partition by range (received_at);

create index events_received_at on events using brin (received_at) with (pages_per_range = 64);
create index events_ids on events using brin (event_id text_bloom_ops, user_id text_bloom_ops) with (pages_per_range = 64);

create table triggers (
    campaign_id      bigint      not null,
    campaign_version integer     not null,
    event_id         text        not null,
    user_id          text        not null,
    received_at      timestamptz not null
) partition by range (received_at);

create index triggers_received_at on triggers using brin (received_at) with (pages_per_range = 64);
create index triggers_ids on triggers using brin (campaign_id int8_bloom_ops, event_id text_bloom_ops) with (pages_per_range = 64);

-- A receipt for each stored frame: a frame with a receipt is never stored again. The entry id is (entry_ms, entry_seq),
-- ordered by time, so that the index grows at its right edge; received_at is the frame's own and never changes.
create table frames (
    shard         smallint    not null,
    entry_ms      bigint      not null,
    entry_seq     bigint      not null,
    received_at   timestamptz not null,
    stored        integer     not null,
    duplicates    integer     not null,
    dead_lettered integer     not null,
    primary key (shard, entry_ms, entry_seq, received_at)
) partition by range (received_at);

create table partitions (
    lower_bound timestamptz primary key,
    upper_bound timestamptz not null unique check (upper_bound > lower_bound),
    suffix      text        not null unique
);
