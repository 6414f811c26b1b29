/**
 * A person logs in at a vendor and grants access: OAuth's authorization code with PKCE. What was begun is a row, so the process
 * that the vendor sends the person back to need not be the one that sent them there.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Clock, Connector, IssuedToken } from '../connector/contract.ts';
import { asTributaryError, TributaryError } from '../errors.ts';
import { type Store, sql } from '../store/store.ts';
import type { Vault } from './tokens.ts';

export type LoginConnection = {
  readonly id: number;
  readonly name: string;
  readonly connector: Connector;
  /** As the connector's schema gives it back. */
  readonly settings: unknown;
  /** Keeps what the login brought. */
  keep(issued: IssuedToken): Promise<void>;
};

export type LoginOptions = {
  readonly store: Store;
  readonly clock: Clock;
  readonly vault: Vault;
  readonly tenant: number;
  readonly connections: readonly LoginConnection[];
  /** Ends what is under way. */
  readonly signal: AbortSignal;
};

/** A login under way: where the person is to go, and what to ask after it by. */
export type Begun = { readonly address: string; readonly id: string; readonly expiresAt: Date };
export type LoginState = 'waiting' | 'done' | 'over' | { readonly problem: string };
/** What the person reads who comes back. */
export type Returned = { readonly ok: boolean; readonly message: string };

export type Logins = {
  /** @throws ERR_CONNECTOR_UNSUPPORTED where there is nothing to log in to; ERR_NOT_FOUND */
  begin(connection: string, redirectUri: string): Promise<Begun>;
  /** @param query the callback's parameters, as they came */
  finish(query: Readonly<Record<string, string>>): Promise<Returned>;
  state(id: string): Promise<LoginState>;
};

const LIFE_MS = 600_000;
const EXCHANGE_MS = 45_000;
const UNKNOWN = 'This login is not known here, was used already, or took longer than ten minutes. Begin it again.';

type Row = { connection_id: number; sealed_verifier: string; redirect_uri: string };

export function makeLogins(options: LoginOptions): Logins {
  const { store, clock, vault, tenant, connections, signal } = options;
  const now = () => sql`${clock.now().toISOString()}::timestamptz`;

  const exchange = async (
    connection: LoginConnection,
    row: Row,
    id: string,
    query: Readonly<Record<string, string>>,
  ) => {
    const { oauth } = connection.connector;
    // A vendor names its reason by a code; longer texts are of unknown hands.
    const refused = query['error'];
    if (refused !== undefined)
      throw new TributaryError(
        'ERR_CONNECTOR_CREDENTIALS',
        `The vendor granted nothing (${/^[\w.-]{1,64}$/.test(refused) ? refused : 'no reason given'}).`,
      );
    const code = query['code'];
    if (!oauth || !code) throw new TributaryError('ERR_CONNECTOR_PROTOCOL', 'The vendor sent no code along.');
    return oauth.exchange(connection.settings, {
      code,
      redirectUri: row.redirect_uri,
      codeVerifier: await vault.open(row.sealed_verifier, placeOf(id)),
      query,
      clock,
      signal: AbortSignal.any([signal, AbortSignal.timeout(EXCHANGE_MS)]),
    });
  };

  return {
    async begin(name, redirectUri) {
      const connection = connections.find((one) => one.name === name);
      if (!connection)
        throw new TributaryError('ERR_NOT_FOUND', `There is no connection ${name}.`, {
          remedy: 'List them with `tributary connections list`.',
        });
      const { oauth } = connection.connector;
      if (!oauth)
        throw new TributaryError(
          'ERR_CONNECTOR_UNSUPPORTED',
          `Nobody logs in to ${connection.connector.title}: its credentials stand in the configuration.`,
          { remedy: `See connectors/${connection.connector.name}/README.md, then tributary connections check ${name}` },
        );
      const state = randomBytes(32).toString('base64url');
      const verifier = randomBytes(32).toString('base64url');
      const codeChallenge = createHash('sha256').update(verifier).digest('base64url');
      const address = oauth.authorizeUrl(connection.settings, { redirectUri, state, codeChallenge });
      const id = idOf(state);
      const { sealed } = await vault.seal(verifier, placeOf(id));
      const expiresAt = new Date(clock.now().getTime() + LIFE_MS);
      await store.rows(sql`
        insert into login (state_hash, tenant, connection_id, sealed_verifier, redirect_uri, expires_at)
        values (${id}, ${tenant}, ${connection.id}, ${sealed}, ${redirectUri}, ${expiresAt.toISOString()}::timestamptz)`);
      return { address, id, expiresAt };
    },

    async finish(query) {
      const id = idOf(query['state'] ?? '');
      const [row] = await store.rows<Row>(sql`
        update login set used_at = ${now()} where state_hash = ${id} and tenant = ${tenant} and used_at is null and expires_at > ${now()}
        returning connection_id, sealed_verifier, redirect_uri`);
      const connection = row && connections.find((one) => one.id === row.connection_id);
      if (!row || !connection) return { ok: false, message: UNKNOWN };
      let problem: string | null = null;
      try {
        await connection.keep(await exchange(connection, row, id, query));
      } catch (thrown) {
        problem = asTributaryError(thrown).message;
      }
      await store.rows(sql`update login set finished_at = ${now()}, problem = ${problem} where state_hash = ${id}`);
      return problem === null
        ? { ok: true, message: `Connection ${connection.name} may be used now. You can close this page.` }
        : { ok: false, message: `Connection ${connection.name} got no access. ${problem}` };
    },

    async state(id) {
      const [row] = await store.rows<{ finished: boolean; problem: string | null; over: boolean }>(sql`
        select finished_at is not null as finished, problem, expires_at <= ${now()} as over from login where state_hash = ${id} and tenant = ${tenant}`);
      if (row?.problem) return { problem: row.problem };
      if (row?.finished) return 'done';
      return row && !row.over ? 'waiting' : 'over';
    },
  };
}

const idOf = (state: string): string => createHash('sha256').update(state).digest('hex');
const placeOf = (id: string): string => `login/${id}`;
