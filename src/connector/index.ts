export { z } from 'zod';
export type * from './contract.ts';
export { defineConnector, secret } from './define.ts';
