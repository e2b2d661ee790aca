-- One BRIN index a table in place of two. The planner took one of the two for a search by time and id, often the wrong one,
-- and read a whole day; one index over all the columns holds each range of pages against every condition, and costs an
-- insert one look less.

drop index events_received_at, events_ids, triggers_received_at, triggers_ids;

create index events_lookup on events
    using brin (received_at, event_id text_bloom_ops, user_id text_bloom_ops) with (pages_per_range = 64);

-- Triggers are small rows, so many users go into a page: ranges are shorter here, and the filters are made for as many users
-- as rows. An event's triggers are looked up by its time.
create index triggers_lookup on triggers
    using brin (received_at, campaign_id int8_bloom_ops, user_id text_bloom_ops (n_distinct_per_range = -0.35))
    with (pages_per_range = 16);
