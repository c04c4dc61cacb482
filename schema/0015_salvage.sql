-- Segments that cannot be made whole any more: what is left of them moves (finish_compaction()), and a
-- journal segment is given up.

-- The journal's state first, as whoever writes the journal locks it. A checkpoint that does not count
-- any more is written anew, and supersedes what is left of the rounds before it.
CREATE FUNCTION catalog.abandon_journal(p_segment uuid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM FROM catalog.journal_state s FOR UPDATE;
    UPDATE catalog.segment g SET superseded_at = now(), upkeep_by = NULL, upkeep_until = NULL
     WHERE g.id = p_segment AND g.writer = '/journal' AND g.superseded_at IS NULL;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    DELETE FROM catalog.copy_owed o WHERE o.segment_id = p_segment;
    DELETE FROM catalog.journal_segment j WHERE j.segment_id = p_segment;
    IF FOUND THEN
        UPDATE catalog.journal_state s SET checkpoint = 0, checkpoint_bytes = 0;
    END IF;
END
$$;
COMMENT ON FUNCTION catalog.abandon_journal(uuid) IS 'Supersedes a journal segment that is lost; if it counted, a new checkpoint follows at once';

CREATE FUNCTION catalog.count_unknown(p_messages uuid[]) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog AS $$
    SELECT count(*)
      FROM unnest(p_messages) AS x(id)
     WHERE NOT EXISTS (SELECT FROM catalog.message m WHERE m.id = x.id)
       AND NOT EXISTS (SELECT FROM catalog.aborted a WHERE a.message_id = x.id)
       AND NOT EXISTS (SELECT FROM catalog.forgotten f WHERE f.message_id = x.id)
$$;
COMMENT ON FUNCTION catalog.count_unknown(uuid[]) IS 'How many of these messages were neither delivered nor refused';

REVOKE ALL ON FUNCTION catalog.abandon_journal(uuid), catalog.count_unknown(uuid[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.abandon_journal(uuid), catalog.count_unknown(uuid[]) TO roundtable_trackerd;
