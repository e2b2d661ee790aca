-- What operators look at: events that could not be stored, and who may call the API.

create table dead_letters (
    id         bigint generated always as identity primary key,
    created_at timestamptz not null default now(),
    reason     text        not null,
    detail     text        not null,
    -- the origin: replaying the letter meets the claim of this very entry
    shard      smallint    not null,
    entry_ms   bigint      not null,
    entry_seq  bigint      not null,
    event_id   text,
    -- not json: what ends here may be neither JSON nor text
    payload    bytea       not null
);

create table api_keys (
    id         bigint generated always as identity primary key,
    name       text        not null,
    scope      text        not null check (scope in ('ingest', 'admin')),
    -- SHA-256 of the key; the key itself is shown once and not kept
    hash       bytea       not null unique check (octet_length(hash) = 32),
    created_at timestamptz not null default now(),
    revoked_at timestamptz
);
