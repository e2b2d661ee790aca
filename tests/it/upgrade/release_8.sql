-- What campaign-manager of schema version 8 has stored; see make.sh.
-- admin key: cmk_vEtFfOjv2p7BeQe98A-irzJIFyVhXq-_Ll7Kk8Uei18
-- ingest key: cmk_8EngyPcn8wVyRV0SgaaS2M7gJtCKORGBM4L9Osx1UNM
SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE FUNCTION public.keep_campaign_version() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into campaign_versions
        (campaign_id, version, name, description, status, rules, starts_at, ends_at, created_at, author)
    values
        (new.id, new.version, new.name, new.description, new.status, new.rules, new.starts_at, new.ends_at, new.updated_at,
         new.author);
    return null;
end $$;
CREATE FUNCTION public.notify_campaigns_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform pg_notify('campaigns_changed', '');
    return null;
end $$;
CREATE FUNCTION public.refuse_rewriting_history() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception 'campaign_versions is immutable; change the campaign instead, which adds a version';
end $$;
CREATE FUNCTION public.stamp_campaign_revision() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    perform pg_advisory_xact_lock(hashtext('campaign_revision'));
    new.revision := nextval('campaign_revision');
    return new;
end $$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.api_keys (
    id bigint NOT NULL,
    name text NOT NULL,
    scope text NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    revoked_at timestamp with time zone,
    rate_limit integer,
    CONSTRAINT api_keys_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT api_keys_rate_limit_check CHECK ((rate_limit > 0)),
    CONSTRAINT api_keys_scope_check CHECK ((scope = ANY (ARRAY['ingest'::text, 'admin'::text])))
);
ALTER TABLE public.api_keys ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.api_keys_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE SEQUENCE public.campaign_revision
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE public.campaign_versions (
    campaign_id bigint NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    status text NOT NULL,
    rules json NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    created_at timestamp with time zone NOT NULL,
    author text
);
CREATE TABLE public.campaigns (
    id bigint NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    description text DEFAULT ''::text NOT NULL,
    status text NOT NULL,
    rules json NOT NULL,
    starts_at timestamp with time zone,
    ends_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    revision bigint NOT NULL,
    author text,
    CONSTRAINT campaigns_check CHECK ((ends_at > starts_at)),
    CONSTRAINT campaigns_status_check CHECK ((status = ANY (ARRAY['draft'::text, 'active'::text, 'paused'::text, 'archived'::text])))
);
ALTER TABLE public.campaigns ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.campaigns_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.claim_epochs (
    shard smallint NOT NULL,
    epoch uuid NOT NULL,
    keyspace bigint NOT NULL,
    run_id text NOT NULL,
    rebuilt_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL
);
CREATE TABLE public.dead_letters (
    id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    reason text NOT NULL,
    detail text NOT NULL,
    shard smallint NOT NULL,
    entry_ms bigint NOT NULL,
    entry_seq bigint NOT NULL,
    event_id text,
    payload bytea NOT NULL,
    events integer DEFAULT 1 NOT NULL,
    user_id text,
    event_type text,
    frame bytea,
    requeued_at timestamp with time zone,
    replayed_at timestamp with time zone
);
ALTER TABLE public.dead_letters ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.dead_letters_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.events (
    event_id text NOT NULL,
    user_id text NOT NULL,
    event_type text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    campaign_ids bigint[] NOT NULL,
    payload json NOT NULL
)
PARTITION BY RANGE (received_at);
CREATE TABLE public.events_20261128 (
    event_id text NOT NULL,
    user_id text NOT NULL,
    event_type text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    campaign_ids bigint[] NOT NULL,
    payload json NOT NULL
);
CREATE TABLE public.events_20261201 (
    event_id text NOT NULL,
    user_id text NOT NULL,
    event_type text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    campaign_ids bigint[] NOT NULL,
    payload json NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.events_20261202 (
    event_id text NOT NULL,
    user_id text NOT NULL,
    event_type text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    campaign_ids bigint[] NOT NULL,
    payload json NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.events_20261203 (
    event_id text NOT NULL,
    user_id text NOT NULL,
    event_type text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    campaign_ids bigint[] NOT NULL,
    payload json NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.frames (
    shard smallint NOT NULL,
    entry_ms bigint NOT NULL,
    entry_seq bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    stored integer NOT NULL,
    duplicates integer NOT NULL,
    dead_lettered integer NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL,
    earliest_at timestamp with time zone NOT NULL,
    latest_at timestamp with time zone NOT NULL
)
PARTITION BY RANGE (received_at);
CREATE TABLE public.frames_20261128 (
    shard smallint NOT NULL,
    entry_ms bigint NOT NULL,
    entry_seq bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    stored integer NOT NULL,
    duplicates integer NOT NULL,
    dead_lettered integer NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL,
    earliest_at timestamp with time zone NOT NULL,
    latest_at timestamp with time zone NOT NULL
);
CREATE TABLE public.frames_20261201 (
    shard smallint NOT NULL,
    entry_ms bigint NOT NULL,
    entry_seq bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    stored integer NOT NULL,
    duplicates integer NOT NULL,
    dead_lettered integer NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL,
    earliest_at timestamp with time zone NOT NULL,
    latest_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.frames_20261202 (
    shard smallint NOT NULL,
    entry_ms bigint NOT NULL,
    entry_seq bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    stored integer NOT NULL,
    duplicates integer NOT NULL,
    dead_lettered integer NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL,
    earliest_at timestamp with time zone NOT NULL,
    latest_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.frames_20261203 (
    shard smallint NOT NULL,
    entry_ms bigint NOT NULL,
    entry_seq bigint NOT NULL,
    received_at timestamp with time zone NOT NULL,
    stored integer NOT NULL,
    duplicates integer NOT NULL,
    dead_lettered integer NOT NULL,
    stored_at timestamp with time zone DEFAULT now() NOT NULL,
    earliest_at timestamp with time zone NOT NULL,
    latest_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.idempotency_keys (
    caller bigint NOT NULL,
    key text NOT NULL,
    fingerprint bytea NOT NULL,
    campaign_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT idempotency_keys_fingerprint_check CHECK ((octet_length(fingerprint) = 32))
);
CREATE TABLE public.partitions (
    lower_bound timestamp with time zone NOT NULL,
    upper_bound timestamp with time zone NOT NULL,
    suffix text NOT NULL,
    sealed_at timestamp with time zone,
    duplicate_ids bigint,
    CONSTRAINT partitions_check CHECK ((upper_bound > lower_bound))
);
CREATE TABLE public.refinery_schema_history (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);
CREATE TABLE public.triggers (
    campaign_id bigint NOT NULL,
    campaign_version integer NOT NULL,
    event_id text NOT NULL,
    user_id text NOT NULL,
    received_at timestamp with time zone NOT NULL
)
PARTITION BY RANGE (received_at);
CREATE TABLE public.triggers_20261128 (
    campaign_id bigint NOT NULL,
    campaign_version integer NOT NULL,
    event_id text NOT NULL,
    user_id text NOT NULL,
    received_at timestamp with time zone NOT NULL
);
CREATE TABLE public.triggers_20261201 (
    campaign_id bigint NOT NULL,
    campaign_version integer NOT NULL,
    event_id text NOT NULL,
    user_id text NOT NULL,
    received_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.triggers_20261202 (
    campaign_id bigint NOT NULL,
    campaign_version integer NOT NULL,
    event_id text NOT NULL,
    user_id text NOT NULL,
    received_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
CREATE TABLE public.triggers_20261203 (
    campaign_id bigint NOT NULL,
    campaign_version integer NOT NULL,
    event_id text NOT NULL,
    user_id text NOT NULL,
    received_at timestamp with time zone NOT NULL
)
WITH (autovacuum_vacuum_insert_threshold='-1');
ALTER TABLE ONLY public.events ATTACH PARTITION public.events_20261128 FOR VALUES FROM ('2026-11-28 00:00:00+00') TO ('2026-11-29 00:00:00+00');
ALTER TABLE ONLY public.events ATTACH PARTITION public.events_20261201 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2026-12-02 00:00:00+00');
ALTER TABLE ONLY public.events ATTACH PARTITION public.events_20261202 FOR VALUES FROM ('2026-12-02 00:00:00+00') TO ('2026-12-03 00:00:00+00');
ALTER TABLE ONLY public.events ATTACH PARTITION public.events_20261203 FOR VALUES FROM ('2026-12-03 00:00:00+00') TO ('2026-12-04 00:00:00+00');
ALTER TABLE ONLY public.frames ATTACH PARTITION public.frames_20261128 FOR VALUES FROM ('2026-11-28 00:00:00+00') TO ('2026-11-29 00:00:00+00');
ALTER TABLE ONLY public.frames ATTACH PARTITION public.frames_20261201 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2026-12-02 00:00:00+00');
ALTER TABLE ONLY public.frames ATTACH PARTITION public.frames_20261202 FOR VALUES FROM ('2026-12-02 00:00:00+00') TO ('2026-12-03 00:00:00+00');
ALTER TABLE ONLY public.frames ATTACH PARTITION public.frames_20261203 FOR VALUES FROM ('2026-12-03 00:00:00+00') TO ('2026-12-04 00:00:00+00');
ALTER TABLE ONLY public.triggers ATTACH PARTITION public.triggers_20261128 FOR VALUES FROM ('2026-11-28 00:00:00+00') TO ('2026-11-29 00:00:00+00');
ALTER TABLE ONLY public.triggers ATTACH PARTITION public.triggers_20261201 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2026-12-02 00:00:00+00');
ALTER TABLE ONLY public.triggers ATTACH PARTITION public.triggers_20261202 FOR VALUES FROM ('2026-12-02 00:00:00+00') TO ('2026-12-03 00:00:00+00');
ALTER TABLE ONLY public.triggers ATTACH PARTITION public.triggers_20261203 FOR VALUES FROM ('2026-12-03 00:00:00+00') TO ('2026-12-04 00:00:00+00');
INSERT INTO public.api_keys OVERRIDING SYSTEM VALUE VALUES
	(1, 'office', 'admin', '\x8f2504755033f2011473bb9d8681015f39e3b45f254f51da160d8db5ad8a129e', '2026-12-01 01:48:55.132074+00', NULL, NULL),
	(2, 'shop', 'ingest', '\x4374e5a108f7975dd2f3c67d8b9119849aaab0465c17dda686e132b63ed300a0', '2026-12-01 01:48:55.152436+00', NULL, 1000),
	(3, 'left', 'ingest', '\xff3bfd84f5be6a932527ba39bbe45636123f6b93226d8b88bd8dc4dece6d2095', '2026-12-01 01:48:55.17959+00', '2026-12-01 01:48:55.205547+00', NULL);
INSERT INTO public.campaign_versions VALUES
	(1, 1, 'big spenders', '', 'active', '{"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 100]}]}}', NULL, NULL, '2026-12-01 01:48:55.216629+00', 'office'),
	(2, 1, 'everybody', '', 'active', '{"event_type": [{"exists": true}]}', NULL, NULL, '2026-12-01 01:48:55.257282+00', 'office'),
	(3, 1, 'paused', '', 'active', '{"properties": {"currency": ["EUR"]}}', NULL, NULL, '2026-12-01 01:48:55.292418+00', 'office'),
	(4, 1, 'a draft', '', 'draft', '{"user_id": ["u-1"]}', NULL, NULL, '2026-12-01 01:48:55.331055+00', 'office'),
	(5, 1, 'archived', '', 'active', '{"user_id": [{"prefix": "u-1"}]}', NULL, NULL, '2026-12-01 01:48:55.367826+00', 'office'),
	(1, 2, 'big spenders', '', 'active', '{"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 150]}]}}', NULL, NULL, '2026-12-01 01:48:55.404331+00', 'office'),
	(2, 2, 'everybody', '', 'active', '{"event_type": [{"exists": true}]}', NULL, '2100-01-01 00:00:00+00', '2026-12-01 01:48:55.415742+00', 'office'),
	(3, 2, 'paused', '', 'paused', '{"properties": {"currency": ["EUR"]}}', NULL, NULL, '2026-12-01 01:48:55.630858+00', 'office'),
	(5, 2, 'archived', '', 'archived', '{"user_id": [{"prefix": "u-1"}]}', NULL, NULL, '2026-12-01 01:48:55.642618+00', 'office');
INSERT INTO public.campaigns OVERRIDING SYSTEM VALUE VALUES
	(4, 1, 'a draft', '', 'draft', '{"user_id": ["u-1"]}', NULL, NULL, '2026-12-01 01:48:55.331055+00', '2026-12-01 01:48:55.331055+00', 4, 'office'),
	(1, 2, 'big spenders', '', 'active', '{"event_type": ["purchase"], "properties": {"amount": [{"numeric": [">=", 150]}]}}', NULL, NULL, '2026-12-01 01:48:55.216629+00', '2026-12-01 01:48:55.404331+00', 6, 'office'),
	(2, 2, 'everybody', '', 'active', '{"event_type": [{"exists": true}]}', NULL, '2100-01-01 00:00:00+00', '2026-12-01 01:48:55.257282+00', '2026-12-01 01:48:55.415742+00', 7, 'office'),
	(3, 2, 'paused', '', 'paused', '{"properties": {"currency": ["EUR"]}}', NULL, NULL, '2026-12-01 01:48:55.292418+00', '2026-12-01 01:48:55.630858+00', 8, 'office'),
	(5, 2, 'archived', '', 'archived', '{"user_id": [{"prefix": "u-1"}]}', NULL, NULL, '2026-12-01 01:48:55.367826+00', '2026-12-01 01:48:55.642618+00', 9, 'office');
INSERT INTO public.claim_epochs VALUES
	(0, '01a22f4a-6929-7614-82bd-b7aeab05931d', 3748889982854724302, 'ea051c20f80d5b7d51e6bbe0fcc68a4c7331e9b1', '2026-12-01 01:48:55.463137+00', '2026-12-01 01:48:57.061157+00'),
	(1, '01a22f4a-6929-7614-82bd-b7aeab05931d', 5448378319980939911, 'ea051c20f80d5b7d51e6bbe0fcc68a4c7331e9b1', '2026-12-01 01:48:55.463137+00', '2026-12-01 01:48:57.061157+00'),
	(2, '01a22f4a-6929-7614-82bd-b7aeab05931d', 8688179026371347905, 'ea051c20f80d5b7d51e6bbe0fcc68a4c7331e9b1', '2026-12-01 01:48:55.463137+00', '2026-12-01 01:48:57.061157+00'),
	(3, '01a22f4a-6929-7614-82bd-b7aeab05931d', 3595447621778474087, 'ea051c20f80d5b7d51e6bbe0fcc68a4c7331e9b1', '2026-12-01 01:48:55.463137+00', '2026-12-01 01:48:57.061157+00'),
	(4, '01a22f4a-6929-7614-82bd-b7aeab05931d', -8622900018672248562, 'ea051c20f80d5b7d51e6bbe0fcc68a4c7331e9b1', '2026-12-01 01:48:55.463137+00', '2026-12-01 01:48:57.061157+00'),
	(5, '01a22f4a-6929-7614-82bd-b7aeab05931d', 5551675185809500920, 'ea051c20f80d5b7d51e6bbe0fcc68a4c7331e9b1', '2026-12-01 01:48:55.463137+00', '2026-12-01 01:48:57.061157+00'),
	(6, '01a22f4a-6929-7614-82bd-b7aeab05931d', 4798375938317365898, 'ea051c20f80d5b7d51e6bbe0fcc68a4c7331e9b1', '2026-12-01 01:48:55.463137+00', '2026-12-01 01:48:57.061157+00'),
	(7, '01a22f4a-6929-7614-82bd-b7aeab05931d', -2816207621000547208, 'ea051c20f80d5b7d51e6bbe0fcc68a4c7331e9b1', '2026-12-01 01:48:55.463137+00', '2026-12-01 01:48:57.061157+00');
INSERT INTO public.dead_letters OVERRIDING SYSTEM VALUE VALUES
	(2, '2026-12-01 01:48:55.789811+00', 'refused', 'Postgres: new row for relation "events_20261128" violates check constraint "refuse" (SQLSTATE 23514)', 2, 1796089735754, 0, 'b-1', '\x7b2274696d657374616d70223a22323032362d31312d32385430313a34383a35352e3735343333315a222c226576656e745f6964223a22622d31222c22757365725f6964223a226261642d31222c226576656e745f74797065223a227075726368617365227d', 1, 'bad-1', 'purchase', '\x63660100010000005b1229614c61060088000000b710293d5b1229614c61060003000800050066000000622d3170757263686173656261642d317b2274696d657374616d70223a22323032362d31312d32385430313a34383a35352e3735343333315a222c226576656e745f6964223a22622d31222c22757365725f6964223a226261642d31222c226576656e745f74797065223a227075726368617365227d', NULL, NULL),
	(1, '2026-12-01 01:48:55.775279+00', 'refused', 'Postgres: new row for relation "events_20261128" violates check constraint "refuse" (SQLSTATE 23514)', 1, 1796089735754, 0, 'b-2', '\x7b2274696d657374616d70223a22323032362d31312d32385430313a34383a35352e3735343333315a222c226576656e745f6964223a22622d32222c22757365725f6964223a226261642d32222c226576656e745f74797065223a227075726368617365227d', 1, 'bad-2', 'purchase', '\x63660100010000005b1229614c610600880000008496b2aa5b1229614c61060003000800050066000000622d3270757263686173656261642d327b2274696d657374616d70223a22323032362d31312d32385430313a34383a35352e3735343333315a222c226576656e745f6964223a22622d32222c22757365725f6964223a226261642d32222c226576656e745f74797065223a227075726368617365227d', '2026-12-01 01:48:55.974346+00', '2026-12-01 01:48:55.975619+00');
INSERT INTO public.events_20261128 VALUES
	('first-0', 'u-0', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-0","user_id":"u-0","event_type":"purchase","properties":{"amount":0,"currency":"EUR","note":"Grüße, 0"}}'),
	('first-1', 'u-1', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-1","user_id":"u-1","event_type":"page_view","properties":{"amount":7,"currency":"EUR","note":"Grüße, 1"}}'),
	('first-15', 'u-15', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-15","user_id":"u-15","event_type":"purchase","properties":{"amount":105,"currency":"EUR","note":"Grüße, 15"}}'),
	('first-17', 'u-17', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-17","user_id":"u-17","event_type":"page_view","properties":{"amount":119,"currency":"EUR","note":"Grüße, 17"}}'),
	('first-20', 'u-0', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-20","user_id":"u-0","event_type":"page_view","properties":{"amount":140,"currency":"EUR","note":"Grüße, 20"}}'),
	('first-21', 'u-1', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-21","user_id":"u-1","event_type":"purchase","properties":{"amount":147,"currency":"EUR","note":"Grüße, 21"}}'),
	('first-35', 'u-15', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-35","user_id":"u-15","event_type":"page_view","properties":{"amount":245,"currency":"EUR","note":"Grüße, 35"}}'),
	('first-37', 'u-17', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-37","user_id":"u-17","event_type":"page_view","properties":{"amount":9,"currency":"EUR","note":"Grüße, 37"}}'),
	('first-40', 'u-0', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-40","user_id":"u-0","event_type":"page_view","properties":{"amount":30,"currency":"EUR","note":"Grüße, 40"}}'),
	('first-41', 'u-1', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-41","user_id":"u-1","event_type":"page_view","properties":{"amount":37,"currency":"EUR","note":"Grüße, 41"}}'),
	('first-55', 'u-15', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-55","user_id":"u-15","event_type":"page_view","properties":{"amount":135,"currency":"EUR","note":"Grüße, 55"}}'),
	('first-57', 'u-17', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-57","user_id":"u-17","event_type":"purchase","properties":{"amount":149,"currency":"EUR","note":"Grüße, 57"}}'),
	('first-5', 'u-5', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-5","user_id":"u-5","event_type":"page_view","properties":{"amount":35,"currency":"EUR","note":"Grüße, 5"}}'),
	('first-25', 'u-5', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-25","user_id":"u-5","event_type":"page_view","properties":{"amount":175,"currency":"EUR","note":"Grüße, 25"}}'),
	('first-45', 'u-5', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-45","user_id":"u-5","event_type":"purchase","properties":{"amount":65,"currency":"EUR","note":"Grüße, 45"}}'),
	('first-8', 'u-8', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-8","user_id":"u-8","event_type":"page_view","properties":{"amount":56,"currency":"EUR","note":"Grüße, 8"}}'),
	('first-13', 'u-13', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-13","user_id":"u-13","event_type":"page_view","properties":{"amount":91,"currency":"EUR","note":"Grüße, 13"}}'),
	('first-16', 'u-16', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-16","user_id":"u-16","event_type":"page_view","properties":{"amount":112,"currency":"EUR","note":"Grüße, 16"}}'),
	('first-28', 'u-8', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-28","user_id":"u-8","event_type":"page_view","properties":{"amount":196,"currency":"EUR","note":"Grüße, 28"}}'),
	('first-33', 'u-13', 'purchase', '2026-11-28 01:48:55.461985+00', '{1,2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-33","user_id":"u-13","event_type":"purchase","properties":{"amount":231,"currency":"EUR","note":"Grüße, 33"}}'),
	('first-36', 'u-16', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-36","user_id":"u-16","event_type":"purchase","properties":{"amount":2,"currency":"EUR","note":"Grüße, 36"}}'),
	('first-48', 'u-8', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-48","user_id":"u-8","event_type":"purchase","properties":{"amount":86,"currency":"EUR","note":"Grüße, 48"}}'),
	('first-53', 'u-13', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-53","user_id":"u-13","event_type":"page_view","properties":{"amount":121,"currency":"EUR","note":"Grüße, 53"}}'),
	('first-56', 'u-16', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-56","user_id":"u-16","event_type":"page_view","properties":{"amount":142,"currency":"EUR","note":"Grüße, 56"}}'),
	('first-4', 'u-4', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-4","user_id":"u-4","event_type":"page_view","properties":{"amount":28,"currency":"EUR","note":"Grüße, 4"}}'),
	('first-24', 'u-4', 'purchase', '2026-11-28 01:48:55.461985+00', '{1,2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-24","user_id":"u-4","event_type":"purchase","properties":{"amount":168,"currency":"EUR","note":"Grüße, 24"}}'),
	('first-44', 'u-4', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-44","user_id":"u-4","event_type":"page_view","properties":{"amount":58,"currency":"EUR","note":"Grüße, 44"}}'),
	('first-3', 'u-3', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-3","user_id":"u-3","event_type":"purchase","properties":{"amount":21,"currency":"EUR","note":"Grüße, 3"}}'),
	('first-6', 'u-6', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-6","user_id":"u-6","event_type":"purchase","properties":{"amount":42,"currency":"EUR","note":"Grüße, 6"}}'),
	('first-23', 'u-3', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-23","user_id":"u-3","event_type":"page_view","properties":{"amount":161,"currency":"EUR","note":"Grüße, 23"}}'),
	('first-26', 'u-6', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-26","user_id":"u-6","event_type":"page_view","properties":{"amount":182,"currency":"EUR","note":"Grüße, 26"}}'),
	('first-43', 'u-3', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-43","user_id":"u-3","event_type":"page_view","properties":{"amount":51,"currency":"EUR","note":"Grüße, 43"}}'),
	('first-46', 'u-6', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-46","user_id":"u-6","event_type":"page_view","properties":{"amount":72,"currency":"EUR","note":"Grüße, 46"}}'),
	('first-2', 'u-2', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-2","user_id":"u-2","event_type":"page_view","properties":{"amount":14,"currency":"EUR","note":"Grüße, 2"}}'),
	('first-10', 'u-10', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-10","user_id":"u-10","event_type":"page_view","properties":{"amount":70,"currency":"EUR","note":"Grüße, 10"}}'),
	('first-18', 'u-18', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-18","user_id":"u-18","event_type":"purchase","properties":{"amount":126,"currency":"EUR","note":"Grüße, 18"}}'),
	('first-22', 'u-2', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-22","user_id":"u-2","event_type":"page_view","properties":{"amount":154,"currency":"EUR","note":"Grüße, 22"}}'),
	('first-30', 'u-10', 'purchase', '2026-11-28 01:48:55.461985+00', '{1,2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-30","user_id":"u-10","event_type":"purchase","properties":{"amount":210,"currency":"EUR","note":"Grüße, 30"}}'),
	('first-38', 'u-18', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-38","user_id":"u-18","event_type":"page_view","properties":{"amount":16,"currency":"EUR","note":"Grüße, 38"}}'),
	('first-42', 'u-2', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-42","user_id":"u-2","event_type":"purchase","properties":{"amount":44,"currency":"EUR","note":"Grüße, 42"}}'),
	('first-50', 'u-10', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-50","user_id":"u-10","event_type":"page_view","properties":{"amount":100,"currency":"EUR","note":"Grüße, 50"}}'),
	('first-58', 'u-18', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-58","user_id":"u-18","event_type":"page_view","properties":{"amount":156,"currency":"EUR","note":"Grüße, 58"}}'),
	('first-7', 'u-7', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-7","user_id":"u-7","event_type":"page_view","properties":{"amount":49,"currency":"EUR","note":"Grüße, 7"}}'),
	('first-14', 'u-14', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-14","user_id":"u-14","event_type":"page_view","properties":{"amount":98,"currency":"EUR","note":"Grüße, 14"}}'),
	('first-19', 'u-19', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-19","user_id":"u-19","event_type":"page_view","properties":{"amount":133,"currency":"EUR","note":"Grüße, 19"}}'),
	('first-27', 'u-7', 'purchase', '2026-11-28 01:48:55.461985+00', '{1,2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-27","user_id":"u-7","event_type":"purchase","properties":{"amount":189,"currency":"EUR","note":"Grüße, 27"}}'),
	('first-34', 'u-14', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-34","user_id":"u-14","event_type":"page_view","properties":{"amount":238,"currency":"EUR","note":"Grüße, 34"}}'),
	('first-39', 'u-19', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-39","user_id":"u-19","event_type":"purchase","properties":{"amount":23,"currency":"EUR","note":"Grüße, 39"}}'),
	('first-47', 'u-7', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-47","user_id":"u-7","event_type":"page_view","properties":{"amount":79,"currency":"EUR","note":"Grüße, 47"}}'),
	('first-54', 'u-14', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-54","user_id":"u-14","event_type":"purchase","properties":{"amount":128,"currency":"EUR","note":"Grüße, 54"}}'),
	('first-59', 'u-19', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-59","user_id":"u-19","event_type":"page_view","properties":{"amount":163,"currency":"EUR","note":"Grüße, 59"}}'),
	('first-9', 'u-9', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-9","user_id":"u-9","event_type":"purchase","properties":{"amount":63,"currency":"EUR","note":"Grüße, 9"}}'),
	('first-11', 'u-11', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-11","user_id":"u-11","event_type":"page_view","properties":{"amount":77,"currency":"EUR","note":"Grüße, 11"}}'),
	('first-12', 'u-12', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-12","user_id":"u-12","event_type":"purchase","properties":{"amount":84,"currency":"EUR","note":"Grüße, 12"}}'),
	('first-29', 'u-9', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-29","user_id":"u-9","event_type":"page_view","properties":{"amount":203,"currency":"EUR","note":"Grüße, 29"}}'),
	('first-31', 'u-11', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-31","user_id":"u-11","event_type":"page_view","properties":{"amount":217,"currency":"EUR","note":"Grüße, 31"}}'),
	('first-32', 'u-12', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-32","user_id":"u-12","event_type":"page_view","properties":{"amount":224,"currency":"EUR","note":"Grüße, 32"}}'),
	('first-49', 'u-9', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-49","user_id":"u-9","event_type":"page_view","properties":{"amount":93,"currency":"EUR","note":"Grüße, 49"}}'),
	('first-51', 'u-11', 'purchase', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-51","user_id":"u-11","event_type":"purchase","properties":{"amount":107,"currency":"EUR","note":"Grüße, 51"}}'),
	('first-52', 'u-12', 'page_view', '2026-11-28 01:48:55.461985+00', '{2,3,5}', '{"timestamp":"2026-11-28T01:48:55.461985Z","event_id":"first-52","user_id":"u-12","event_type":"page_view","properties":{"amount":114,"currency":"EUR","note":"Grüße, 52"}}'),
	('b-2', 'bad-2', 'purchase', '2026-11-28 01:48:55.754331+00', '{2}', '{"timestamp":"2026-11-28T01:48:55.754331Z","event_id":"b-2","user_id":"bad-2","event_type":"purchase"}');
INSERT INTO public.events_20261201 VALUES
	('second-0', 'u-0', 'purchase', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-0","user_id":"u-0","event_type":"purchase","properties":{"amount":0,"currency":"EUR","note":"Grüße, 0"}}'),
	('second-1', 'u-1', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-1","user_id":"u-1","event_type":"page_view","properties":{"amount":7,"currency":"EUR","note":"Grüße, 1"}}'),
	('second-15', 'u-15', 'purchase', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-15","user_id":"u-15","event_type":"purchase","properties":{"amount":105,"currency":"EUR","note":"Grüße, 15"}}'),
	('second-17', 'u-17', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-17","user_id":"u-17","event_type":"page_view","properties":{"amount":119,"currency":"EUR","note":"Grüße, 17"}}'),
	('second-20', 'u-0', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-20","user_id":"u-0","event_type":"page_view","properties":{"amount":140,"currency":"EUR","note":"Grüße, 20"}}'),
	('second-21', 'u-1', 'purchase', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-21","user_id":"u-1","event_type":"purchase","properties":{"amount":147,"currency":"EUR","note":"Grüße, 21"}}'),
	('second-35', 'u-15', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-35","user_id":"u-15","event_type":"page_view","properties":{"amount":245,"currency":"EUR","note":"Grüße, 35"}}'),
	('second-37', 'u-17', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-37","user_id":"u-17","event_type":"page_view","properties":{"amount":9,"currency":"EUR","note":"Grüße, 37"}}'),
	('second-5', 'u-5', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-5","user_id":"u-5","event_type":"page_view","properties":{"amount":35,"currency":"EUR","note":"Grüße, 5"}}'),
	('second-25', 'u-5', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-25","user_id":"u-5","event_type":"page_view","properties":{"amount":175,"currency":"EUR","note":"Grüße, 25"}}'),
	('second-8', 'u-8', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-8","user_id":"u-8","event_type":"page_view","properties":{"amount":56,"currency":"EUR","note":"Grüße, 8"}}'),
	('second-13', 'u-13', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-13","user_id":"u-13","event_type":"page_view","properties":{"amount":91,"currency":"EUR","note":"Grüße, 13"}}'),
	('second-16', 'u-16', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-16","user_id":"u-16","event_type":"page_view","properties":{"amount":112,"currency":"EUR","note":"Grüße, 16"}}'),
	('second-28', 'u-8', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-28","user_id":"u-8","event_type":"page_view","properties":{"amount":196,"currency":"EUR","note":"Grüße, 28"}}'),
	('second-33', 'u-13', 'purchase', '2026-12-01 01:48:57.215388+00', '{1,2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-33","user_id":"u-13","event_type":"purchase","properties":{"amount":231,"currency":"EUR","note":"Grüße, 33"}}'),
	('second-36', 'u-16', 'purchase', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-36","user_id":"u-16","event_type":"purchase","properties":{"amount":2,"currency":"EUR","note":"Grüße, 36"}}'),
	('second-4', 'u-4', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-4","user_id":"u-4","event_type":"page_view","properties":{"amount":28,"currency":"EUR","note":"Grüße, 4"}}'),
	('second-24', 'u-4', 'purchase', '2026-12-01 01:48:57.215388+00', '{1,2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-24","user_id":"u-4","event_type":"purchase","properties":{"amount":168,"currency":"EUR","note":"Grüße, 24"}}'),
	('second-3', 'u-3', 'purchase', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-3","user_id":"u-3","event_type":"purchase","properties":{"amount":21,"currency":"EUR","note":"Grüße, 3"}}'),
	('second-6', 'u-6', 'purchase', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-6","user_id":"u-6","event_type":"purchase","properties":{"amount":42,"currency":"EUR","note":"Grüße, 6"}}'),
	('second-23', 'u-3', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-23","user_id":"u-3","event_type":"page_view","properties":{"amount":161,"currency":"EUR","note":"Grüße, 23"}}'),
	('second-26', 'u-6', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-26","user_id":"u-6","event_type":"page_view","properties":{"amount":182,"currency":"EUR","note":"Grüße, 26"}}'),
	('second-2', 'u-2', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-2","user_id":"u-2","event_type":"page_view","properties":{"amount":14,"currency":"EUR","note":"Grüße, 2"}}'),
	('second-10', 'u-10', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-10","user_id":"u-10","event_type":"page_view","properties":{"amount":70,"currency":"EUR","note":"Grüße, 10"}}'),
	('second-18', 'u-18', 'purchase', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-18","user_id":"u-18","event_type":"purchase","properties":{"amount":126,"currency":"EUR","note":"Grüße, 18"}}'),
	('second-22', 'u-2', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-22","user_id":"u-2","event_type":"page_view","properties":{"amount":154,"currency":"EUR","note":"Grüße, 22"}}'),
	('second-30', 'u-10', 'purchase', '2026-12-01 01:48:57.215388+00', '{1,2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-30","user_id":"u-10","event_type":"purchase","properties":{"amount":210,"currency":"EUR","note":"Grüße, 30"}}'),
	('second-38', 'u-18', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-38","user_id":"u-18","event_type":"page_view","properties":{"amount":16,"currency":"EUR","note":"Grüße, 38"}}'),
	('second-7', 'u-7', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-7","user_id":"u-7","event_type":"page_view","properties":{"amount":49,"currency":"EUR","note":"Grüße, 7"}}'),
	('second-14', 'u-14', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-14","user_id":"u-14","event_type":"page_view","properties":{"amount":98,"currency":"EUR","note":"Grüße, 14"}}'),
	('second-19', 'u-19', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-19","user_id":"u-19","event_type":"page_view","properties":{"amount":133,"currency":"EUR","note":"Grüße, 19"}}'),
	('second-27', 'u-7', 'purchase', '2026-12-01 01:48:57.215388+00', '{1,2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-27","user_id":"u-7","event_type":"purchase","properties":{"amount":189,"currency":"EUR","note":"Grüße, 27"}}'),
	('second-34', 'u-14', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-34","user_id":"u-14","event_type":"page_view","properties":{"amount":238,"currency":"EUR","note":"Grüße, 34"}}'),
	('second-39', 'u-19', 'purchase', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-39","user_id":"u-19","event_type":"purchase","properties":{"amount":23,"currency":"EUR","note":"Grüße, 39"}}'),
	('second-9', 'u-9', 'purchase', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-9","user_id":"u-9","event_type":"purchase","properties":{"amount":63,"currency":"EUR","note":"Grüße, 9"}}'),
	('second-11', 'u-11', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-11","user_id":"u-11","event_type":"page_view","properties":{"amount":77,"currency":"EUR","note":"Grüße, 11"}}'),
	('second-12', 'u-12', 'purchase', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-12","user_id":"u-12","event_type":"purchase","properties":{"amount":84,"currency":"EUR","note":"Grüße, 12"}}'),
	('second-29', 'u-9', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-29","user_id":"u-9","event_type":"page_view","properties":{"amount":203,"currency":"EUR","note":"Grüße, 29"}}'),
	('second-31', 'u-11', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-31","user_id":"u-11","event_type":"page_view","properties":{"amount":217,"currency":"EUR","note":"Grüße, 31"}}'),
	('second-32', 'u-12', 'page_view', '2026-12-01 01:48:57.215388+00', '{2}', '{"timestamp":"2026-12-01T01:48:57.215388Z","event_id":"second-32","user_id":"u-12","event_type":"page_view","properties":{"amount":224,"currency":"EUR","note":"Grüße, 32"}}');
INSERT INTO public.frames_20261128 VALUES
	(0, 1796089735462, 0, '2026-11-28 01:48:55.461985+00', 12, 0, 0, '2026-12-01 01:48:55.499099+00', '2026-11-28 01:48:55.461985+00', '2026-11-28 01:48:55.461985+00'),
	(1, 1796089735462, 0, '2026-11-28 01:48:55.461985+00', 3, 0, 0, '2026-12-01 01:48:55.503525+00', '2026-11-28 01:48:55.461985+00', '2026-11-28 01:48:55.461985+00'),
	(2, 1796089735462, 0, '2026-11-28 01:48:55.461985+00', 9, 0, 0, '2026-12-01 01:48:55.503525+00', '2026-11-28 01:48:55.461985+00', '2026-11-28 01:48:55.461985+00'),
	(3, 1796089735462, 0, '2026-11-28 01:48:55.461985+00', 3, 0, 0, '2026-12-01 01:48:55.503525+00', '2026-11-28 01:48:55.461985+00', '2026-11-28 01:48:55.461985+00'),
	(4, 1796089735462, 0, '2026-11-28 01:48:55.461985+00', 6, 0, 0, '2026-12-01 01:48:55.503525+00', '2026-11-28 01:48:55.461985+00', '2026-11-28 01:48:55.461985+00'),
	(5, 1796089735462, 0, '2026-11-28 01:48:55.461985+00', 9, 0, 0, '2026-12-01 01:48:55.503525+00', '2026-11-28 01:48:55.461985+00', '2026-11-28 01:48:55.461985+00'),
	(6, 1796089735462, 0, '2026-11-28 01:48:55.461985+00', 9, 0, 0, '2026-12-01 01:48:55.503525+00', '2026-11-28 01:48:55.461985+00', '2026-11-28 01:48:55.461985+00'),
	(7, 1796089735462, 0, '2026-11-28 01:48:55.461985+00', 9, 0, 0, '2026-12-01 01:48:55.503525+00', '2026-11-28 01:48:55.461985+00', '2026-11-28 01:48:55.461985+00'),
	(0, 1796089735681, 0, '2026-11-28 01:48:55.680747+00', 0, 2, 0, '2026-12-01 01:48:55.70463+00', '2026-11-28 01:48:55.680747+00', '2026-11-28 01:48:55.680747+00'),
	(1, 1796089735681, 0, '2026-11-28 01:48:55.680747+00', 0, 1, 0, '2026-12-01 01:48:55.70463+00', '2026-11-28 01:48:55.680747+00', '2026-11-28 01:48:55.680747+00'),
	(2, 1796089735681, 0, '2026-11-28 01:48:55.680747+00', 0, 1, 0, '2026-12-01 01:48:55.70463+00', '2026-11-28 01:48:55.680747+00', '2026-11-28 01:48:55.680747+00'),
	(3, 1796089735681, 0, '2026-11-28 01:48:55.680747+00', 0, 1, 0, '2026-12-01 01:48:55.70463+00', '2026-11-28 01:48:55.680747+00', '2026-11-28 01:48:55.680747+00'),
	(4, 1796089735681, 0, '2026-11-28 01:48:55.680747+00', 0, 2, 0, '2026-12-01 01:48:55.70463+00', '2026-11-28 01:48:55.680747+00', '2026-11-28 01:48:55.680747+00'),
	(5, 1796089735681, 0, '2026-11-28 01:48:55.680747+00', 0, 1, 0, '2026-12-01 01:48:55.70463+00', '2026-11-28 01:48:55.680747+00', '2026-11-28 01:48:55.680747+00'),
	(6, 1796089735681, 0, '2026-11-28 01:48:55.680747+00', 0, 1, 0, '2026-12-01 01:48:55.70463+00', '2026-11-28 01:48:55.680747+00', '2026-11-28 01:48:55.680747+00'),
	(7, 1796089735681, 0, '2026-11-28 01:48:55.680747+00', 0, 1, 0, '2026-12-01 01:48:55.70463+00', '2026-11-28 01:48:55.680747+00', '2026-11-28 01:48:55.680747+00'),
	(1, 1796089735754, 0, '2026-11-28 01:48:55.754331+00', 0, 0, 1, '2026-12-01 01:48:55.775279+00', '2026-11-28 01:48:55.754331+00', '2026-11-28 01:48:55.754331+00'),
	(2, 1796089735754, 0, '2026-11-28 01:48:55.754331+00', 0, 0, 1, '2026-12-01 01:48:55.789811+00', '2026-11-28 01:48:55.754331+00', '2026-11-28 01:48:55.754331+00'),
	(1, 1796089735973, 0, '2026-11-28 01:48:55.754331+00', 1, 0, 0, '2026-12-01 01:48:55.975619+00', '2026-11-28 01:48:55.754331+00', '2026-11-28 01:48:55.754331+00');
INSERT INTO public.frames_20261201 VALUES
	(0, 1796089737215, 0, '2026-12-01 01:48:57.215388+00', 8, 0, 0, '2026-12-01 01:48:57.223009+00', '2026-12-01 01:48:57.215388+00', '2026-12-01 01:48:57.215388+00'),
	(1, 1796089737215, 0, '2026-12-01 01:48:57.215388+00', 2, 0, 0, '2026-12-01 01:48:57.229434+00', '2026-12-01 01:48:57.215388+00', '2026-12-01 01:48:57.215388+00'),
	(2, 1796089737215, 0, '2026-12-01 01:48:57.215388+00', 6, 0, 0, '2026-12-01 01:48:57.229434+00', '2026-12-01 01:48:57.215388+00', '2026-12-01 01:48:57.215388+00'),
	(3, 1796089737215, 0, '2026-12-01 01:48:57.215388+00', 2, 0, 0, '2026-12-01 01:48:57.229434+00', '2026-12-01 01:48:57.215388+00', '2026-12-01 01:48:57.215388+00'),
	(4, 1796089737215, 0, '2026-12-01 01:48:57.215388+00', 4, 0, 0, '2026-12-01 01:48:57.229434+00', '2026-12-01 01:48:57.215388+00', '2026-12-01 01:48:57.215388+00'),
	(5, 1796089737215, 0, '2026-12-01 01:48:57.215388+00', 6, 0, 0, '2026-12-01 01:48:57.229434+00', '2026-12-01 01:48:57.215388+00', '2026-12-01 01:48:57.215388+00'),
	(6, 1796089737215, 0, '2026-12-01 01:48:57.215388+00', 6, 0, 0, '2026-12-01 01:48:57.229434+00', '2026-12-01 01:48:57.215388+00', '2026-12-01 01:48:57.215388+00'),
	(7, 1796089737215, 0, '2026-12-01 01:48:57.215388+00', 6, 0, 0, '2026-12-01 01:48:57.229434+00', '2026-12-01 01:48:57.215388+00', '2026-12-01 01:48:57.215388+00');
INSERT INTO public.partitions VALUES
	('2026-12-01 00:00:00+00', '2026-12-02 00:00:00+00', '20261201', NULL, NULL),
	('2026-12-02 00:00:00+00', '2026-12-03 00:00:00+00', '20261202', NULL, NULL),
	('2026-12-03 00:00:00+00', '2026-12-04 00:00:00+00', '20261203', NULL, NULL),
	('2026-11-28 00:00:00+00', '2026-11-29 00:00:00+00', '20261128', '2026-12-01 01:48:57.080546+00', 0);
INSERT INTO public.refinery_schema_history VALUES
	(1, 'campaigns', '2026-12-01T01:48:54.842234396Z', '11829591415396837768'),
	(2, 'events', '2026-12-01T01:48:54.853387551Z', '4807634812925955133'),
	(3, 'operation', '2026-12-01T01:48:54.860654178Z', '17226103365821515313'),
	(4, 'delivery', '2026-12-01T01:48:54.867746115Z', '6081358145822699651'),
	(5, 'keys', '2026-12-01T01:48:54.872169867Z', '3240463696725029096'),
	(6, 'campaign_authors', '2026-12-01T01:48:54.873114093Z', '15107248676591895144'),
	(7, 'one_brin_index', '2026-12-01T01:48:54.878325363Z', '2565795548542810464'),
	(8, 'open_partitions_unvacuumed', '2026-12-01T01:48:54.880376445Z', '9760776890206522473');
INSERT INTO public.triggers_20261128 VALUES
	(2, 2, 'first-0', 'u-0', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-0', 'u-0', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-1', 'u-1', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-1', 'u-1', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-1', 'u-1', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-15', 'u-15', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-15', 'u-15', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-15', 'u-15', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-17', 'u-17', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-17', 'u-17', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-17', 'u-17', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-20', 'u-0', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-20', 'u-0', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-21', 'u-1', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-21', 'u-1', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-21', 'u-1', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-35', 'u-15', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-35', 'u-15', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-35', 'u-15', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-37', 'u-17', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-37', 'u-17', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-37', 'u-17', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-40', 'u-0', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-40', 'u-0', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-41', 'u-1', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-41', 'u-1', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-41', 'u-1', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-55', 'u-15', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-55', 'u-15', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-55', 'u-15', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-57', 'u-17', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-57', 'u-17', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-57', 'u-17', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-5', 'u-5', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-5', 'u-5', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-25', 'u-5', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-25', 'u-5', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-45', 'u-5', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-45', 'u-5', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-8', 'u-8', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-8', 'u-8', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-13', 'u-13', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-13', 'u-13', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-13', 'u-13', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-16', 'u-16', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-16', 'u-16', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-16', 'u-16', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-28', 'u-8', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-28', 'u-8', '2026-11-28 01:48:55.461985+00'),
	(1, 2, 'first-33', 'u-13', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-33', 'u-13', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-33', 'u-13', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-33', 'u-13', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-36', 'u-16', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-36', 'u-16', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-36', 'u-16', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-48', 'u-8', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-48', 'u-8', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-53', 'u-13', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-53', 'u-13', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-53', 'u-13', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-56', 'u-16', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-56', 'u-16', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-56', 'u-16', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-4', 'u-4', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-4', 'u-4', '2026-11-28 01:48:55.461985+00'),
	(1, 2, 'first-24', 'u-4', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-24', 'u-4', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-24', 'u-4', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-44', 'u-4', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-44', 'u-4', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-3', 'u-3', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-3', 'u-3', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-6', 'u-6', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-6', 'u-6', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-23', 'u-3', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-23', 'u-3', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-26', 'u-6', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-26', 'u-6', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-43', 'u-3', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-43', 'u-3', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-46', 'u-6', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-46', 'u-6', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-2', 'u-2', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-2', 'u-2', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-10', 'u-10', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-10', 'u-10', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-10', 'u-10', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-18', 'u-18', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-18', 'u-18', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-18', 'u-18', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-22', 'u-2', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-22', 'u-2', '2026-11-28 01:48:55.461985+00'),
	(1, 2, 'first-30', 'u-10', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-30', 'u-10', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-30', 'u-10', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-30', 'u-10', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-38', 'u-18', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-38', 'u-18', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-38', 'u-18', '2026-11-28 01:48:55.461985+00');
INSERT INTO public.triggers_20261128 VALUES
	(2, 2, 'first-42', 'u-2', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-42', 'u-2', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-50', 'u-10', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-50', 'u-10', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-50', 'u-10', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-58', 'u-18', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-58', 'u-18', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-58', 'u-18', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-7', 'u-7', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-7', 'u-7', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-14', 'u-14', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-14', 'u-14', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-14', 'u-14', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-19', 'u-19', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-19', 'u-19', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-19', 'u-19', '2026-11-28 01:48:55.461985+00'),
	(1, 2, 'first-27', 'u-7', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-27', 'u-7', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-27', 'u-7', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-34', 'u-14', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-34', 'u-14', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-34', 'u-14', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-39', 'u-19', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-39', 'u-19', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-39', 'u-19', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-47', 'u-7', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-47', 'u-7', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-54', 'u-14', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-54', 'u-14', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-54', 'u-14', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-59', 'u-19', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-59', 'u-19', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-59', 'u-19', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-9', 'u-9', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-9', 'u-9', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-11', 'u-11', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-11', 'u-11', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-11', 'u-11', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-12', 'u-12', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-12', 'u-12', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-12', 'u-12', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-29', 'u-9', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-29', 'u-9', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-31', 'u-11', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-31', 'u-11', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-31', 'u-11', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-32', 'u-12', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-32', 'u-12', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-32', 'u-12', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-49', 'u-9', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-49', 'u-9', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-51', 'u-11', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-51', 'u-11', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-51', 'u-11', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'first-52', 'u-12', '2026-11-28 01:48:55.461985+00'),
	(3, 1, 'first-52', 'u-12', '2026-11-28 01:48:55.461985+00'),
	(5, 1, 'first-52', 'u-12', '2026-11-28 01:48:55.461985+00'),
	(2, 2, 'b-2', 'bad-2', '2026-11-28 01:48:55.754331+00');
INSERT INTO public.triggers_20261201 VALUES
	(2, 2, 'second-0', 'u-0', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-1', 'u-1', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-15', 'u-15', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-17', 'u-17', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-20', 'u-0', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-21', 'u-1', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-35', 'u-15', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-37', 'u-17', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-5', 'u-5', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-25', 'u-5', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-8', 'u-8', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-13', 'u-13', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-16', 'u-16', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-28', 'u-8', '2026-12-01 01:48:57.215388+00'),
	(1, 2, 'second-33', 'u-13', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-33', 'u-13', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-36', 'u-16', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-4', 'u-4', '2026-12-01 01:48:57.215388+00'),
	(1, 2, 'second-24', 'u-4', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-24', 'u-4', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-3', 'u-3', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-6', 'u-6', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-23', 'u-3', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-26', 'u-6', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-2', 'u-2', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-10', 'u-10', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-18', 'u-18', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-22', 'u-2', '2026-12-01 01:48:57.215388+00'),
	(1, 2, 'second-30', 'u-10', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-30', 'u-10', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-38', 'u-18', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-7', 'u-7', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-14', 'u-14', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-19', 'u-19', '2026-12-01 01:48:57.215388+00'),
	(1, 2, 'second-27', 'u-7', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-27', 'u-7', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-34', 'u-14', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-39', 'u-19', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-9', 'u-9', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-11', 'u-11', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-12', 'u-12', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-29', 'u-9', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-31', 'u-11', '2026-12-01 01:48:57.215388+00'),
	(2, 2, 'second-32', 'u-12', '2026-12-01 01:48:57.215388+00');
SELECT pg_catalog.setval('public.api_keys_id_seq', 3, true);
SELECT pg_catalog.setval('public.campaign_revision', 9, true);
SELECT pg_catalog.setval('public.campaigns_id_seq', 5, true);
SELECT pg_catalog.setval('public.dead_letters_id_seq', 2, true);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);
ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.campaign_versions
    ADD CONSTRAINT campaign_versions_pkey PRIMARY KEY (campaign_id, version);
ALTER TABLE ONLY public.campaigns
    ADD CONSTRAINT campaigns_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.claim_epochs
    ADD CONSTRAINT claim_epochs_pkey PRIMARY KEY (shard);
ALTER TABLE ONLY public.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.frames
    ADD CONSTRAINT frames_pkey PRIMARY KEY (shard, entry_ms, entry_seq, received_at);
ALTER TABLE ONLY public.frames_20261128
    ADD CONSTRAINT frames_20261128_pkey PRIMARY KEY (shard, entry_ms, entry_seq, received_at);
ALTER TABLE ONLY public.frames_20261201
    ADD CONSTRAINT frames_20261201_pkey PRIMARY KEY (shard, entry_ms, entry_seq, received_at);
ALTER TABLE ONLY public.frames_20261202
    ADD CONSTRAINT frames_20261202_pkey PRIMARY KEY (shard, entry_ms, entry_seq, received_at);
ALTER TABLE ONLY public.frames_20261203
    ADD CONSTRAINT frames_20261203_pkey PRIMARY KEY (shard, entry_ms, entry_seq, received_at);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (caller, key);
ALTER TABLE ONLY public.partitions
    ADD CONSTRAINT partitions_pkey PRIMARY KEY (lower_bound);
ALTER TABLE ONLY public.partitions
    ADD CONSTRAINT partitions_suffix_key UNIQUE (suffix);
ALTER TABLE ONLY public.partitions
    ADD CONSTRAINT partitions_upper_bound_key UNIQUE (upper_bound);
ALTER TABLE ONLY public.refinery_schema_history
    ADD CONSTRAINT refinery_schema_history_pkey PRIMARY KEY (version);
CREATE UNIQUE INDEX campaigns_revision ON public.campaigns USING btree (revision);
CREATE UNIQUE INDEX events_20261128_event_id_key ON public.events_20261128 USING btree (event_id);
CREATE INDEX events_lookup ON ONLY public.events USING brin (received_at, event_id text_bloom_ops, user_id text_bloom_ops) WITH (pages_per_range='64');
CREATE INDEX events_20261128_received_at_event_id_user_id_idx ON public.events_20261128 USING brin (received_at, event_id text_bloom_ops, user_id text_bloom_ops) WITH (pages_per_range='64');
CREATE INDEX events_20261128_user_id_received_at_idx ON public.events_20261128 USING btree (user_id, received_at);
CREATE INDEX events_20261201_received_at_event_id_user_id_idx ON public.events_20261201 USING brin (received_at, event_id text_bloom_ops, user_id text_bloom_ops) WITH (pages_per_range='64');
CREATE INDEX events_20261202_received_at_event_id_user_id_idx ON public.events_20261202 USING brin (received_at, event_id text_bloom_ops, user_id text_bloom_ops) WITH (pages_per_range='64');
CREATE INDEX events_20261203_received_at_event_id_user_id_idx ON public.events_20261203 USING brin (received_at, event_id text_bloom_ops, user_id text_bloom_ops) WITH (pages_per_range='64');
CREATE INDEX frames_stored_at ON ONLY public.frames USING brin (stored_at) WITH (pages_per_range='64');
CREATE INDEX frames_20261128_stored_at_idx ON public.frames_20261128 USING brin (stored_at) WITH (pages_per_range='64');
CREATE INDEX frames_20261201_stored_at_idx ON public.frames_20261201 USING brin (stored_at) WITH (pages_per_range='64');
CREATE INDEX frames_20261202_stored_at_idx ON public.frames_20261202 USING brin (stored_at) WITH (pages_per_range='64');
CREATE INDEX frames_20261203_stored_at_idx ON public.frames_20261203 USING brin (stored_at) WITH (pages_per_range='64');
CREATE INDEX idempotency_keys_created_at ON public.idempotency_keys USING btree (created_at);
CREATE INDEX triggers_20261128_campaign_id_received_at_idx ON public.triggers_20261128 USING btree (campaign_id, received_at);
CREATE INDEX triggers_20261128_event_id_idx ON public.triggers_20261128 USING btree (event_id);
CREATE INDEX triggers_lookup ON ONLY public.triggers USING brin (received_at, campaign_id int8_bloom_ops, user_id text_bloom_ops (n_distinct_per_range='-0.35')) WITH (pages_per_range='16');
CREATE INDEX triggers_20261128_received_at_campaign_id_user_id_idx ON public.triggers_20261128 USING brin (received_at, campaign_id int8_bloom_ops, user_id text_bloom_ops (n_distinct_per_range='-0.35')) WITH (pages_per_range='16');
CREATE INDEX triggers_20261201_received_at_campaign_id_user_id_idx ON public.triggers_20261201 USING brin (received_at, campaign_id int8_bloom_ops, user_id text_bloom_ops (n_distinct_per_range='-0.35')) WITH (pages_per_range='16');
CREATE INDEX triggers_20261202_received_at_campaign_id_user_id_idx ON public.triggers_20261202 USING brin (received_at, campaign_id int8_bloom_ops, user_id text_bloom_ops (n_distinct_per_range='-0.35')) WITH (pages_per_range='16');
CREATE INDEX triggers_20261203_received_at_campaign_id_user_id_idx ON public.triggers_20261203 USING brin (received_at, campaign_id int8_bloom_ops, user_id text_bloom_ops (n_distinct_per_range='-0.35')) WITH (pages_per_range='16');
ALTER INDEX public.events_lookup ATTACH PARTITION public.events_20261128_received_at_event_id_user_id_idx;
ALTER INDEX public.events_lookup ATTACH PARTITION public.events_20261201_received_at_event_id_user_id_idx;
ALTER INDEX public.events_lookup ATTACH PARTITION public.events_20261202_received_at_event_id_user_id_idx;
ALTER INDEX public.events_lookup ATTACH PARTITION public.events_20261203_received_at_event_id_user_id_idx;
ALTER INDEX public.frames_pkey ATTACH PARTITION public.frames_20261128_pkey;
ALTER INDEX public.frames_stored_at ATTACH PARTITION public.frames_20261128_stored_at_idx;
ALTER INDEX public.frames_pkey ATTACH PARTITION public.frames_20261201_pkey;
ALTER INDEX public.frames_stored_at ATTACH PARTITION public.frames_20261201_stored_at_idx;
ALTER INDEX public.frames_pkey ATTACH PARTITION public.frames_20261202_pkey;
ALTER INDEX public.frames_stored_at ATTACH PARTITION public.frames_20261202_stored_at_idx;
ALTER INDEX public.frames_pkey ATTACH PARTITION public.frames_20261203_pkey;
ALTER INDEX public.frames_stored_at ATTACH PARTITION public.frames_20261203_stored_at_idx;
ALTER INDEX public.triggers_lookup ATTACH PARTITION public.triggers_20261128_received_at_campaign_id_user_id_idx;
ALTER INDEX public.triggers_lookup ATTACH PARTITION public.triggers_20261201_received_at_campaign_id_user_id_idx;
ALTER INDEX public.triggers_lookup ATTACH PARTITION public.triggers_20261202_received_at_campaign_id_user_id_idx;
ALTER INDEX public.triggers_lookup ATTACH PARTITION public.triggers_20261203_received_at_campaign_id_user_id_idx;
CREATE TRIGGER campaign_versions_immutable BEFORE DELETE OR UPDATE ON public.campaign_versions FOR EACH ROW EXECUTE FUNCTION public.refuse_rewriting_history();
CREATE TRIGGER campaigns_keep_version AFTER INSERT OR UPDATE ON public.campaigns FOR EACH ROW EXECUTE FUNCTION public.keep_campaign_version();
CREATE TRIGGER campaigns_notify AFTER INSERT OR UPDATE ON public.campaigns FOR EACH STATEMENT EXECUTE FUNCTION public.notify_campaigns_changed();
CREATE TRIGGER campaigns_stamp_revision BEFORE INSERT OR UPDATE ON public.campaigns FOR EACH ROW EXECUTE FUNCTION public.stamp_campaign_revision();
ALTER TABLE ONLY public.campaign_versions
    ADD CONSTRAINT campaign_versions_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_campaign_id_fkey FOREIGN KEY (campaign_id) REFERENCES public.campaigns(id);
