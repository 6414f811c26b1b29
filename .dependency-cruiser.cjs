// Which room may know which. `npm run check` tells on every import that leaves its room by another door.

/** The rooms and what each may import beside itself, `errors.ts`, `observe/` and the vocabulary below. */
const subjects =
  '(?!(?:api|canonical|cli|config|connector|extract|inbound|load|mapping|observe|publish|queue|run|sandbox|store)/)[a-z][a-z-]*(?=/)';
const rooms = {
  api: [
    'canonical',
    'sandbox/system.ts',
    'run',
    subjects,
    'inbound',
    'load',
    'extract',
    'mapping',
    'publish',
    'store',
    'queue',
  ],
  cli: [
    'app.ts',
    'service.ts',
    'sandbox-file.ts',
    'api/keys.ts',
    'canonical',
    'config',
    'inbound',
    'sandbox',
    'run',
    subjects,
    'load',
    'extract',
    'mapping',
    'publish',
    'store',
    'queue',
  ],
  run: ['canonical', 'extract', 'mapping', 'load', 'store', 'queue'],
  inbound: ['canonical', 'run', 'store', 'queue'],
  publish: ['canonical', 'mapping', 'load', 'extract', 'connector', 'store', 'queue'],
  [subjects]: ['canonical', 'load', 'store'],
  load: ['canonical', 'mapping', 'store'],
  extract: ['canonical', 'connector', 'queue'],
  mapping: ['canonical'],
  store: ['canonical'],
  queue: [],
  sandbox: [],
  config: [],
  observe: [],
};

/** Types only, which are gone when the program runs: the words in which the rooms talk to each other. */
const vocabulary = '^src/(connector/contract|mapping/types|config/)';

/** A package, wherever npm put it, or its bare name where it is not installed. */
const packages = (...names) => `(^|/)node_modules/(${names.join('|')})/|^(${names.join('|')})(/|$)`;

const roomRules = Object.entries(rooms).map(([room, mayImport]) => ({
  name: `room-${room === subjects ? 'subject' : room}`,
  comment: `src/${room === subjects ? '<subject>' : room} may import only: ${mayImport.map((name) => (name === subjects ? '<subjects>' : name)).join(', ') || 'nothing of ours'}, errors.ts, observe, and the types of connector/contract.ts, mapping/types.ts and config`,
  severity: 'error',
  from: { path: `^src/(${room})/` },
  to: {
    path: '^(src|connectors|test|bench|scripts)/',
    pathNot: [
      room === subjects ? '^src/$1/' : `^src/${room}/`,
      '^src/errors\\.ts$',
      '^src/observe/',
      vocabulary,
      ...mayImport.map((name) => `^src/(${name})(/|$)`),
    ],
  },
}));

const onlyIn = (name, place, ...names) => ({
  name: `only-${name}`,
  comment: `${names.join(', ')}: only in ${place}`,
  severity: 'error',
  from: { path: '^(src|connectors)/', pathNot: `^${place}` },
  to: { path: packages(...names) },
});

module.exports = {
  forbidden: [
    ...roomRules,
    {
      name: 'vocabulary-is-types',
      comment: 'outside its room the vocabulary is imported as `import type`',
      severity: 'error',
      from: { path: '^src/([^/]+)/', pathNot: '^src/cli/' },
      to: {
        path: vocabulary,
        pathNot: ['^src/$1/'],
        dependencyTypesNot: ['type-only'],
      },
    },
    {
      name: 'contract-and-canonical-stand-alone',
      comment: 'src/connector and src/canonical import nothing of ours but errors.ts',
      severity: 'error',
      from: { path: '^src/(connector|canonical)/' },
      to: { path: '^(src|connectors|test|bench|scripts)/', pathNot: ['^src/$1/', '^src/errors\\.ts$'] },
    },
    {
      name: 'errors-stand-alone',
      comment: 'src/errors.ts is imported by everything and imports nothing of ours',
      severity: 'error',
      from: { path: '^src/errors\\.ts$' },
      to: { path: '^(src|connectors|test|bench|scripts)/' },
    },
    {
      name: 'pure-rooms',
      // load.ts is the door by which mapping files come in; jsonata.ts reads the library that it shuts away.
      comment: 'canonical and mapping read no file, no network and no clock',
      severity: 'error',
      from: { path: '^src/(canonical|mapping)/', pathNot: '^src/mapping/(load|jsonata)\\.ts$' },
      to: {
        dependencyTypes: ['core'],
        path: '^(node:)?(fs|net|tls|dns|dgram|http|https|http2|child_process|worker_threads|cluster|timers)(/|$)',
      },
    },
    {
      name: 'connector-knows-the-contract-only',
      comment: 'a connector imports its own folder, src/connector and src/errors.ts',
      severity: 'error',
      from: { path: '^connectors/([^/]+)/' },
      to: {
        path: '^(src|connectors|test|bench|scripts)/',
        pathNot: ['^connectors/$1/', '^src/connector/', '^src/errors\\.ts$'],
      },
    },
    {
      name: 'only-app-knows-connectors',
      comment: 'connectors/ is imported by src/app.ts alone',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/app\\.ts$' },
      to: { path: '^connectors/' },
    },
    {
      name: 'only-main-starts',
      comment: 'app.ts is imported beside itself and by the commands, by no other room',
      severity: 'error',
      from: { path: '^(src|connectors)/', pathNot: '^src/([a-z-]+\\.ts$|cli/)' },
      to: { path: '^src/(app|main)\\.ts$' },
    },
    {
      name: 'no-tests-in-the-program',
      comment: 'what runs in production imports neither tests nor test tools',
      severity: 'error',
      from: { path: '^(src|connectors)/', pathNot: '\\.test\\.ts$' },
      to: { path: `^(test|bench|scripts)/|\\.test\\.ts$|${packages('vitest', 'fast-check')}` },
    },
    {
      name: 'no-cycles',
      comment: 'files import each other in one direction',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'nothing-unresolvable',
      comment: 'the import leads nowhere',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    onlyIn('store', 'src/store/', 'drizzle-orm', 'pg', 'pg-copy-streams', '@electric-sql/pglite'),
    onlyIn('queue', 'src/queue/', 'bullmq', 'ioredis'),
    onlyIn('run', 'src/run/', 'node-cron'),
    onlyIn(
      'connectors',
      '(connectors/|src/sandbox/)',
      '@shopify/shopify-api',
      '@hubspot/api-client',
      'jsforce',
      'ssh2-sftp-client',
      'ssh2',
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)fixtures/' },
    // Types count: a room that knows another's types knows the room.
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
    builtInModules: { add: ['node:sqlite', 'node:sea', 'node:test'] },
  },
};
