CREATE TABLE "merged_record" (
	"stream_id" integer NOT NULL,
	"external_id" text collate "C" NOT NULL,
	"tenant" integer NOT NULL,
	"merged_into" text collate "C" NOT NULL,
	CONSTRAINT "merged_record_stream_id_external_id_pk" PRIMARY KEY("stream_id","external_id")
);
--> statement-breakpoint
CREATE INDEX "merged_record_survivor" ON "merged_record" USING btree ("stream_id","merged_into");--> statement-breakpoint
-- The tables made since the last walls get theirs.
DO $$
DECLARE name text;
BEGIN
  FOR name IN
    SELECT c.table_name FROM information_schema.columns c JOIN pg_class t ON t.oid = format('public.%I', c.table_name)::regclass
    WHERE c.table_schema = 'public' AND c.column_name = 'tenant' AND NOT t.relrowsecurity ORDER BY c.table_name
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant_wall ON %I TO tributary_reader USING (tenant = nullif(current_setting(''tributary.tenant'', true), '''')::integer)', name);
    EXECUTE format('GRANT SELECT ON %I TO tributary_reader', name);
  END LOOP;
END $$;
