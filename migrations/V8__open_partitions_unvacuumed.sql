-- Postgres vacuums no open partition for the rows that were added to it: hardly any of them dies, and the lock of a vacuum
-- keeps the BRIN indexes from being summarised. Workers make partitions like that, and vacuum each once, when they seal it.
-- The lock that this takes lets writers go on, and no partition that is open is being sealed or dropped. A vacuum against
-- wraparound that has the table is not waited for: the migration fails, and is to be run again.

set local lock_timeout = '10s';

do $$
declare
    leaf text;
begin
    for leaf in
        select name || '_' || suffix from partitions, unnest(array['events', 'triggers', 'frames']) as name
        where upper_bound > now()
    loop
        execute format('alter table %I set (autovacuum_vacuum_insert_threshold = -1)', leaf);
    end loop;
end
$$;
