CREATE TABLE "echo" (
	"tenant" integer NOT NULL,
	"stream_id" integer NOT NULL,
	"no" bigint NOT NULL,
	"page_id" bigint NOT NULL,
	"fields" text[] NOT NULL,
	CONSTRAINT "echo_stream_id_no_page_id_pk" PRIMARY KEY("stream_id","no","page_id")
);
--> statement-breakpoint
CREATE TABLE "write_ledger" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"stream_id" integer NOT NULL,
	"run_id" bigint NOT NULL,
	"entity" text NOT NULL,
	"entity_id" bigint NOT NULL,
	"part" text collate "C" DEFAULT '' NOT NULL,
	"action" text NOT NULL,
	"external_id" text,
	"key" text NOT NULL,
	"values" jsonb NOT NULL,
	"expected" jsonb,
	"ours" jsonb NOT NULL,
	"theirs" jsonb NOT NULL,
	"conflicts" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"state" text NOT NULL,
	"outcome" jsonb,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"sent_at" timestamp with time zone,
	"done_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "write_state" (
	"tenant" integer NOT NULL,
	"stream_id" integer NOT NULL,
	"entity" text NOT NULL,
	"entity_id" bigint NOT NULL,
	"part" text collate "C" DEFAULT '' NOT NULL,
	"external_id" text collate "C" NOT NULL,
	"state" text NOT NULL,
	"ours" jsonb NOT NULL,
	"theirs" jsonb NOT NULL,
	"written" jsonb NOT NULL,
	"synced_at" timestamp with time zone NOT NULL,
	CONSTRAINT "write_state_stream_id_entity_id_part_pk" PRIMARY KEY("stream_id","entity_id","part")
);
--> statement-breakpoint
ALTER TABLE "outbox" ADD COLUMN "xact" "xid8" DEFAULT pg_current_xact_id() NOT NULL;--> statement-breakpoint
ALTER TABLE "stream" ADD COLUMN "direction" text DEFAULT 'in' NOT NULL;--> statement-breakpoint
CREATE INDEX "write_ledger_open" ON "write_ledger" USING btree ("stream_id","id") WHERE state in ('listed', 'planned', 'sent', 'retry');--> statement-breakpoint
CREATE INDEX "write_ledger_entity" ON "write_ledger" USING btree ("entity_id");--> statement-breakpoint
CREATE INDEX "write_state_external" ON "write_state" USING btree ("stream_id","external_id");--> statement-breakpoint
CREATE INDEX "outbox_xact" ON "outbox" USING btree ("tenant","xact","id");--> statement-breakpoint
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
