/** The formats there are. */
import { TributaryError } from '../../../src/errors.ts';
import { csv } from './csv.ts';
import type { Format } from './format.ts';

const FORMATS: readonly Format[] = [csv];

/** @throws ERR_CONNECTOR_UNSUPPORTED for a format that is none of ours */
export function formatOf(name: unknown): Format {
  const found = FORMATS.find((format) => format.name === name);
  if (found === undefined)
    throw new TributaryError('ERR_CONNECTOR_UNSUPPORTED', `feed format ${String(name)} is not known`);
  return found;
}
