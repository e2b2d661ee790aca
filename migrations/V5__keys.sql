-- The most events a second that may be sent with a key; none where that is not limited.

alter table api_keys add column rate_limit integer check (rate_limit > 0);
