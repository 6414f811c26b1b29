CREATE SEQUENCE "public"."id_block" INCREMENT BY 1024 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1024 CACHE 1;--> statement-breakpoint
CREATE TABLE "alert" (
	"tenant" integer NOT NULL,
	"cause" text NOT NULL,
	"message" text NOT NULL,
	"opened_at" timestamp with time zone NOT NULL,
	"recovered_at" timestamp with time zone,
	"told" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "alert_tenant_cause_opened_at_pk" PRIMARY KEY("tenant","cause","opened_at")
);
--> statement-breakpoint
CREATE TABLE "api_key" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"hash" text NOT NULL,
	"scopes" text[] NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"revoked_at" timestamp with time zone,
	CONSTRAINT "api_key_hash_unique" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"subject" text NOT NULL,
	"details" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "campaign" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"name" text,
	"type" text,
	"status" text,
	"channels" jsonb,
	"segment_id" text,
	"target_audience" jsonb,
	"content" jsonb,
	"starts_at" timestamp with time zone,
	"ends_at" timestamp with time zone,
	"timezone" text,
	"frequency" text,
	"execution_mode" text,
	"lead_time" text,
	"promo_code" text,
	"promo_discount_percent" numeric,
	"integration_settings" jsonb,
	"budget" numeric,
	"cost" numeric,
	"currency" text,
	"metadata" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"archived_at" timestamp with time zone,
	"merged_into" bigint
);
--> statement-breakpoint
CREATE TABLE "connection" (
	"id" serial PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"name" text NOT NULL,
	"connector" text NOT NULL,
	"direction" text DEFAULT 'in' NOT NULL,
	"settings" jsonb NOT NULL,
	"stock_authority" boolean DEFAULT true NOT NULL,
	"paused_at" timestamp with time zone,
	"writes_approved_at" timestamp with time zone,
	"removed_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "contribution" (
	"stream_id" integer NOT NULL,
	"no" bigint NOT NULL,
	"tenant" integer NOT NULL,
	"entity_id" bigint NOT NULL,
	"mapping_id" integer NOT NULL,
	"output" text NOT NULL,
	"entity" text NOT NULL,
	"state" text NOT NULL,
	"changed" jsonb,
	"since" bigint NOT NULL,
	"page_id" bigint NOT NULL,
	"slot" integer NOT NULL,
	"mapping_set" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "credential" (
	"tenant" integer NOT NULL,
	"connection_id" integer NOT NULL,
	"name" text NOT NULL,
	"sealed" text NOT NULL,
	"key_id" text NOT NULL,
	"expires_at" timestamp with time zone,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "credential_connection_id_name_pk" PRIMARY KEY("connection_id","name")
);
--> statement-breakpoint
CREATE TABLE "customer" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"email" text,
	"first_name" text,
	"last_name" text,
	"phone" text,
	"addresses" jsonb,
	"tags" jsonb,
	"loyalty_tier" text,
	"lifecycle_stage" text,
	"value_segment" text,
	"total_spent" numeric,
	"order_count" bigint,
	"last_order_at" timestamp with time zone,
	"consent" jsonb,
	"metadata" jsonb,
	"email_key" text collate "C",
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"archived_at" timestamp with time zone,
	"merged_into" bigint
);
--> statement-breakpoint
CREATE TABLE "dead_letter" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"stream_id" integer NOT NULL,
	"run_id" bigint NOT NULL,
	"page_id" bigint NOT NULL,
	"slot" integer,
	"external_id" text,
	"position" bigint,
	"code" text NOT NULL,
	"problems" jsonb NOT NULL,
	"state" text NOT NULL,
	"times" integer DEFAULT 1 NOT NULL,
	"first_at" timestamp with time zone NOT NULL,
	"last_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "decision" (
	"tenant" integer NOT NULL,
	"entity_id" bigint NOT NULL,
	"field" text NOT NULL,
	"value" jsonb,
	"decided_by" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	CONSTRAINT "decision_entity_id_field_pk" PRIMARY KEY("entity_id","field")
);
--> statement-breakpoint
CREATE TABLE "delivery" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"subscription_id" bigint NOT NULL,
	"outbox_id" bigint NOT NULL,
	"entity_id" bigint NOT NULL,
	"state" text NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone,
	"answer" jsonb
);
--> statement-breakpoint
CREATE TABLE "held_delete" (
	"tenant" integer NOT NULL,
	"run_id" bigint NOT NULL,
	"stream_id" integer NOT NULL,
	"no" bigint NOT NULL,
	"external_id" text NOT NULL,
	"state" text NOT NULL,
	CONSTRAINT "held_delete_run_id_no_pk" PRIMARY KEY("run_id","no")
);
--> statement-breakpoint
CREATE TABLE "lead" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"email" text,
	"first_name" text,
	"last_name" text,
	"phone" text,
	"title" text,
	"company" jsonb,
	"source" text,
	"campaign_id" bigint,
	"status" text,
	"sales_stage" text,
	"sales_rep" text,
	"lead_score" bigint,
	"interest_level" text,
	"budget_range" text,
	"timeline" text,
	"pain_points" jsonb,
	"tracking" jsonb,
	"notes" text,
	"follow_up_at" timestamp with time zone,
	"consent" jsonb,
	"metadata" jsonb,
	"email_key" text collate "C",
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"archived_at" timestamp with time zone,
	"merged_into" bigint
);
--> statement-breakpoint
CREATE TABLE "location" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"code" text,
	"name" text,
	"address" jsonb,
	"code_key" text collate "C",
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"archived_at" timestamp with time zone,
	"merged_into" bigint
);
--> statement-breakpoint
CREATE TABLE "mapping" (
	"id" serial PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"name" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "mapping_set" (
	"id" serial PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"hash" text NOT NULL,
	"members" jsonb NOT NULL,
	"policy" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "mapping_version" (
	"tenant" integer NOT NULL,
	"version" text NOT NULL,
	"mapping_id" integer NOT NULL,
	"source" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "mapping_version_mapping_id_version_pk" PRIMARY KEY("mapping_id","version")
);
--> statement-breakpoint
CREATE TABLE "opportunity" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"name" text,
	"stage" text,
	"amount" numeric,
	"currency" text,
	"probability" numeric,
	"close_date" date,
	"lead_id" bigint,
	"customer_id" bigint,
	"campaign_id" bigint,
	"metadata" jsonb,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"archived_at" timestamp with time zone,
	"merged_into" bigint
);
--> statement-breakpoint
CREATE TABLE "orders" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"number" text,
	"customer_id" bigint,
	"status" text,
	"payment_status" text,
	"fulfillment_status" text,
	"items" jsonb,
	"total" numeric,
	"refunded" numeric,
	"currency" text,
	"shipping_address" jsonb,
	"billing_address" jsonb,
	"payment_method" text,
	"shipping_method" text,
	"tracking_number" text,
	"placed_at" timestamp with time zone,
	"attribution" jsonb,
	"notes" text,
	"metadata" jsonb,
	"number_key" text collate "C",
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"archived_at" timestamp with time zone,
	"merged_into" bigint
);
--> statement-breakpoint
CREATE TABLE "outbox" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"page_id" bigint,
	"entity" text NOT NULL,
	"change" text NOT NULL,
	"ids" bigint[] NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"published_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "page" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"stream_id" integer NOT NULL,
	"run_id" bigint NOT NULL,
	"seq" integer NOT NULL,
	"window_id" text NOT NULL,
	"scope" text NOT NULL,
	"observed_at" timestamp with time zone NOT NULL,
	"read" integer NOT NULL,
	"context" jsonb NOT NULL,
	"payload" "bytea" NOT NULL,
	"bytes" integer NOT NULL,
	"seen" "int8multirange" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "product" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"sku" text,
	"handle" text,
	"name" text,
	"description" text,
	"brand" text,
	"kind" text,
	"status" text,
	"price" numeric,
	"currency" text,
	"categories" jsonb,
	"tags" jsonb,
	"images" jsonb,
	"metadata" jsonb,
	"sku_key" text collate "C",
	"handle_key" text collate "C",
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"archived_at" timestamp with time zone,
	"merged_into" bigint
);
--> statement-breakpoint
CREATE TABLE "record" (
	"stream_id" integer NOT NULL,
	"no" bigint NOT NULL,
	"tenant" integer NOT NULL,
	"external_id" text collate "C" NOT NULL,
	"hash" "bytea" NOT NULL,
	"page_id" bigint NOT NULL,
	"slot" integer NOT NULL,
	"version" bigint,
	"mapping_set" integer NOT NULL,
	"state" smallint NOT NULL,
	"scope" text NOT NULL,
	CONSTRAINT "record_stream_id_no_pk" PRIMARY KEY("stream_id","no")
);
--> statement-breakpoint
CREATE TABLE "record_history" (
	"stream_id" integer NOT NULL,
	"no" bigint NOT NULL,
	"tenant" integer NOT NULL,
	"hash" "bytea" NOT NULL,
	"page_id" bigint NOT NULL,
	"slot" integer NOT NULL,
	"version" bigint,
	"mapping_set" integer NOT NULL,
	"state" smallint NOT NULL,
	"replaced_by" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reference" (
	"tenant" integer NOT NULL,
	"entity" text NOT NULL,
	"entity_id" bigint NOT NULL,
	"field" text NOT NULL,
	"target" text NOT NULL,
	"key" text NOT NULL,
	"value" text NOT NULL,
	"target_id" bigint,
	CONSTRAINT "reference_entity_id_field_pk" PRIMARY KEY("entity_id","field")
);
--> statement-breakpoint
CREATE TABLE "reservation" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"variant_id" bigint NOT NULL,
	"location" text collate "C" NOT NULL,
	"quantity" bigint NOT NULL,
	"order_ref" text NOT NULL,
	"state" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"committed_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "run" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"stream_id" integer NOT NULL,
	"state" text NOT NULL,
	"mode" text NOT NULL,
	"trigger" text NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"mapping_set" integer,
	"seq" integer DEFAULT 0 NOT NULL,
	"lease_epoch" integer DEFAULT 0 NOT NULL,
	"lease_until" timestamp with time zone,
	"rows" bigint DEFAULT 0 NOT NULL,
	"read" bigint DEFAULT 0 NOT NULL,
	"created" bigint DEFAULT 0 NOT NULL,
	"updated" bigint DEFAULT 0 NOT NULL,
	"unchanged" bigint DEFAULT 0 NOT NULL,
	"skipped" bigint DEFAULT 0 NOT NULL,
	"dead_lettered" bigint DEFAULT 0 NOT NULL,
	"deleted" bigint DEFAULT 0 NOT NULL,
	"tombstones" bigint DEFAULT 0 NOT NULL,
	"skipped_by" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"entities" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"cursor" jsonb,
	"closing" jsonb,
	"tainted" text,
	"held" boolean DEFAULT false NOT NULL,
	"cancel_requested" boolean DEFAULT false NOT NULL,
	"error" jsonb,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone,
	"started_at" timestamp with time zone,
	"finished_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "run_log" (
	"tenant" integer NOT NULL,
	"run_id" bigint NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"level" text NOT NULL,
	"message" text NOT NULL,
	"fields" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "stock_level" (
	"variant_id" bigint NOT NULL,
	"location" text collate "C" NOT NULL,
	"tenant" integer NOT NULL,
	"quantity" bigint NOT NULL,
	"reserved" bigint DEFAULT 0 NOT NULL,
	"committed" bigint DEFAULT 0 NOT NULL,
	"as_of" timestamp with time zone NOT NULL,
	"stream_id" integer,
	"no" bigint,
	CONSTRAINT "stock_level_variant_id_location_pk" PRIMARY KEY("variant_id","location")
);
--> statement-breakpoint
CREATE TABLE "stock_movement" (
	"id" bigint NOT NULL,
	"tenant" integer NOT NULL,
	"variant_id" bigint NOT NULL,
	"location" text collate "C" NOT NULL,
	"delta" bigint NOT NULL,
	"reason" text NOT NULL,
	"page_id" bigint,
	"no" bigint,
	"note" text,
	"as_of" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "stock_observation" (
	"variant_id" bigint NOT NULL,
	"location" text collate "C" NOT NULL,
	"stream_id" integer NOT NULL,
	"tenant" integer NOT NULL,
	"quantity" bigint NOT NULL,
	"as_of" timestamp with time zone NOT NULL,
	"no" bigint NOT NULL,
	CONSTRAINT "stock_observation_variant_id_location_stream_id_pk" PRIMARY KEY("variant_id","location","stream_id")
);
--> statement-breakpoint
CREATE TABLE "stock_waiting" (
	"tenant" integer NOT NULL,
	"stream_id" integer NOT NULL,
	"no" bigint NOT NULL,
	"output" text NOT NULL,
	"key" text NOT NULL,
	"value" text NOT NULL,
	"location" text collate "C" NOT NULL,
	"quantity" bigint NOT NULL,
	"as_of" timestamp with time zone NOT NULL,
	"page_id" bigint NOT NULL,
	CONSTRAINT "stock_waiting_stream_id_no_output_pk" PRIMARY KEY("stream_id","no","output")
);
--> statement-breakpoint
CREATE TABLE "stream" (
	"id" serial PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"connection_id" integer NOT NULL,
	"name" text NOT NULL,
	"cursor" jsonb,
	"next_no" bigint DEFAULT 1 NOT NULL,
	"mapping_set" integer,
	"every" text NOT NULL,
	"timezone" text DEFAULT 'UTC' NOT NULL,
	"next_due_at" timestamp with time zone,
	"removed_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "tenant" (
	"id" serial PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "tenant_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "usage_log" (
	"tenant" integer NOT NULL,
	"key_id" bigint NOT NULL,
	"hour" timestamp with time zone NOT NULL,
	"route" text NOT NULL,
	"requests" integer NOT NULL,
	"errors" integer NOT NULL,
	CONSTRAINT "usage_log_key_id_hour_route_pk" PRIMARY KEY("key_id","hour","route")
);
--> statement-breakpoint
CREATE TABLE "variant" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"product_id" bigint,
	"sku" text,
	"gtin" text,
	"title" text,
	"price" numeric,
	"compare_at_price" numeric,
	"cost" numeric,
	"currency" text,
	"options" jsonb,
	"weight_grams" numeric,
	"position" bigint,
	"image" text,
	"metadata" jsonb,
	"sku_key" text collate "C",
	"gtin_key" text collate "C",
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	"archived_at" timestamp with time zone,
	"merged_into" bigint
);
--> statement-breakpoint
CREATE TABLE "webhook_subscription" (
	"id" bigint PRIMARY KEY NOT NULL,
	"tenant" integer NOT NULL,
	"url" text NOT NULL,
	"events" text[] NOT NULL,
	"sealed_secret" text NOT NULL,
	"key_id" text NOT NULL,
	"active" boolean NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "audit_at" ON "audit" USING btree ("tenant","at");--> statement-breakpoint
CREATE UNIQUE INDEX "connection_name" ON "connection" USING btree ("tenant","name");--> statement-breakpoint
CREATE INDEX "contribution_record" ON "contribution" USING btree ("stream_id","no");--> statement-breakpoint
CREATE INDEX "contribution_entity" ON "contribution" USING btree ("entity_id");--> statement-breakpoint
CREATE INDEX "customer_email_key" ON "customer" USING btree ("tenant","email_key") WHERE "customer"."email_key" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "dead_letter_record" ON "dead_letter" USING btree ("stream_id","external_id") WHERE state = 'open' and external_id is not null;--> statement-breakpoint
CREATE INDEX "dead_letter_open" ON "dead_letter" USING btree ("tenant","stream_id") WHERE state = 'open';--> statement-breakpoint
CREATE INDEX "delivery_due" ON "delivery" USING btree ("next_attempt_at") WHERE state = 'pending';--> statement-breakpoint
CREATE INDEX "lead_email_key" ON "lead" USING btree ("tenant","email_key") WHERE "lead"."email_key" is not null;--> statement-breakpoint
CREATE INDEX "lead_campaign" ON "lead" USING btree ("campaign_id");--> statement-breakpoint
CREATE INDEX "location_code_key" ON "location" USING btree ("tenant","code_key") WHERE "location"."code_key" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "mapping_name" ON "mapping" USING btree ("tenant","name");--> statement-breakpoint
CREATE UNIQUE INDEX "mapping_set_hash" ON "mapping_set" USING btree ("tenant","hash");--> statement-breakpoint
CREATE INDEX "opportunity_lead" ON "opportunity" USING btree ("lead_id");--> statement-breakpoint
CREATE INDEX "opportunity_customer" ON "opportunity" USING btree ("customer_id");--> statement-breakpoint
CREATE INDEX "opportunity_campaign" ON "opportunity" USING btree ("campaign_id");--> statement-breakpoint
CREATE INDEX "order_number_key" ON "orders" USING btree ("tenant","number_key") WHERE "orders"."number_key" is not null;--> statement-breakpoint
CREATE INDEX "order_customer" ON "orders" USING btree ("customer_id");--> statement-breakpoint
CREATE INDEX "outbox_open" ON "outbox" USING btree ("id") WHERE published_at is null;--> statement-breakpoint
CREATE INDEX "page_window" ON "page" USING btree ("stream_id","window_id");--> statement-breakpoint
CREATE INDEX "page_observed" ON "page" USING btree ("stream_id","observed_at");--> statement-breakpoint
CREATE INDEX "page_run" ON "page" USING btree ("run_id");--> statement-breakpoint
CREATE INDEX "product_sku_key" ON "product" USING btree ("tenant","sku_key") WHERE "product"."sku_key" is not null;--> statement-breakpoint
CREATE INDEX "product_handle_key" ON "product" USING btree ("tenant","handle_key") WHERE "product"."handle_key" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "record_external" ON "record" USING btree ("stream_id","external_id");--> statement-breakpoint
CREATE INDEX "record_history_record" ON "record_history" USING btree ("stream_id","no");--> statement-breakpoint
CREATE INDEX "reference_waiting" ON "reference" USING btree ("tenant","target","value") WHERE target_id is null;--> statement-breakpoint
CREATE INDEX "reservation_expiry" ON "reservation" USING btree ("expires_at") WHERE state = 'open';--> statement-breakpoint
CREATE INDEX "reservation_level" ON "reservation" USING btree ("variant_id","location") WHERE state in ('open', 'committed');--> statement-breakpoint
CREATE UNIQUE INDEX "run_due" ON "run" USING btree ("stream_id","due_at");--> statement-breakpoint
CREATE INDEX "run_open" ON "run" USING btree ("state","next_attempt_at") WHERE state in ('queued', 'running');--> statement-breakpoint
CREATE INDEX "run_log_run" ON "run_log" USING btree ("run_id","at");--> statement-breakpoint
CREATE INDEX "stock_movement_id" ON "stock_movement" USING brin ("id");--> statement-breakpoint
CREATE INDEX "stock_movement_variant" ON "stock_movement" USING brin ("variant_id");--> statement-breakpoint
CREATE INDEX "stock_waiting_value" ON "stock_waiting" USING btree ("tenant","value");--> statement-breakpoint
CREATE UNIQUE INDEX "stream_name" ON "stream" USING btree ("connection_id","name");--> statement-breakpoint
CREATE INDEX "variant_sku_key" ON "variant" USING btree ("tenant","sku_key") WHERE "variant"."sku_key" is not null;--> statement-breakpoint
CREATE INDEX "variant_gtin_key" ON "variant" USING btree ("tenant","gtin_key") WHERE "variant"."gtin_key" is not null;--> statement-breakpoint
CREATE INDEX "variant_product" ON "variant" USING btree ("product_id");