/** Makes the function tables of docs/mapping.md anew: `node scripts/mapping-docs.ts`. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { documentFunctions } from '../src/mapping/document.ts';

const file = join(import.meta.dirname, '..', 'docs', 'mapping.md');
writeFileSync(file, documentFunctions(readFileSync(file, 'utf8')));
