import { z } from 'zod';
import type { Action, Route } from './route.ts';

type JsonSchema = Record<string, unknown>;

const errorSchema = z.object({
  error: z.object({
    code: z.enum([
      'authentication_error',
      'authorization_error',
      'validation_error',
      'not_found',
      'rate_limit_exceeded',
      'conflict',
      'server_error',
    ]),
    message: z.string(),
    details: z.array(z.object({ field: z.string(), message: z.string() })),
    request_id: z.string(),
  }),
});

const errorSchemaV1 = z.object({
  error: z.object({
    code: z.enum([
      'AUTHENTICATION_ERROR',
      'AUTHORIZATION_ERROR',
      'VALIDATION_ERROR',
      'NOT_FOUND',
      'RATE_LIMIT_EXCEEDED',
      'CONFLICT',
      'INTERNAL_ERROR',
    ]),
    message: z.string(),
    details: z.object({
      field: z.string().optional(),
      issue: z.string().optional(),
      expected: z.string().optional(),
      received: z.string().optional(),
      problems: z.array(z.object({ field: z.string(), issue: z.string() })).optional(),
    }),
    request_id: z.string(),
    timestamp: z.string(),
  }),
});

const ERRORS: Readonly<Record<number, string>> = {
  400: 'A parameter is not valid; all of them are named',
  401: 'No API key, or none that is known',
  403: 'The key does not have the scope',
  404: 'There is no such thing',
  406: 'The client does not take JSON',
  429: 'Too many requests; see Retry-After',
  500: 'A defect, to be reported with the request id',
  503: 'The database does not answer; see Retry-After',
};

/** The OpenAPI 3.1 document of the routes, made from the schemas that check them. */
export function openApiOf(routes: readonly (Route | Action)[]): JsonSchema {
  const paths: Record<string, JsonSchema> = {};
  for (const route of routes) {
    const path = route.path.replace(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tributary',
      version: '2',
      description: 'Canonical records of many sources. `/v2/…` is the same as `/api/v2/…`.',
    },
    paths,
    components: {
      securitySchemes: {
        apiKey: { type: 'apiKey', in: 'header', name: 'X-API-Key' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
      schemas: { Error: schemaOf(errorSchema, 'output'), ErrorV1: schemaOf(errorSchemaV1, 'output') },
    },
  };
}

function operationOf(route: Route | Action): JsonSchema {
  const isOne = route.path.includes(':');
  const error = route.path.startsWith('/api/v1/') ? 'ErrorV1' : 'Error';
  return {
    operationId: route.name,
    summary: route.summary,
    description: `${route.about} Needs a key with the scope \`${route.scope}\`.`,
    security: [{ apiKey: [] }, { bearer: [] }],
    parameters: [
      ...parametersOf(route.params, 'path'),
      ...('query' in route ? parametersOf(route.query, 'query') : []),
    ],
    ...('body' in route
      ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } } }
      : {}),
    responses: {
      [route.method === 'POST' ? 201 : 200]: {
        description: 'OK',
        content: { 'application/json': { schema: schemaOf(route.answer, 'output') } },
      },
      ...Object.fromEntries(
        Object.entries(ERRORS)
          .filter(([status]) => status !== '404' || isOne)
          .map(([status, description]) => [
            status,
            { description, content: { 'application/json': { schema: { $ref: `#/components/schemas/${error}` } } } },
          ]),
      ),
    },
  };
}

function parametersOf(schema: z.ZodType, place: 'path' | 'query'): JsonSchema[] {
  // What comes in is text; what the schema makes of it says more.
  const { properties = {}, required = [] } = schemaOf(schema, 'output') as {
    properties?: Record<string, JsonSchema>;
    required?: string[];
  };
  return Object.entries(properties).map(([name, { description, ...rest }]) => ({
    name,
    in: place,
    required: place === 'path' || (required.includes(name) && rest['default'] === undefined),
    ...(description === undefined ? {} : { description }),
    schema: rest,
  }));
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _dialect, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
  return rest;
}
