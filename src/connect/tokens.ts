/**
 * Access tokens of a connection: issued by its connector, kept encrypted, shared by all processes on one store. Of those
 * that find a token ended or refused, one gets the next and the others take that; it is committed before anybody uses it.
 */
import type { Clock, IssuedToken } from '../connector/contract.ts';
import { TributaryError } from '../errors.ts';
import { type Store, sql } from '../store/store.ts';

/** Seals and opens secrets; what is sealed for one place opens at no other. */
export type Vault = {
  /** @throws ERR_CONFIG_SECRET_KEY when there is no usable key: to be known before a vendor is asked */
  ready(): Promise<void>;
  seal(plaintext: string, boundTo: string): Promise<{ readonly sealed: string; readonly keyId: string }>;
  open(sealed: string, boundTo: string): Promise<string>;
};

export type TokenOptions = {
  readonly store: Store;
  readonly clock: Clock;
  readonly vault: Vault;
  readonly tenant: number;
  readonly connection: { readonly id: number; readonly name: string };
  /** Asks the vendor; `null`: there is nothing to ask with. */
  readonly issue: (refreshToken: string | null, signal: AbortSignal) => Promise<IssuedToken | null>;
  /** Ends what is under way: the program's end. */
  readonly signal: AbortSignal;
  /** Told each token that comes into use, also one that others come by, so that outputs can be scrubbed of it. */
  readonly onSecret: (value: string) => void;
};

export type Tokens = {
  /**
   * A token that is good by all that is known. `rejected`: the one the vendor just refused.
   * @throws ERR_CONNECTOR_CREDENTIALS when there is no way to one; what the connector throws
   */
  token(rejected?: string): Promise<string>;
  /** Keeps a token that a person's login brought. */
  keep(issued: IssuedToken): Promise<void>;
};

const NAME = 'token';
/** Whoever gets a token is given up after this time, and another one tries. */
const LEASE_MS = 60_000;
const ISSUE_MS = 45_000;
const LOOK_MS = 100;
/** A token is replaced before its end, so that no call is under way when it comes. */
const MARGIN_MS = 60_000;
const MARGIN_SHARE = 0.1;

type Row = {
  sealed: string | null;
  expires_at: Date | null;
  updated_at: Date;
  epoch: number;
  refreshing_until: Date | null;
};
type Held = { readonly accessToken: string; readonly refreshToken: string | null; readonly goodUntil: number };

