export { z } from 'zod';
export type * from './contract.ts';
export { defineConnector, secret } from './define.ts';
export { declareFields } from './fields.ts';
export { probe } from './findings.ts';
export { isFresh, isSigned } from './signature.ts';
export { unsupported, unsupportedPages } from './unsupported.ts';
