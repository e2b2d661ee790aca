-- For how many events the rule of a campaign was too dear to be evaluated, and the last of them. Workers add to it every few
-- seconds, a row a campaign; a campaign without a row was never set aside.

create table set_asides (
    campaign_id      bigint      primary key,
    events           bigint      not null,
    last_received_at timestamptz not null,
    last_event_id    text        not null,
    last_user_id     text        not null
);