/** The tokens of one connection in this process. */
export function tokensOf(options: TokenOptions): Tokens {
  const { store, clock, vault, connection, tenant, signal } = options;
  const boundTo = `${tenant}/${connection.name}/${NAME}`;
  const mine = sql`connection_id = ${connection.id} and name = ${NAME}`;
  const at = (time: Date | number | null) => sql`${time === null ? null : new Date(time).toISOString()}::timestamptz`;
  let held: Held | null = null;
  let underWay: Promise<Held> | null = null;
  const isGood = (one: Held | null, rejected: string | undefined): one is Held =>
    one !== null && one.accessToken !== rejected && one.goodUntil > clock.now().getTime();

  const tell = ({ accessToken, refreshToken }: Pick<IssuedToken, 'accessToken' | 'refreshToken'>): void => {
    options.onSecret(accessToken);
    if (refreshToken) options.onSecret(refreshToken);
  };
  const open = async (row: Row | undefined): Promise<Held | null> => {
    if (!row?.sealed) return null;
    const kept = parseToken(await vault.open(row.sealed, boundTo));
    tell(kept);
    const { accessToken, refreshToken } = kept;
    return { accessToken, refreshToken, goodUntil: goodUntil(row.expires_at, row.updated_at) };
  };
  const read = async (): Promise<Row | undefined> =>
    (
      await store.rows<Row>(
        sql`select sealed, expires_at, updated_at, epoch, refreshing_until from credential where ${mine}`,
      )
    )[0];
  /** Takes the right to get the next token; the epoch, or `null` when somebody has it. */
  const claim = async (): Promise<number | null> => {
    const now = clock.now();
    const [row] = await store.rows<{ epoch: number }>(sql`
      insert into credential (tenant, connection_id, name, sealed, key_id, updated_at, epoch, refreshing_until)
      values (${tenant}, ${connection.id}, ${NAME}, null, null, ${at(now)}, 1, ${at(now.getTime() + LEASE_MS)})
      on conflict (connection_id, name) do update set epoch = credential.epoch + 1, refreshing_until = excluded.refreshing_until
        where credential.refreshing_until is null or credential.refreshing_until < ${at(now)} returning epoch`);
    return row?.epoch ?? null;
  };
  /** Commits a token; false when another process has taken over meanwhile. */
  const write = async (issued: IssuedToken, epoch: number | null): Promise<boolean> => {
    const text = JSON.stringify({ accessToken: issued.accessToken, refreshToken: issued.refreshToken });
    const { sealed, keyId } = await vault.seal(text, boundTo);
    const written = await store.rows(sql`
      insert into credential (tenant, connection_id, name, sealed, key_id, expires_at, updated_at, epoch)
      values (${tenant}, ${connection.id}, ${NAME}, ${sealed}, ${keyId}, ${at(issued.expiresAt)}, ${at(clock.now())}, 1)
      on conflict (connection_id, name) do update set sealed = excluded.sealed, key_id = excluded.key_id, expires_at = excluded.expires_at,
        updated_at = excluded.updated_at, refreshing_until = null, epoch = credential.epoch + 1
        where ${epoch}::integer is null or credential.epoch = ${epoch}::integer returning epoch`);
    return written.length > 0;
  };

  const issue = async (before: Held | null): Promise<IssuedToken> => {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(ISSUE_MS)]);
    const ask = (refreshToken: string | null) => options.issue(refreshToken, limited);
    let issued: IssuedToken | null;
    try {
      issued = await ask(before?.refreshToken ?? null);
    } catch (thrown) {
      const isRefused = thrown instanceof TributaryError && thrown.code === 'ERR_CONNECTOR_CREDENTIALS';
      if (!isRefused || !before?.refreshToken) throw thrown;
      // The operator may have put new credentials into the configuration since.
      issued = await ask(null);
    }
    if (issued) return issued;
    throw new TributaryError(
      'ERR_CONNECTOR_CREDENTIALS',
      before
        ? `The vendor refuses the token of ${connection.name}, and there is nothing to get another one with.`
        : `Connection ${connection.name} has no token yet.`,
      { remedy: `Log in: tributary connections authorize ${connection.name}` },
    );
  };

  const refresh = async (rejected: string | undefined): Promise<Held> => {
    for (;;) {
      signal.throwIfAborted();
      const seen = await read();
      const isBusy = seen?.refreshing_until && seen.refreshing_until > clock.now();
      const known = await open(seen);
      if (isGood(known, rejected)) return known;
      const epoch = isBusy ? null : await claim();
      if (epoch === null) {
        await clock.sleep(LOOK_MS, signal);
        continue;
      }
      try {
        await vault.ready();
        // Another one may have ended between the look and the claim.
        const before = await open(await read());
        if (isGood(before, rejected)) return before;
        const issued = await issue(before);
        tell(issued);
        const now = clock.now();
        if (await write(issued, epoch)) return { ...issued, goodUntil: goodUntil(issued.expiresAt, now) };
        // We were given up; what was committed instead counts.
      } finally {
        await store
          .rows(sql`update credential set refreshing_until = null where ${mine} and epoch = ${epoch}`)
          .catch(() => undefined); // The claim ends by itself.
      }
    }
  };

  return {
    async token(rejected) {
      if (isGood(held, rejected)) return held.accessToken;
      const isJoining = underWay !== null;
      if (underWay === null) {
        const work = refresh(rejected).finally(() => {
          if (underWay === work) underWay = null;
        });
        underWay = work;
      }
      const got = await underWay;
      held = got;
      // Whoever joined one that began before the refusal is served by the next.
      if (got.accessToken === rejected && isJoining) return this.token(rejected);
      return got.accessToken;
    },
    async keep(issued) {
      tell(issued);
      await write(issued, null);
      held = null;
    },
  };
}

/** Epoch milliseconds until which a token is used. */
function goodUntil(expiresAt: Date | null, issuedAt: Date): number {
  if (expiresAt === null) return Number.POSITIVE_INFINITY;
  const life = expiresAt.getTime() - issuedAt.getTime();
  return expiresAt.getTime() - Math.min(MARGIN_MS, Math.max(0, life) * MARGIN_SHARE);
}

function parseToken(text: string): { readonly accessToken: string; readonly refreshToken: string | null } {
  const token: unknown = JSON.parse(text);
  if (typeof token !== 'object' || token === null || !('accessToken' in token) || typeof token.accessToken !== 'string')
    throw new TributaryError('ERR_INTERNAL', 'A stored token is not in a known form.');
  const refreshToken = 'refreshToken' in token && typeof token.refreshToken === 'string' ? token.refreshToken : null;
  return { accessToken: token.accessToken, refreshToken };
}
