/** What a person does in the vendor systems of the sandbox. */
import { TributaryError } from '../errors.ts';
import type { SandboxAction } from '../sandbox/system.ts';
import { type Command, command, count, EXIT, one } from './command.ts';
import type { CommandContext } from './context.ts';
import { json } from './render.ts';

const SYSTEM = one('shopify, woocommerce, salesforce, hubspot or feeds');
const SKU = one('SKU of a variant; in a CRM the e-mail address of a person');

async function act(context: CommandContext, system: string, action: SandboxAction): Promise<number> {
  const { service } = context;
  if (!service?.act)
    throw new TributaryError(
      'ERR_CLI_PROGRAM',
      service ? 'The program that runs here is no sandbox: it has a tributary.yaml.' : 'The sandbox does not run here.',
      { remedy: 'Run npm start in a folder without tributary.yaml, and this again in another terminal.' },
    );
  await service.act(system, action);
  if (context.json) await context.out(json({ system, ...action }));
  else await context.out(`${SAID[action.kind]} ${action.sku} in ${system}${ofQuantity(action)}.\n`);
  return EXIT.ok;
}

const SAID = { buy: 'Bought', edit: 'Edited', delete: 'Deleted', restock: 'Restocked' } as const;

const ofQuantity = ({ kind, quantity }: SandboxAction): string =>
  quantity === undefined ? '' : kind === 'restock' ? `: ${quantity} are there now` : `, ${quantity} times`;

const plainAction = (kind: 'edit' | 'delete', about: string, example: readonly [string, string]): Command =>
  command({
    path: `sandbox ${kind}`,
    about,
    args: { system: SYSTEM, sku: SKU },
    options: {},
    examples: [example],
    where: 'program',
    run: (context, { args: { system, sku } }) => act(context, system, { kind, sku }),
  });

const countedAction = (
  kind: 'buy' | 'restock',
  about: string,
  quantity: string,
  example: readonly [string, string],
): Command =>
  command({
    path: `sandbox ${kind}`,
    about,
    args: { system: SYSTEM, sku: SKU },
    options: { quantity: count('<n>', quantity, 1) },
    examples: [example],
    where: 'program',
    run: (context, { args: { system, sku }, options }) =>
      act(context, system, { kind, sku, quantity: options.quantity }),
  });

/** In the order of the help. */
export const SANDBOX_COMMANDS: readonly Command[] = [
  countedAction('buy', 'Buy something in a shop of the sandbox', 'How many', [
    'tributary sandbox buy shopify TEN-001 --quantity 2',
    'then look: tributary explain stock TEN-001',
  ]),
  plainAction('edit', 'Edit a product, or a person in a CRM, of the sandbox', [
    'tributary sandbox edit hubspot anna.berger0@example.com',
    'the contact changes, as if somebody at the desk had done it',
  ]),
  plainAction('delete', 'Delete a product, or a person in a CRM, of the sandbox', [
    'tributary sandbox delete woocommerce LAM-002',
    'the product goes into the trash of the shop',
  ]),
  countedAction('restock', 'Set how many units a shop of the sandbox has', 'How many are there then', [
    'tributary sandbox restock woocommerce TEN-001 --quantity 50',
    'counted in the shop',
  ]),
];
