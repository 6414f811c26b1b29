/** Checks an outgoing mapping: its rules against the canonical entity, its fields against what the stream written to declares. */
import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { ENTITIES, type EntityName, type Field } from '../canonical/entities.ts';
import type { DeclaredField, Json, JsonObject, WriteDeclaration } from '../connector/contract.ts';
import type { Condition, MappingFile } from './ast.ts';
import { checkTables, endOf } from './check.ts';
import { checkFit } from './check-call.ts';
import { checkCondition, checkNode, type Judge, mayBeEmpty } from './check-value.ts';
import { checkPath, knownRecord } from './known-paths.ts';
import { compileOutgoing, WRITE, type Written } from './outgoing-compile.ts';
import { type OutgoingFile, parseOutgoing, type WriteAction } from './outgoing-parse.ts';
import { collectProblems, lineFinder, type Problems } from './position.ts';
import { didYouMean } from './suggest.ts';
import { newTracer, type Tracer } from './tracer.ts';
import type { FileProblem, RecordProblem } from './types.ts';

/** What is to be done with an entity at the vendor. */
export type OutgoingResult =
  | { readonly kind: 'write'; readonly id: string | null; readonly action: WriteAction; readonly values: JsonObject }
  | { readonly kind: 'skipped'; readonly reason: string }
  | { readonly kind: 'rejected'; readonly problems: readonly RecordProblem[] };

/** An outgoing mapping: a pure function from a canonical entity (with its links) to what the vendor is told. */
export type Outgoing = {
  readonly name: string;
  /** SHA-256 of the file's text, hex. */
  readonly version: string;
  readonly source: string;
  readonly text: string;
  readonly entity: EntityName | 'stock';
  /** Stock: all levels of a variant are one thing. */
  readonly isSum: boolean;
  /** Stream of the connection that is written to. */
  readonly to: string;
  /** Fields by which the vendor finds a record whose id is not known. */
  readonly match: readonly string[];
  /** Fields it may name, with the canonical fields that each is made of. */
  readonly reads: Readonly<Record<string, readonly string[]>>;
  readonly map: (entity: JsonObject) => OutgoingResult;
  /** The same evaluation, instrumented. */
  readonly watch: (entity: JsonObject) => { readonly result: OutgoingResult; readonly tracer: Tracer };
};

export type CheckedOutgoing = {
  readonly outgoing: Outgoing | null;
  readonly parsed: OutgoingFile | null;
  readonly problems: readonly FileProblem[];
};

/**
 * Parses, checks and compiles an outgoing mapping.
 * @param target what the stream written to declares; `null`: not known, so names of the vendor's fields cannot be judged
 */
export function checkOutgoing(text: string, file: string, target: WriteDeclaration | null): CheckedOutgoing {
  const problems = collectProblems(file, text);
  const parsed = parseOutgoing(text, file, problems);
  if (parsed !== null) checkFile(parsed, target, problems);
  const sorted = problems.list.toSorted((a, b) => a.line - b.line || a.column - b.column);
  const isGood = parsed !== null && sorted.every((problem) => problem.severity !== 'error');
  return { outgoing: isGood ? build(parsed, basename(file, '.yaml')) : null, parsed, problems: sorted };
}

function checkFile(file: OutgoingFile, target: WriteDeclaration | null, problems: Problems): void {
  const record = knownRecord(file.base, { origin: 'declared', fields: entityFields(file) });
  const root = record?.root ?? { children: new Map(), isList: false, isOpen: true, field: null };
  const judge: Judge = {
    file: file.base,
    problems,
    paths: {
      record: record && { ...record, origin: `a ${file.entity} has no such field` },
      here: root,
      isTop: true,
      isGrouped: false,
      ignoreCase: false,
    },
    usedTables: new Set(),
    outputs: [],
    each: null,
    entity: null,
    isLoop: false,
    outgoing: true,
  };
  for (const skip of file.base.skip) checkCondition(skip.when, judge);
  if (file.when !== null) {
    checkCondition(file.when.condition, judge);
    checkPresence(file.when.condition, judge);
  }
  checkFit(checkNode(file.id, judge), 'text', file.id.at, 'An id', problems);
  const chosenBy = namesIn([file.id, file.when, file.base.skip]);
  if (file.entity === 'stock' && !file.isSum && !chosenBy.includes('location'))
    problems.report(file.id.at, {
      code: 'location-unsaid',
      message:
        'Each location of a variant would be written over the others: nothing says which one the record stands for.',
      remedy: 'Name `location` in `id:` or `skip:`, or write `each: variant`, which adds all locations up.',
    });
  if (file.fields.length === 0)
    problems.report(file.at, {
      code: 'no-fields',
      message: 'The mapping writes no fields.',
      remedy: 'Write `fields:` and below it one `name: value` for each of the vendor’s fields.',
    });
  for (const field of file.fields) {
    const type = checkNode(field.value, judge);
    const declared = target?.fields.find((one) => one.path === field.name);
    if (declared !== undefined && declared.type !== 'text' && field.value.kind !== 'literal')
      checkFit(type, declared.type, endOf(field.value), field.name, problems);
    if (declared?.type === 'text' && (type === 'list' || type === 'json'))
      checkFit(type, 'text', endOf(field.value), field.name, problems);
  }
  checkTables(file.base, judge);
  if (target !== null) checkTarget(file, target, problems);
}

