-- Campaigns and their immutable history. `campaigns` holds the current state, `campaign_versions` every state there was.

create sequence campaign_revision;

create table campaigns (
    id          bigint generated always as identity primary key,
    version     integer     not null,
    name        text        not null,
    description text        not null default '',
    status      text        not null check (status in ('draft', 'active', 'paused', 'archived')),
    -- `json` keeps the rule as it was written, spelling of numbers included
    rules       json        not null,
    starts_at   timestamptz,
    ends_at     timestamptz check (ends_at > starts_at),
    created_at  timestamptz not null default now(),
    updated_at  timestamptz not null default now(),
    -- set by the trigger below: grows with each change, in the order of the commits
    revision    bigint      not null
);

create unique index campaigns_revision on campaigns (revision);

create table campaign_versions (
    campaign_id bigint      not null references campaigns (id),
    version     integer     not null,
    name        text        not null,
    description text        not null,
    status      text        not null,
    rules       json        not null,
    starts_at   timestamptz,
    ends_at     timestamptz,
    created_at  timestamptz not null,
    primary key (campaign_id, version)
);

-- The lock is held until commit, so a reader that has seen revision n has missed no smaller one.
create function stamp_campaign_revision() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtext('campaign_revision'));
    new.revision := nextval('campaign_revision');
    return new;
end $$;

create trigger campaigns_stamp_revision before insert or update on campaigns
    for each row execute function stamp_campaign_revision();

create function keep_campaign_version() returns trigger language plpgsql as $$
begin
    insert into campaign_versions
        (campaign_id, version, name, description, status, rules, starts_at, ends_at, created_at)
    values
        (new.id, new.version, new.name, new.description, new.status, new.rules, new.starts_at, new.ends_at, new.updated_at);
    return null;
end $$;

-- An update that forgets to raise the version meets the primary key of the history.
create trigger campaigns_keep_version after insert or update on campaigns
    for each row execute function keep_campaign_version();

create function notify_campaigns_changed() returns trigger language plpgsql as $$
begin
    perform pg_notify('campaigns_changed', '');
    return null;
end $$;

create trigger campaigns_notify after insert or update on campaigns
    for each statement execute function notify_campaigns_changed();

create function refuse_rewriting_history() returns trigger language plpgsql as $$
begin
    raise exception 'campaign_versions is immutable; change the campaign instead, which adds a version';
end $$;

create trigger campaign_versions_immutable before update or delete on campaign_versions
    for each row execute function refuse_rewriting_history();
