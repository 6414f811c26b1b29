/** Looks up what became of a write whose answer was lost. */
import type { Json, WriteIntent, WriteOutcome } from '../../src/connector/index.ts';
import { isJoined } from './campaign-members.ts';
import { externalId } from './ids.ts';
import { type Kept, keptOf, matchesOf, type Target } from './match.ts';
import { EXTERNAL_ID, isMembership } from './writes.ts';

/** `null`: it was not carried out, or not to its end. */
export async function findIntent(target: Target, intent: WriteIntent): Promise<WriteOutcome | null> {
  const id = intent.id === null ? await idOf(target, intent) : externalId(intent.stream, intent.id);
  if (id === null) return null;
  const kept = (await keptOf(target, [id])).get(id);
  if (intent.action === 'delete') return kept ? null : { state: 'ok', id, version: null };
  if (!kept || !isCarriedOut(target, intent, kept) || !(await isJoined(target, intent, id))) return null;
  return { state: 'ok', id, version: kept.version, stored: kept.values };
}

async function idOf(target: Target, intent: WriteIntent): Promise<string | null> {
  const match = (await matchesOf(target, [intent])).get(intent);
  // With several, none can be told to be ours.
  return match?.ids.length === 1 ? (match.ids[0] ?? null) : null;
}

function isCarriedOut({ stream, org }: Target, intent: WriteIntent, kept: Kept): boolean {
  return Object.entries(intent.values).every(([name, value]) => {
    if (isMembership(name, stream.name)) return true;
    if (name === EXTERNAL_ID)
      return org.config.externalIdField === undefined || value === null || same(value, kept.ours);
    return same(value, kept.values[name] ?? null);
  });
}

// The org trims texts, writes addresses small, numbers in its own way, and keeps no empty text.
function same(sent: Json, kept: Json): boolean {
  const [one, two] = [plain(sent), plain(kept)];
  return one === two || (one !== '' && two !== '' && Number(one) === Number(two));
}

const plain = (value: Json): string =>
  value === null ? '' : JSON.stringify(value).replace(/^"|"$/g, '').replaceAll('\\r\\n', '\\n').trim().toLowerCase();
