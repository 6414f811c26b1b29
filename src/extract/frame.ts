import type { FramedPage, ReadPagesOptions } from './pages.ts';
import { TributaryError } from '../errors.ts';

export async function* frame(_options: ReadPagesOptions): AsyncGenerator<FramedPage> {
  throw new TributaryError('ERR_INTERNAL', 'framing is not built yet');
}
