-- Segments whose frames live elsewhere: compacted ones, and journals that a checkpoint replaced.

ALTER TABLE catalog.segment ADD COLUMN superseded_at timestamptz;
COMMENT ON COLUMN catalog.segment.superseded_at IS 'nothing refers to its frames since then; its files are removed a grace time later, then this row';
CREATE INDEX segment_superseded ON catalog.segment (superseded_at) WHERE superseded_at IS NOT NULL;

-- Whether any mailbox still shows a message: asked for each that leaves one for good.
CREATE INDEX mailbox_message_by_message ON catalog.mailbox_message (message_id);
