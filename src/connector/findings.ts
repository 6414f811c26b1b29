import { TributaryError } from '../errors.ts';
import type { CheckFinding } from './contract.ts';

const SUBJECTS: Partial<Record<TributaryError['code'], string>> = {
  ERR_CONNECTOR_UNREACHABLE: 'reach',
  ERR_CONNECTOR_CREDENTIALS: 'credentials',
  ERR_CONNECTOR_LIMITED: 'limits',
  ERR_CONNECTOR_PROTOCOL: 'reach',
};

/**
 * Runs one probe of `check()` and tells its outcome as findings. Errors that say nothing about the source (a defect,
 * the end of the connection) go on upwards.
 * @throws whatever the probe throws that is not about the source
 */
export async function probe(look: () => Promise<readonly CheckFinding[]>): Promise<readonly CheckFinding[]> {
  try {
    return await look();
  } catch (error) {
    const subject = error instanceof TributaryError ? SUBJECTS[error.code] : undefined;
    if (!(error instanceof TributaryError) || !subject) throw error;
    const failed: CheckFinding = { subject, ok: false, message: error.message, remedy: error.remedy };
    return subject === 'credentials'
      ? [{ subject: 'reach', ok: true, message: 'The source answers.' }, failed]
      : [failed];
  }
}
