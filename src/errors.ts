/**
 * Every error the program can tell someone about: a stable code, whether trying again can help, and what to do.
 * `docs/errors.md` is generated from this table.
 */
export type ErrorFacts = {
  /** `transient`: the same call may work later. `terminal`: somebody has to change something first. */
  readonly retry: 'transient' | 'terminal';
  /** HTTP status the API answers with. */
  readonly status: number;
  /** Exit code of a command that ends with it: 1 failed, 2 usage or config, 3 needs a person. */
  readonly exit: 1 | 2 | 3;
  /** What usually leads here. */
  readonly cause: string;
  /** What to do about it. */
  readonly remedy: string;
};

const facts = <T extends Record<string, ErrorFacts>>(table: T): T => table;

export const ERRORS = facts({
  ERR_CONFIG_INVALID: {
    retry: 'terminal',
    status: 400,
    exit: 2,
    cause: 'A value in tributary.yaml or the environment is missing, unknown or of the wrong kind.',
    remedy: 'Correct the lines named in the message; `tributary doctor` checks again.',
  },
  ERR_CONFIG_SECRET_KEY: {
    retry: 'terminal',
    status: 500,
    exit: 2,
    cause: 'Encrypted secrets cannot be opened with the key this program was given.',
    remedy: 'Start with the TRIBUTARY_SECRET_KEY the secrets were written with.',
  },
  ERR_CLI_USAGE: {
    retry: 'terminal',
    status: 400,
    exit: 2,
    cause: 'The command line has an unknown command, option or argument.',
    remedy: 'Run the command with --help.',
  },
  ERR_CLI_CANCELLED: {
    retry: 'transient',
    status: 499,
    exit: 1,
    cause: 'The command was stopped before its end.',
    remedy: 'Nothing half-done was kept; run it again when you want to.',
  },
  ERR_CLI_PROGRAM: {
    retry: 'transient',
    status: 503,
    exit: 1,
    cause: 'The running program ended, or speaks another version of the control protocol.',
    remedy: 'Start the program again (tributary start), then the command.',
  },
  ERR_CONNECTOR_UNKNOWN: {
    retry: 'terminal',
    status: 404,
    exit: 2,
    cause: 'No folder under connectors/ has that name.',
    remedy: 'Use one of the connectors that `tributary connections list` names.',
  },
  ERR_CONNECTOR_CREDENTIALS: {
    retry: 'terminal',
    status: 502,
    exit: 1,
    cause: 'The source refused the credentials or the host key is not the pinned one.',
    remedy: 'Correct the credentials in tributary.yaml, then `tributary connections check <name>`.',
  },
  ERR_CONNECTOR_UNREACHABLE: {
    retry: 'transient',
    status: 502,
    exit: 1,
    cause: 'The source did not answer, or the connection broke.',
    remedy: 'Nothing is lost; the run is tried again. If it stays so, `tributary connections check <name>`.',
  },
  ERR_CONNECTOR_LIMITED: {
    retry: 'transient',
    status: 503,
    exit: 1,
    cause: 'The source asked for a pause (rate limit or quota).',
    remedy: 'Nothing to do; the run goes on after the time the source named.',
  },
  ERR_CONNECTOR_PROTOCOL: {
    retry: 'terminal',
    status: 502,
    exit: 1,
    cause: 'The source answered something its documentation does not allow.',
    remedy: 'See the evidence in `tributary runs logs <id>`; report it with the connector version.',
  },
  ERR_CONNECTOR_UNSUPPORTED: {
    retry: 'terminal',
    status: 400,
    exit: 1,
    cause: 'The connector has no such ability in this version (for instance writing, or webhooks).',
    remedy: 'Use another direction or connector; docs/connectors.md lists what each can do.',
  },
  ERR_EXTRACT_PARSE: {
    retry: 'terminal',
    status: 422,
    exit: 3,
    cause: 'Part of a file is not valid in its declared format.',
    remedy: 'Correct the file at the line named, or the format in tributary.yaml, and deliver it again.',
  },
  ERR_MAPPING_INVALID: {
    retry: 'terminal',
    status: 422,
    exit: 2,
    cause: 'A mapping file does not pass its checks.',
    remedy: 'Correct the lines named; `tributary mapping check <file>` lists all problems at once.',
  },
  ERR_MAPPING_UNKNOWN: {
    retry: 'terminal',
    status: 404,
    exit: 2,
    cause: 'No mapping file has that name.',
    remedy: 'Put the file into mappings/ or correct the name in tributary.yaml.',
  },
  ERR_MAPPING_REJECTED: {
    retry: 'terminal',
    status: 422,
    exit: 3,
    cause: 'A record does not fit its mapping (a required value is missing, a value is of the wrong kind).',
    remedy: 'Correct the record at the source or the mapping, then `tributary deadletters replay`.',
  },
  ERR_LOAD_MATCH_AMBIGUOUS: {
    retry: 'terminal',
    status: 409,
    exit: 3,
    cause: 'A match key of the record finds several canonical entities; guessing is not allowed.',
    remedy: 'Make the key unique at the source or drop it from the mapping, then replay the dead letter.',
  },
  ERR_LOAD_KEY_MISSING: {
    retry: 'terminal',
    status: 422,
    exit: 3,
    cause: 'A record has no external id, so it cannot be told apart from others.',
    remedy: 'Fill the key column at the source or choose another key in the mapping, then deliver again.',
  },
  ERR_LOAD_VALUE: {
    retry: 'terminal',
    status: 422,
    exit: 3,
    cause: 'A value cannot be kept in the store (a NUL character, a number out of range).',
    remedy: 'Correct the value at the source or in the mapping, then replay the dead letter.',
  },
  ERR_RUN_FENCED: {
    retry: 'transient',
    status: 409,
    exit: 1,
    cause: 'Another worker has taken the run over while this one was away; nothing of this page was written.',
    remedy: 'Nothing to do; the other worker goes on.',
  },
  ERR_RUN_STATE: {
    retry: 'terminal',
    status: 409,
    exit: 2,
    cause: 'The run is not in a state that allows this.',
    remedy: 'Look at `tributary runs show <id>`.',
  },
  ERR_RUN_UNBALANCED: {
    retry: 'terminal',
    status: 500,
    exit: 3,
    cause: 'The outcomes of a run do not add up to what was read, or the source promised more than it sent.',
    remedy: 'The run is incomplete and deletes nothing; sync again, and report it if it repeats.',
  },
  ERR_NOT_FOUND: {
    retry: 'terminal',
    status: 404,
    exit: 2,
    cause: 'There is no such thing, or it belongs to another tenant.',
    remedy: 'List what there is with the matching `list` command.',
  },
  ERR_STORE_LOCKED: {
    retry: 'terminal',
    status: 503,
    exit: 2,
    cause: 'Another program has the embedded store open, and it does not answer on its control socket.',
    remedy: 'Stop the other program, or wait for it to answer, and try again.',
  },
  ERR_STORE_UNAVAILABLE: {
    retry: 'transient',
    status: 503,
    exit: 1,
    cause: 'The database does not answer.',
    remedy: 'Start the database or correct DATABASE_URL; work goes on where it stopped.',
  },
  ERR_STORE_VERSION: {
    retry: 'terminal',
    status: 503,
    exit: 2,
    cause: 'The store has migrations this version of the program does not know: a newer version has been at work.',
    remedy: 'Start the newer version of the program, or restore a backup made with this one.',
  },
  ERR_STORE_FULL: {
    retry: 'transient',
    status: 507,
    exit: 1,
    cause: 'The disk or the database has no room left.',
    remedy: 'Make room; the page that failed is loaded again, nothing is lost.',
  },
  ERR_QUEUE_UNAVAILABLE: {
    retry: 'transient',
    status: 503,
    exit: 1,
    cause: 'The queue (Redis) does not answer.',
    remedy: 'Start Redis or correct REDIS_URL; runs are rows in the database and none is lost.',
  },
  ERR_API_AUTHENTICATION: {
    retry: 'terminal',
    status: 401,
    exit: 2,
    cause: 'The API key is missing, unknown or revoked.',
    remedy: 'Send a key in the header X-API-Key; `tributary keys create` makes one.',
  },
  ERR_API_AUTHORIZATION: {
    retry: 'terminal',
    status: 403,
    exit: 2,
    cause: 'The API key does not carry the scope this route needs.',
    remedy: 'Create a key with the scope named in the message.',
  },
  ERR_API_VALIDATION: {
    retry: 'terminal',
    status: 400,
    exit: 2,
    cause: 'A query parameter or the body is not what the route takes.',
    remedy: 'Correct the fields named in the message.',
  },
  ERR_STOCK_INSUFFICIENT: {
    retry: 'terminal',
    status: 409,
    exit: 1,
    cause: 'Less is available than was asked for.',
    remedy: 'Reserve at most what is available.',
  },
  ERR_INTERNAL: {
    retry: 'terminal',
    status: 500,
    exit: 1,
    cause: 'A defect of the program.',
    remedy: 'Report it with the run id and the log lines around it; nothing half-done was kept.',
  },
});

export type ErrorCode = keyof typeof ERRORS;

/** Where and what: fields that tools can read. Never secrets, never personal data. */
export type Evidence = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** The one error class. Message: what happened, to what. The remedy comes from the table unless a better one is known here. */
export class TributaryError extends Error {
  readonly code: ErrorCode;
  readonly evidence: Evidence;
  readonly remedy: string;
  /** Ask again not before this time (rate limits). */
  readonly notBefore: Date | null;

  constructor(
    code: ErrorCode,
    message: string,
    options: { evidence?: Evidence; remedy?: string; cause?: unknown; notBefore?: Date } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = code;
    this.code = code;
    this.evidence = options.evidence ?? {};
    this.remedy = options.remedy ?? ERRORS[code].remedy;
    this.notBefore = options.notBefore ?? null;
  }

  get retry(): 'transient' | 'terminal' {
    return ERRORS[this.code].retry;
  }
}

/** Anything thrown, as one of ours; what is not ours is `ERR_INTERNAL` with the original as cause. */
export function asTributaryError(thrown: unknown): TributaryError {
  if (thrown instanceof TributaryError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new TributaryError('ERR_INTERNAL', message, { cause: thrown });
}
