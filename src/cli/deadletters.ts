import { TributaryError } from '../errors.ts';
import {
  acceptDeadLetters,
  LETTER_STATES,
  letterNumbers,
  listDeadLetters,
  publicLetter,
  showDeadLetter,
} from '../load/list-dead-letters.ts';
import { requestReplay } from '../run/replay.ts';
import { actor } from './actor.ts';
import { command, EXIT, flag, many, one, word, words } from './command.ts';
import { exitOfRuns, showRuns } from './follow-runs.ts';
import { known, sourceFilters } from './lists.ts';
import { counted, facts, json, plain, table, when } from './render.ts';
import { workThrough } from './sync.ts';

const CODE = word('<code>', 'Only with this code, such as ERR_MAPPING_REJECTED');

export const deadlettersList = command({
  path: 'deadletters list',
  about: 'List records that could not be loaded, with the reason',
  args: {},
  options: {
    state: words('<state>', `In these states: ${LETTER_STATES.join(', ')} (default: open)`),
    code: CODE,
    ...sourceFilters,
  },
  examples: [
    ['tributary deadletters list', 'the newest that are open'],
    ['tributary deadletters list --connection feeds --state open,accepted', 'of one connection'],
  ],
  where: 'program',
  async run(context, { options }) {
    const states = options.state.length > 0 ? known(options.state, LETTER_STATES, 'state') : ['open'];
    const { store, streams } = await context.app();
    const letters = await store.answer(streams.tenant, (tx) => listDeadLetters(tx, { ...options, states }));
    if (context.json) await context.out(json(letters.map(publicLetter)));
    else if (letters.length === 0) await context.out(`No ${states.join(' or ')} dead letters.\n`);
    else {
      await context.out(
        table(
          letters,
          [
            { title: 'DEAD LETTER', of: (letter) => letter.id },
            { title: 'STREAM', of: (letter) => `${letter.connection}/${letter.stream}` },
            { title: 'RECORD', of: (letter) => letter.externalId ?? '?' },
            { title: 'LINE', of: (letter) => letter.position, right: true },
            { title: 'TIMES', of: (letter) => letter.times, right: true },
            { title: 'STATE', of: (letter) => letter.state },
            {
              title: 'WHY',
              of: (letter) => letter.problems.map((problem) => `${problem.field}: ${problem.message}`).join('; '),
            },
          ],
          context.width,
        ),
      );
    }
    return EXIT.ok;
  },
});

export const deadlettersShow = command({
  path: 'deadletters show',
  about: 'Show a dead letter: every reason, and the record as it came',
  args: { deadletter: one('Its id (dl_…)') },
  options: {},
  examples: [['tributary deadletters show dl_00000000100', 'what is wrong with it, and what it looks like']],
  where: 'program',
  async run(context, { args }) {
    const { store, streams, decodeOf } = await context.app();
    const letter = await showDeadLetter(store, streams.tenant, args.deadletter, decodeOf);
    if (context.json) await context.out(json(letter));
    else {
      const { id, connection, stream, externalId, position, code, state, times, run } = letter;
      await context.out(
        facts({
          id,
          stream: `${connection}/${stream}`,
          record: externalId,
          line: position,
          code,
          state,
          times,
          run,
          first: when(letter.firstAt),
          last: when(letter.lastAt),
        }),
      );
      for (const problem of letter.problems)
        await context.out(
          `problem  ${plain(problem.field)}: ${plain(problem.message)}${problem.pointer ? ` (at ${plain(problem.pointer)})` : ''} [${problem.code}]\n`,
        );
      for (const raw of letter.raw ?? []) await context.out(`raw      ${plain(raw)}\n`);
      if (typeof letter.decoded === 'object' && letter.decoded !== null && !Array.isArray(letter.decoded))
        await context.out(facts(letter.decoded, '  '));
    }
    return EXIT.ok;
  },
});

export const deadlettersReplay = command({
  path: 'deadletters replay',
  about: 'Try dead letters again, with the mappings as they are now',
  args: { deadletters: many('Their ids (dl_…); none: all open ones that the options name') },
  options: {
    connection: sourceFilters.connection,
    stream: sourceFilters.stream,
    code: CODE,
    all: flag('All open dead letters'),
  },
  examples: [
    ['tributary deadletters replay dl_00000000100', 'one'],
    ['tributary deadletters replay --connection feeds', 'all open ones of a connection'],
  ],
  where: 'program',
  async run(context, { args, options }) {
    const { connection, stream, code } = options;
    const isNamed =
      args.deadletters.length > 0 || connection !== undefined || stream !== undefined || code !== undefined;
    if (!isNamed && !options.all)
      throw new TributaryError('ERR_CLI_USAGE', 'Nothing says which dead letters to replay.', {
        remedy: 'Name them, or use --connection, --stream, --code or --all.',
      });
    const app = await context.app();
    const ids = args.deadletters.length > 0 ? { ids: letterNumbers(args.deadletters) } : {};
    const replay = await requestReplay(app.runs, app.streams.tenant, { ...ids, connection, stream, code }, 'command');
    if (ids.ids && replay.letters + replay.without.length < ids.ids.length)
      await context.err('note: some of these are not open any more, or do not exist.\n');
    if (replay.without.length > 0)
      await context.err(
        `${counted(replay.without.length, 'dead letter')} without a record or its id can only be sent again by the source: ${replay.without.slice(0, 5).join(', ')}${replay.without.length > 5 ? ' …' : ''}\n`,
      );
    if (replay.runs.length === 0) {
      await context.out(context.json ? json([]) : 'Nothing to replay.\n');
      return replay.without.length > 0 ? EXIT.attention : EXIT.ok;
    }
    const runs = await workThrough(context, app, replay.runs);
    await showRuns(context, runs);
    return Math.max(exitOfRuns(runs), 0) || (replay.without.length > 0 ? EXIT.attention : EXIT.ok);
  },
});

export const deadlettersAccept = command({
  path: 'deadletters accept',
  about: 'Close dead letters as they are: these records stay out',
  args: { deadletters: many('Their ids (dl_…)') },
  options: { note: word('<text>', 'Why; kept in the audit') },
  examples: [['tributary deadletters accept dl_00000000100 --note "test line of the supplier"', 'closes it']],
  where: 'program',
  async run(context, { args, options }) {
    if (args.deadletters.length === 0)
      throw new TributaryError('ERR_CLI_USAGE', 'Nothing says which dead letters to accept.');
    const app = await context.app();
    const closed = await acceptDeadLetters(app, {
      tenant: app.streams.tenant,
      ids: args.deadletters,
      actor: actor(),
      note: options.note ?? '',
    });
    if (context.json) await context.out(json({ accepted: closed }));
    else
      await context.out(
        `${counted(closed.length, 'dead letter')} accepted${closed.length < args.deadletters.length ? `; ${args.deadletters.length - closed.length} were closed before` : ''}.\n`,
      );
    return EXIT.ok;
  },
});
