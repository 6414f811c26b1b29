import { command, EXIT } from './command.ts';
import { json, table, when } from './render.ts';

/** Limits above it are none: the vendor named what is left, and no limit. */
const NO_LIMIT = 1e12;

export const connectionsBudgets = command({
  path: 'connections budgets',
  about: 'Show what is left of the rate limits of the vendor accounts',
  details:
    'One budget for all connections, streams and processes that use an account. KEPT TO is below LIMIT for a while after the vendor refused a call.',
  args: {},
  options: {},
  examples: [['tributary connections budgets', 'when a run waits, to see for what']],
  where: 'program',
  async run(context) {
    const app = await context.app();
    const budgets = await app.budgets();
    if (context.json) {
      await context.out(json(budgets));
      return EXIT.ok;
    }
    const rows = budgets.flatMap((budget) => budget.windows.map((window) => ({ budget, window })));
    if (rows.length === 0) await context.out('Nothing was asked of a vendor yet.\n');
    else
      await context.out(
        table(
          rows,
          [
            { title: 'ACCOUNT', of: ({ budget }) => budget.account },
            { title: 'BUDGET', of: ({ budget }) => budget.budget },
            { title: 'WINDOW', of: ({ window }) => window.name },
            { title: 'LIMIT', of: ({ window }) => limitText(window.limit), right: true },
            { title: 'KEPT TO', of: ({ window }) => limitText(window.kept), right: true },
            { title: 'USED', of: ({ window }) => Math.ceil(window.used), right: true },
            { title: 'VENDOR SAYS LEFT', of: ({ window }) => window.remaining, right: true },
            { title: 'WAITING', of: ({ budget }) => budget.waiting, right: true },
            { title: 'NOT BEFORE (UTC)', of: ({ budget }) => when(budget.notBefore) },
          ],
          context.width,
        ),
      );
    return EXIT.ok;
  },
});

const limitText = (limit: number): number | string => (limit > NO_LIMIT ? '' : Math.floor(limit));
