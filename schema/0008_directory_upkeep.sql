-- Settings of the trackers' upkeep, for the whole cluster.

ALTER TABLE directory.cluster
    ADD COLUMN compression text NOT NULL DEFAULT 'none' CHECK (compression IN ('none', 'zstd')),
    ADD COLUMN expunged_retention interval NOT NULL DEFAULT '14 days'
        CHECK (expunged_retention >= '0'),
    ADD COLUMN superseded_grace interval NOT NULL DEFAULT '1 day' CHECK (superseded_grace >= '0'),
    ADD COLUMN scrub_interval interval NOT NULL DEFAULT '14 days' CHECK (scrub_interval > '0'),
    ADD COLUMN compact_dead_share real NOT NULL DEFAULT 0.5
        CHECK (compact_dead_share > 0 AND compact_dead_share <= 1),
    ADD COLUMN upkeep_bytes_per_second bigint NOT NULL DEFAULT 67108864
        CHECK (upkeep_bytes_per_second BETWEEN 65536 AND 1099511627776);
COMMENT ON COLUMN directory.cluster.compression IS 'of messages in new segments; one that does not shrink is kept as it is';
COMMENT ON COLUMN directory.cluster.expunged_retention IS 'how long an expunged message can be restored';
COMMENT ON COLUMN directory.cluster.superseded_grace IS 'how long a file that nothing refers to any more is kept';
COMMENT ON COLUMN directory.cluster.scrub_interval IS 'every copy of a sealed segment is read whole so often';
COMMENT ON COLUMN directory.cluster.compact_dead_share IS 'a sealed segment is compacted when so much of it belongs to no mailbox any more';
COMMENT ON COLUMN directory.cluster.upkeep_bytes_per_second IS 'what one tracker may read for repair, scrub and compaction, each';
