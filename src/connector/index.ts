export { z } from 'zod';
export { abortable } from './abortable.ts';
export type * from './contract.ts';
export { defineConnector, secret } from './define.ts';
export { declareFields } from './fields.ts';
export { probe } from './findings.ts';
export { missingId } from './missing-id.ts';
export { isFresh, isSigned } from './signature.ts';
export { unsupported, unsupportedPages } from './unsupported.ts';
