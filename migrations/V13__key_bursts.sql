-- How many events may be sent at once with a key that has a rate limit; none where that is a body's worth.

set local lock_timeout = '5s';

alter table api_keys
    add column burst integer check (burst > 0),
    add check (burst is null or rate_limit is not null);