/** `when: email` asks for a truth value; whoever writes it of a text means that there is one. */
function checkPresence(condition: Condition, judge: Judge): void {
  if (condition.kind !== 'true' || condition.left.kind !== 'path') return;
  const { field } = checkPath(condition.left, judge.paths, judge.problems);
  if (field === null || field.type === 'boolean') return;
  judge.problems.report(condition.at, {
    code: 'type-mismatch',
    message: `"${condition.left.text}" is ${field.type}, and a condition is true or false.`,
    remedy: `Write \`${condition.left.text} is not empty\`.`,
  });
}

function checkTarget(file: OutgoingFile, target: WriteDeclaration, problems: Problems): void {
  const names = target.fields.map(({ path }) => path);
  for (const field of file.fields) {
    const declared = target.fields.find((one) => one.path === field.name);
    if (declared === undefined)
      problems.report(field.nameAt, {
        code: 'unknown-field',
        message: `${file.to.name} cannot be written a field "${field.name}".`,
        remedy: didYouMean(field.name, names),
      });
    else if (field.clear && !declared.nullable)
      problems.report(field.nameAt, {
        code: 'not-nullable',
        message: `${file.to.name}.${field.name} cannot be emptied.`,
        remedy: 'Remove `clear:`.',
      });
  }
  for (const { name, at } of file.match) {
    if (!target.matchBy.includes(name))
      problems.report(at, {
        code: 'unknown-match',
        message: `${file.to.name} cannot be found by "${name}".`,
        remedy: didYouMean(name, target.matchBy),
      });
  }
  for (const { name, at } of file.actions) {
    const isOffered = target.actions.includes(name) || (name !== 'delete' && target.actions.includes('upsert'));
    if (!isOffered)
      problems.report(at.end === 1 ? file.to.at : at, {
        code: 'unknown-action',
        message: `Nothing can ${name} records of ${file.to.name}.`,
        remedy: `Write \`actions:\` with some of ${target.actions.join(', ')}.`,
      });
  }
  if (file.actions.some(({ name }) => name === 'create')) checkRequired(file, target, problems);
}

function checkRequired(file: OutgoingFile, target: WriteDeclaration, problems: Problems): void {
  for (const name of target.requiredOnCreate) {
    const rule = file.fields.find((field) => field.name === name && field.on !== 'update');
    if (rule === undefined)
      problems.report(file.at, {
        code: 'unmapped-required',
        message: `Without ${name} the vendor creates nothing in ${file.to.name}, and nothing fills it.`,
        remedy: `Add \`${name}:\` to the fields, or leave create out of \`actions:\`.`,
      });
    else if (mayBeEmpty(rule.value) && !isDemanded(file, rule.value) && !isFilledWhenNew(file, rule.value))
      problems.report(rule.at, {
        code: 'unhandled-null',
        message: `${name} must have a value when a record is created, and this may be empty.`,
        remedy: 'Add `| required` to reject such entities, or `| default(…)`; or ask for it in `when:`.',
        severity: 'warning',
      });
  }
}

/** `when: email is not empty` answers for a rule that starts with `email`. */
function isDemanded(file: OutgoingFile, value: OutgoingFile['id']): boolean {
  return file.when !== null && demands(file.when.condition, value);
}

function demands(condition: Condition, value: OutgoingFile['id']): boolean {
  const source = value.kind === 'pipe' ? value.source : value;
  if (condition.kind === 'all') return condition.conditions.some((one) => demands(one, value));
  const isFilled = condition.kind === 'empty' && condition.negated;
  return isFilled && condition.left.kind === 'path' && source.kind === 'path' && condition.left.text === source.text;
}

/** `choose:` with a branch for `link("<to>") is empty`: a value for new records, and none is forced on those that are there. */
function isFilledWhenNew(file: OutgoingFile, value: OutgoingFile['id']): boolean {
  if (value.kind !== 'choose') return false;
  const isNew = (condition: Condition | null): boolean =>
    condition?.kind === 'empty' &&
    !condition.negated &&
    condition.left.kind === 'pipe' &&
    condition.left.calls.some(
      ({ name, args: [to] }) => name === 'link' && to?.kind === 'literal' && to.value === file.to.name,
    );
  const at = value.branches.findIndex(({ when }) => isNew(when));
  const reached = value.branches.slice(0, at + 1);
  return (
    at >= 0 && reached.every(({ when, value: then }) => !mayBeEmpty(then) || (when !== null && demands(when, then)))
  );
}

