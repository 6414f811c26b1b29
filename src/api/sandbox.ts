/** Acting upon the vendor systems of the sandbox, as somebody in their shops would. */
import { z } from 'zod';
import { TributaryError } from '../errors.ts';
import type { SandboxAction } from '../sandbox/system.ts';
import { ApiError } from './errors.ts';
import { type Action, defineAction, text } from './route.ts';

/** @throws ERR_NOT_FOUND for a system or SKU that is not there */
export type ActInSandbox = (system: string, action: SandboxAction) => Promise<void>;

/** Exists only in the sandbox. */
export const sandboxAction = (act: ActInSandbox): Action =>
  defineAction({
    method: 'POST',
    path: '/sandbox/:system/:action',
    name: 'actInSandbox',
    summary: 'Buy, edit, delete or restock something in a vendor system of the sandbox',
    about:
      'What follows is seen by the connection of that system, by webhook where it has them, else by its next poll.',
    scope: 'write:inventory',
    params: z.strictObject({ system: text(40), action: z.enum(['buy', 'edit', 'delete', 'restock']) }),
    body: z.strictObject({ sku: text(255), quantity: z.int().min(0).max(1_000_000).optional() }),
    answer: z.object({ system: z.string(), action: z.string(), sku: z.string(), quantity: z.number().nullable() }),
    async handle({ params: { system, action }, body: { sku, quantity } }) {
      await act(system, { kind: action, sku, ...(quantity === undefined ? {} : { quantity }) }).catch(
        (thrown: unknown) => {
          if (thrown instanceof TributaryError && thrown.code === 'ERR_NOT_FOUND')
            throw new ApiError(404, `${thrown.message} ${thrown.remedy}`);
          throw thrown;
        },
      );
      return { system, action, sku, quantity: quantity ?? null };
    },
  });
