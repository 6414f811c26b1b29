CREATE TABLE "inbound_change" (
	"stream_id" integer NOT NULL,
	"external_id" text collate "C" NOT NULL,
	"tenant" integer NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"times" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "inbound_change_stream_id_external_id_pk" PRIMARY KEY("stream_id","external_id")
);
--> statement-breakpoint
CREATE TABLE "inbound_delivery" (
	"connection_id" integer NOT NULL,
	"delivery_id" text NOT NULL,
	"tenant" integer NOT NULL,
	"received_at" timestamp with time zone NOT NULL,
	"sent_at" timestamp with time zone,
	"changed" integer NOT NULL,
	"ignored" integer NOT NULL,
	CONSTRAINT "inbound_delivery_connection_id_delivery_id_pk" PRIMARY KEY("connection_id","delivery_id")
);
--> statement-breakpoint
CREATE TABLE "login" (
	"state_hash" text PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"connection_id" integer NOT NULL,
	"sealed_verifier" text NOT NULL,
	"redirect_uri" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"used_at" timestamp with time zone,
	"finished_at" timestamp with time zone,
	"problem" text
);
--> statement-breakpoint
CREATE TABLE "rate_budget" (
	"key" text PRIMARY KEY NOT NULL,
	"state" jsonb NOT NULL
);
--> statement-breakpoint
ALTER TABLE "credential" ALTER COLUMN "sealed" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "credential" ALTER COLUMN "key_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "connection" ADD COLUMN "webhook_url" text;--> statement-breakpoint
ALTER TABLE "connection" ADD COLUMN "webhooks_inspected_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "connection" ADD COLUMN "webhooks_problem" text;--> statement-breakpoint
ALTER TABLE "credential" ADD COLUMN "epoch" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "credential" ADD COLUMN "refreshing_until" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "stream" ADD COLUMN "reconcile" text DEFAULT 'manual' NOT NULL;--> statement-breakpoint
ALTER TABLE "stream" ADD COLUMN "next_reconcile_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "stream" ADD COLUMN "sweep" text DEFAULT 'manual' NOT NULL;--> statement-breakpoint
ALTER TABLE "stream" ADD COLUMN "next_sweep_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "stream" ADD COLUMN "sweep_cursor" jsonb;--> statement-breakpoint
CREATE INDEX "inbound_delivery_received" ON "inbound_delivery" USING btree ("tenant","received_at");--> statement-breakpoint
-- The tables made since the last walls get theirs; what is sealed or shared between tenants is not for readers.
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
    IF name NOT IN ('login') THEN
      EXECUTE format('GRANT SELECT ON %I TO tributary_reader', name);
    END IF;
  END LOOP;
END $$;
