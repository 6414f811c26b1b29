/** Makes leads and contacts members of the campaigns that won them. */
import type { WriteIntent, WriteOutcome } from '../../src/connector/index.ts';
import { TributaryError } from '../../src/errors.ts';
import type { Target } from './match.ts';
import { outcomeOfError, outcomeOfResult, rejected } from './outcomes.ts';
import { query } from './queries.ts';
import { literal } from './soql.ts';
import { CAMPAIGN, isMembership, MOST_WRITES } from './writes.ts';

type Written = { readonly intent: WriteIntent; readonly id: string };
type Member = Written & { readonly campaign: string };

const personField = (stream: string): string => (stream === 'leads' ? 'LeadId' : 'ContactId');

/** Outcomes of those that could not join: the record itself is there (`existingId`). */
export async function joinCampaigns(
  target: Target,
  written: readonly Written[],
): Promise<Map<WriteIntent, WriteOutcome>> {
  const failed = new Map<WriteIntent, WriteOutcome>();
  const members = written.flatMap(({ intent, id }): Member[] => {
    const campaign = intent.values[CAMPAIGN];
    return isMembership(CAMPAIGN, intent.stream) && typeof campaign === 'string' && campaign !== ''
      ? [{ intent, id, campaign }]
      : [];
  });
  for (let at = 0; at < members.length; at += MOST_WRITES) {
    const part = members.slice(at, at + MOST_WRITES);
    const records = part.map(({ intent, id, campaign }) => ({
      ...{ attributes: { type: 'CampaignMember' }, CampaignId: campaign },
      [personField(intent.stream)]: id,
    }));
    const outcomes = await send(target, records);
    for (const [place, { intent, id }] of part.entries()) {
      const outcome = outcomes[place];
      // Who is a member already needs no second membership.
      if (outcome === undefined || outcome.state === 'ok' || isMember(outcome)) continue;
      failed.set(intent, outcome.state === 'rejected' ? { ...outcome, fields: [CAMPAIGN], existingId: id } : outcome);
    }
  }
  return failed;
}

const isMember = (outcome: WriteOutcome): boolean => outcome.state === 'rejected' && outcome.code === 'DUPLICATE_VALUE';

async function send(
  target: Target,
  records: readonly { [name: string]: string | { type: string } }[],
): Promise<WriteOutcome[]> {
  try {
    const { body } = await target.org.json({
      ...{ method: 'POST', path: '/composite/sobjects', trafficClass: target.trafficClass },
      body: { allOrNone: false, records: [...records] },
    });
    const results = Array.isArray(body) ? body : [];
    return records.map((_record, at) => outcomeOfResult(results[at] ?? null, null, 'campaign_members'));
  } catch (error) {
    if (!(error instanceof TributaryError)) throw error;
    const outcome = outcomeOfError(error) ?? {
      ...rejected(error.code, error.message, []),
      retry: 'transient' as const,
    };
    return records.map(() => outcome);
  }
}

/** Whether a record has the membership an intent asks for; also when it asks for none. */
export async function isJoined(target: Target, intent: WriteIntent, id: string): Promise<boolean> {
  const campaign = intent.values[CAMPAIGN];
  if (!isMembership(CAMPAIGN, intent.stream) || typeof campaign !== 'string' || campaign === '') return true;
  const soql = `SELECT Id FROM CampaignMember WHERE CampaignId = ${literal(campaign)} AND ${personField(intent.stream)} = ${literal(id)} LIMIT 1`;
  return (await query(target, soql, false, 1)).rows.length > 0;
}