/** What an outgoing mapping may read, as `mapping check` knows it. */
function entityFields({ entity, isSum }: Pick<OutgoingFile, 'entity' | 'isSum'>): readonly DeclaredField[] {
  const field = (path: string, type: DeclaredField['type'], about: string): DeclaredField => ({
    path,
    type,
    nullable: true,
    about,
  });
  if (entity === 'stock')
    return [
      field('quantity', 'integer', isSum ? 'whole units at all locations' : 'whole units at the location'),
      field('available', 'integer', 'whole units that may still be sold'),
      ...fieldsBelow('variant', 'variant.', 2),
      ...(isSum ? [] : fieldsBelow('location', 'location.', 1)),
    ];
  return fieldsBelow(entity, '', 2);

  function fieldsBelow(name: EntityName, prefix: string, depth: number): DeclaredField[] {
    return [
      field(`${prefix}id`, 'text', 'public id'),
      field(`${prefix}created_at`, 'timestamp', 'when it was made'),
      field(`${prefix}updated_at`, 'timestamp', 'when it last changed'),
      field(`${prefix}archived`, 'boolean', 'no source has it any more'),
      field(`${prefix}links`, 'json', 'external ids by stream; see `link`'),
      ...Object.entries(ENTITIES[name].fields).flatMap(([key, of]: [string, Field]) => {
        if (of.type !== 'reference') return [field(`${prefix}${key}`, of.type, of.about)];
        return of.entity === undefined || depth < 2 ? [] : fieldsBelow(of.entity, `${prefix}${key}.`, depth - 1);
      }),
    ];
  }
}

/** The file as coverage counts its rules: one output. */
export function coverable(file: OutgoingFile): MappingFile {
  const at = file.at;
  const output = {
    name: WRITE,
    nameAt: at,
    entity: file.entity,
    when: null,
    each: null,
    key: null,
    match: [],
    fields: file.fields,
    at,
  };
  return { ...file.base, outputs: [output] };
}

function build(file: OutgoingFile, name: string): Outgoing {
  const run = compileOutgoing(file, false);
  const find = lineFinder(file.base.text);
  const place = (offset: number): string => {
    const { line, column } = find(offset);
    return `${file.base.file}:${line}:${column}`;
  };
  let traced: typeof run | null = null;
  return {
    name,
    version: createHash('sha256').update(file.base.text).digest('hex'),
    source: file.base.file,
    text: file.base.text,
    entity: file.entity,
    isSum: file.isSum,
    to: file.to.name,
    match: file.match.map((one) => one.name),
    reads: Object.fromEntries(file.fields.map((field) => [field.name, namesIn(field.value)])),
    map: (entity) => decide(file, entity, run(entity, {}, null)),
    watch(entity) {
      traced ??= compileOutgoing(file, true);
      const tracer = newTracer(place);
      return { result: decide(file, entity, traced(entity, {}, tracer)), tracer };
    },
  };
}

/** First names of all paths that a rule reads from the entity itself. Names inside loops do no harm. */
function namesIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return [...new Set(value.flatMap(namesIn))];
  if ('kind' in value && value.kind === 'path' && 'segments' in value && Array.isArray(value.segments)) {
    const [first]: readonly unknown[] = value.segments;
    return typeof first === 'object' && first !== null && 'name' in first ? [String(first.name)] : [];
  }
  return [...new Set(Object.values(value).flatMap(namesIn))];
}

/** What is to be done: by whether the vendor has the record, and whether the entity is still there. */
function decide(file: OutgoingFile, entity: Readonly<Record<string, Json>>, written: Written): OutgoingResult {
  if (written.kind !== 'write') return written;
  const { id } = written;
  const isArchived = entity['archived'] === true;
  const action: WriteAction = isArchived ? 'delete' : id === null ? 'create' : 'update';
  if (isArchived && id === null) return { kind: 'skipped', reason: 'archived, and never written' };
  if (!file.actions.some(({ name }) => name === action))
    return { kind: 'skipped', reason: isArchived ? 'archived' : `${action} is not among the actions` };
  const left = new Set(file.fields.filter(({ on }) => on !== null && on !== action).map(({ name }) => name));
  // Nothing is there to be emptied in a record that is only made.
  const isSaid = (name: string, value: Json): boolean => !left.has(name) && !(action === 'create' && value === null);
  const values =
    action === 'delete'
      ? {}
      : Object.fromEntries(Object.entries(written.values).filter(([name, value]) => isSaid(name, value)));
  return { kind: 'write', id, action, values };
}
