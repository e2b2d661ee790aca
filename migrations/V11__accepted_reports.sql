-- What each server has acknowledged, told by the server itself, so that it shares no fate with Redis: an event that Redis
-- lost together with its own count is still in here. A row for each server and minute (of the frames' received_at),
-- replaced by the larger number once a second while the minute lasts. A server of the release before writes none.
create table accepted_reports (
    minute      timestamptz not null,
    -- the run of the process; a restarted one is another
    server      text        not null,
    events      bigint      not null,
    -- all of them were in Redis by then
    reported_at timestamptz not null default now(),
    primary key (minute, server)
);
