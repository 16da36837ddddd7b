import { z } from 'zod';

/**
 * Something a model may ask the server for while it answers. It must be harmless, and the same when it is called twice: a reply that is begun ahead
 * of time may call it and be thrown away.
 */
export interface Tool {
  readonly name: string;
  /** For the model: what it gives, and when to ask for it. */
  readonly description: string;
  /** JSON Schema of its arguments. */
  readonly parameters: Record<string, unknown>;
  /** ms it may take. */
  readonly timeout: number;
  /** What the model is told, in words. Throws, with a message for the model, when it can't. */
  run(args: unknown, signal: AbortSignal): Promise<string>;
}

interface Defined<Shape extends z.ZodRawShape> extends Pick<Tool, 'name' | 'description'> {
  readonly parameters: z.ZodObject<Shape>;
  /** Default: 5 s. */
  readonly timeout?: number;
  run(args: z.infer<z.ZodObject<Shape>>, signal: AbortSignal): string | Promise<string>;
}

const TIMEOUT = 5_000;

/** A tool whose arguments are what `parameters` says when it is run. */
export function tool<Shape extends z.ZodRawShape>({ parameters, timeout = TIMEOUT, run, ...about }: Defined<Shape>): Tool {
  const { $schema: _, ...schema } = z.toJSONSchema(parameters);
  return {
    ...about,
    timeout,
    parameters: schema,
    async run(args, signal) {
      const parsed = parameters.safeParse(args);
      if (!parsed.success) throw new Error(`The arguments are wrong: ${complaints(parsed.error)}.`);
      return run(parsed.data, signal);
    },
  };
}

const complaints = ({ issues }: z.ZodError): string =>
  issues.map(({ path, message }) => `${path.length > 0 ? `${path.join('.')}: ` : ''}${message}`).join('; ');
