-- Retention of expunged messages, compaction, and the removal of files that nothing refers to.

-- A segment that a tracker wrote whole: it knows the frames, and tells of them itself.
CREATE FUNCTION catalog.note_whole_segments(p_segments jsonb) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
BEGIN
    PERFORM catalog.note_segments(p_segments);
    UPDATE catalog.segment s SET catalogued_to = s.length
      FROM jsonb_array_elements(p_segments) AS e
     WHERE s.id = (e ->> 'id')::uuid AND s.boot_epoch = 0 AND s.state = 'sealed';
END
$$;
COMMENT ON FUNCTION catalog.note_whole_segments(jsonb) IS 'As note_segments(), of segments whose frames are all dealt with';
REVOKE ALL ON FUNCTION catalog.note_whole_segments(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION catalog.note_whole_segments(jsonb) TO roundtable_trackerd;
