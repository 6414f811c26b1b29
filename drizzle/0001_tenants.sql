-- The role that answers people: it owns nothing, and row-level security shows it one tenant's rows.
-- The bulk loader works as the owner (PostgreSQL refuses COPY under row-level security) and carries the tenant in every statement.
DO $$
BEGIN
  CREATE ROLE tributary_reader NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
--> statement-breakpoint
DO $$
BEGIN
  EXECUTE format('GRANT tributary_reader TO %I', current_user);
  GRANT USAGE ON SCHEMA public TO tributary_reader;
END $$;
--> statement-breakpoint
DO $$
DECLARE name text;
BEGIN
  FOR name IN
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'tenant' ORDER BY table_name
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format(
      'CREATE POLICY tenant_wall ON %I TO tributary_reader USING (tenant = nullif(current_setting(''tributary.tenant'', true), '''')::integer)', name);
    IF name NOT IN ('credential', 'api_key', 'webhook_subscription') THEN
      EXECUTE format('GRANT SELECT ON %I TO tributary_reader', name);
    END IF;
  END LOOP;
END $$;
