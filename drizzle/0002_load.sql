ALTER TABLE "dead_letter" ADD COLUMN "version" bigint;--> statement-breakpoint
ALTER TABLE "held_delete" ADD COLUMN "page_id" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "page" ADD COLUMN "stale" "int8multirange" DEFAULT '{}' NOT NULL;