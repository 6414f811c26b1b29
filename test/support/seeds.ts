/** Seeds of a property test: `SEED=n` replays one, `SEEDS=n` runs so many instead of the usual number. */
export function seeds(usual: number): number[] {
  const one = process.env['SEED'];
  if (one !== undefined) return [Number(one)];
  return Array.from({ length: Number(process.env['SEEDS'] ?? usual) }, (_, at) => at + 1);
}
