import { listRuns } from '../run/list-runs.ts';
import { type RunState, TRANSITIONS } from '../run/states.ts';
import { command, EXIT, words } from './command.ts';
import { runTable } from './follow-runs.ts';
import { known, sourceFilters } from './lists.ts';
import { json } from './render.ts';

const STATES = Object.keys(TRANSITIONS) as readonly RunState[];

export const runsList = command({
  path: 'runs list',
  about: 'List runs, the newest first',
  args: {},
  options: { state: words('<state>', `Only in these states: ${STATES.join(', ')}`), ...sourceFilters },
  examples: [
    ['tributary runs list', 'the last 20'],
    ['tributary runs list --state failed,incomplete,held', 'those that need somebody'],
    ['tributary runs list --connection feeds --json', 'for a script'],
  ],
  where: 'program',
  async run(context, { options }) {
    const states = known(options.state, STATES, 'state');
    const { store, streams } = await context.app();
    const runs = await store.answer(streams.tenant, (tx) => listRuns(tx, { ...options, states }));
    if (context.json) await context.out(json(runs));
    else await context.out(runs.length > 0 ? runTable(runs, context.width) : 'No runs.\n');
    return EXIT.ok;
  },
});
