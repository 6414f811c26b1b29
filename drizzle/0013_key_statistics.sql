-- Keys that begin with a stream are looked up whole. What the planner knows of streams would mislead it: one that was
-- filled since the statistics were made counts as empty, and is then read through for every key.
ALTER TABLE "record" ALTER COLUMN "stream_id" SET DATA TYPE integer, ALTER COLUMN "stream_id" SET STATISTICS 0;--> statement-breakpoint
ALTER TABLE "record_history" ALTER COLUMN "stream_id" SET DATA TYPE integer, ALTER COLUMN "stream_id" SET STATISTICS 0;--> statement-breakpoint
ALTER TABLE "merged_record" ALTER COLUMN "stream_id" SET DATA TYPE integer, ALTER COLUMN "stream_id" SET STATISTICS 0;--> statement-breakpoint
ALTER TABLE "contribution" ALTER COLUMN "stream_id" SET DATA TYPE integer, ALTER COLUMN "stream_id" SET STATISTICS 0;--> statement-breakpoint
ALTER TABLE "dead_letter" ALTER COLUMN "stream_id" SET DATA TYPE integer, ALTER COLUMN "stream_id" SET STATISTICS 0;--> statement-breakpoint
ALTER TABLE "stock_waiting" ALTER COLUMN "stream_id" SET DATA TYPE integer, ALTER COLUMN "stream_id" SET STATISTICS 0;--> statement-breakpoint
ALTER TABLE "inbound_change" ALTER COLUMN "stream_id" SET DATA TYPE integer, ALTER COLUMN "stream_id" SET STATISTICS 0;--> statement-breakpoint
ALTER TABLE "write_state" ALTER COLUMN "stream_id" SET DATA TYPE integer, ALTER COLUMN "stream_id" SET STATISTICS 0;--> statement-breakpoint
ALTER TABLE "echo" ALTER COLUMN "stream_id" SET DATA TYPE integer, ALTER COLUMN "stream_id" SET STATISTICS 0;
