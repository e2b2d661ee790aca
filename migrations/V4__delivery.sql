-- What the delivery protocol keeps in Postgres, the authority: which claims hold, what each frame came to and when, what
-- became of dead letters, and which partitions are sealed.

-- The claims of a shard hold while Redis shows the epoch of this row, and is the run of this row: Redis without its claims
-- shows none or another, and one that was restarted may have lost the last of them.
create table claim_epochs (
    shard      smallint    primary key,
    epoch      uuid        not null,
    -- goes into the keys of the claims, so that those of another time never meet those of this one
    keyspace   bigint      not null,
    run_id     text        not null,
    rebuilt_at timestamptz not null,
    -- when that run was last known to live: what a restart took with it was claimed little before that, or later
    seen_at    timestamptz not null
);

-- When a receipt was written, and the time that the frame's events cover: after a restart of Redis, the claims made lately
-- are read back from here, whatever the age of their events.
alter table frames
    add column stored_at   timestamptz not null default now(),
    add column earliest_at timestamptz,
    add column latest_at   timestamptz;
update frames set earliest_at = received_at, latest_at = received_at;
alter table frames
    alter column earliest_at set not null,
    alter column latest_at set not null;
create index frames_stored_at on frames using brin (stored_at) with (pages_per_range = 64);

alter table dead_letters
    -- how many events it holds: one, but for a frame that was put aside whole
    add column events      integer not null default 1,
    -- for people; the frame has them as they were sent
    add column user_id     text,
    add column event_type  text,
    -- the events as a frame, to be queued again; null where there is nothing that could be
    add column frame       bytea,
    -- when somebody asked for it to be tried again, and when it left the pipeline again
    add column requeued_at timestamptz,
    add column replayed_at timestamptz;

alter table partitions
    -- when its btree indexes were built; null while it may still grow fast
    add column sealed_at     timestamptz,
    -- ids that were found in it more than once, which is never right
    add column duplicate_ids bigint;
