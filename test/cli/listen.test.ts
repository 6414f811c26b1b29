import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { silentLog } from '../../src/observe/log.ts';
import { startService } from '../../src/service.ts';
import { makePlace } from './support.ts';

it('an address that is not of this machine is told as what it is', async () => {
  await using place = await makePlace();
  const config = loadConfig({ dir: place.dir, env: { HOST: '192.0.2.1', PORT: '8080' } });
  await expect(startService(config, { log: silentLog })).rejects.toMatchObject({
    code: 'ERR_CONFIG_INVALID',
    message: 'The program cannot listen on 192.0.2.1:8080 (EADDRNOTAVAIL).',
  });
});
