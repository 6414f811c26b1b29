/** Why a value could not be made. Returned, not thrown: a bad value is data. */
import type { Json } from '../connector/contract.ts';

export class Fault {
  readonly code: string;
  /** What is wrong, to be read behind the value: "is not a number". */
  readonly message: string;
  /** The offending value; shown to people only where the field is not personal. */
  readonly value: Json | undefined;

  constructor(code: string, message: string, value?: Json) {
    this.code = code;
    this.message = message;
    this.value = value;
  }
}

/** The fault in words; `personal` keeps the value out. */
export function describeFault(fault: Fault, personal: boolean): string {
  if (fault.value === undefined) return fault.message;
  const shown = JSON.stringify(fault.value) ?? 'the value';
  return `${personal ? 'the value' : shown.length > 60 ? `${shown.slice(0, 60)}…` : shown} ${fault.message}`;
}
