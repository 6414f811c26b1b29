-- The role that answers people: it owns nothing, and row-level security shows it one tenant's rows.
-- The bulk loader works as the owner (PostgreSQL refuses COPY under row-level security) and carries the tenant in every statement.
DO $$
BEGIN
  -- An account that may not make roles is given this one by whoever runs the server.
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tributary_reader') THEN
    CREATE ROLE tributary_reader NOLOGIN;
  END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
END $$;
--> statement-breakpoint
DO $$
BEGIN
  IF NOT pg_has_role(current_user, 'tributary_reader', 'MEMBER') THEN
    EXECUTE format('GRANT tributary_reader TO %I', current_user);
  END IF;
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
