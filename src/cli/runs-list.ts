import { TributaryError } from '../errors.ts';
import { listRuns } from '../run/list-runs.ts';
import { TRANSITIONS } from '../run/states.ts';
import { command, EXIT, paging, word, words } from './command.ts';
import { runTable } from './follow-runs.ts';
import { json } from './render.ts';

export const runsList = command({
  path: 'runs list',
  about: 'List runs, the newest first',
  args: {},
  options: {
    connection: word('<name>', 'Only of this connection'),
    stream: word('<name>', 'Only of streams with this name'),
    state: words('<state>', `Only in these states: ${Object.keys(TRANSITIONS).join(', ')}`),
    ...paging,
  },
  examples: [
    ['tributary runs list', 'the last 20'],
    ['tributary runs list --state failed,incomplete,held', 'those that need somebody'],
    ['tributary runs list --connection feeds --json', 'for a script'],
  ],
  where: 'program',
  async run(context, { options }) {
    const unknown = options.state.filter((state) => !(state in TRANSITIONS));
    if (unknown.length > 0)
      throw new TributaryError('ERR_CLI_USAGE', `There is no state ${unknown.join(', ')}.`, {
        remedy: `States are ${Object.keys(TRANSITIONS).join(', ')}.`,
      });
    const { store, streams } = await context.app();
    const runs = await store.answer(streams.tenant, (tx) => listRuns(tx, { ...options, states: options.state }));
    if (context.json) await context.out(json(runs));
    else await context.out(runs.length > 0 ? runTable(runs, context.isTty ? context.columns : null) : 'No runs.\n');
    return EXIT.ok;
  },
});
