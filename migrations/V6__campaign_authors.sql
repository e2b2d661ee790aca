-- Who made each version of a campaign, and which requests to create one were answered already.

-- The name of the API key; null where anybody may call, and for versions older than this column.
alter table campaigns add column author text;
alter table campaign_versions add column author text;

create or replace function keep_campaign_version() returns trigger language plpgsql as $$
begin
    insert into campaign_versions
        (campaign_id, version, name, description, status, rules, starts_at, ends_at, created_at, author)
    values
        (new.id, new.version, new.name, new.description, new.status, new.rules, new.starts_at, new.ends_at, new.updated_at,
         new.author);
    return null;
end $$;

-- Written in the transaction that creates the campaign, so that there is one exactly if there is the other.
create table idempotency_keys (
    -- the number of the API key; 0 where anybody may call
    caller      bigint      not null,
    key         text        not null,
    -- SHA-256 of the body
    fingerprint bytea       not null check (octet_length(fingerprint) = 32),
    campaign_id bigint      not null references campaigns (id),
    created_at  timestamptz not null default now(),
    primary key (caller, key)
);

create index idempotency_keys_created_at on idempotency_keys (created_at);
