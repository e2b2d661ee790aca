-- Which events are the same one: those with one `event_id` of one user, sent by the same class of senders. Keys that stand in
-- pages and apps can be seen by everybody, so what they send never stands in the way of what servers send.

set local lock_timeout = '10s';

alter table events
    -- the key that it was sent with; null where no keys are used, and for what was stored before there was this column
    add column key_id       bigint,
    -- whether that is a key for browsers
    add column from_browser boolean not null default false;

alter table triggers
    add column from_browser boolean not null default false;

alter table dead_letters
    add column key_id       bigint,
    add column from_browser boolean not null default false;

alter table api_keys
    drop constraint api_keys_scope_check,
    add constraint api_keys_scope_check check (scope in ('browser', 'ingest', 'admin'));

-- What a claim stands for: 1 is an `event_id` of a shard, as in releases before this column; 2 is an identity. Claims of both
-- forms must not hold side by side, since neither would keep an event from being stored on the word of the other.
alter table claim_epochs add column form smallint not null default 1;

create function refuse_older_claims() returns trigger language plpgsql as $$
begin
    if exists (select from claim_epochs where form > new.form) then
        raise exception 'this worker is of an older release than the claims in Redis; upgrade it'
            using detail = 'Workers of a newer release lay claims that it does not know. It has stored and acknowledged nothing.',
                  hint = 'How to go back to the older release: docs/operations.md, "Going back".';
    end if;
    return new;
end $$;

create trigger claim_epochs_keep_form before insert on claim_epochs
    for each row execute function refuse_older_claims();

-- What the unique index of a sealed partition is on, as above; null is 1.
alter table partitions add column seal_form smallint;
