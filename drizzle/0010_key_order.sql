DROP INDEX "customer_email_key";--> statement-breakpoint
DROP INDEX "lead_email_key";--> statement-breakpoint
DROP INDEX "location_code_key";--> statement-breakpoint
DROP INDEX "order_number_key";--> statement-breakpoint
DROP INDEX "product_sku_key";--> statement-breakpoint
DROP INDEX "product_handle_key";--> statement-breakpoint
DROP INDEX "variant_sku_key";--> statement-breakpoint
DROP INDEX "variant_gtin_key";--> statement-breakpoint
CREATE INDEX "customer_email_key" ON "customer" USING btree ("email_key","tenant") WHERE "customer"."email_key" is not null;--> statement-breakpoint
CREATE INDEX "lead_email_key" ON "lead" USING btree ("email_key","tenant") WHERE "lead"."email_key" is not null;--> statement-breakpoint
CREATE INDEX "location_code_key" ON "location" USING btree ("code_key","tenant") WHERE "location"."code_key" is not null;--> statement-breakpoint
CREATE INDEX "order_number_key" ON "orders" USING btree ("number_key","tenant") WHERE "orders"."number_key" is not null;--> statement-breakpoint
CREATE INDEX "product_sku_key" ON "product" USING btree ("sku_key","tenant") WHERE "product"."sku_key" is not null;--> statement-breakpoint
CREATE INDEX "product_handle_key" ON "product" USING btree ("handle_key","tenant") WHERE "product"."handle_key" is not null;--> statement-breakpoint
CREATE INDEX "variant_sku_key" ON "variant" USING btree ("sku_key","tenant") WHERE "variant"."sku_key" is not null;--> statement-breakpoint
CREATE INDEX "variant_gtin_key" ON "variant" USING btree ("gtin_key","tenant") WHERE "variant"."gtin_key" is not null;