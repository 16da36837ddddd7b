import multipart from '@fastify/multipart';
import { z } from 'zod';
import { AvatarDetails, AvatarForm, Avatars } from '#protocol/http.ts';
import { addressKey } from '#server/auth/addresses.ts';
import { FORM_LIMITS, FORM_TYPE, MAX_FORM, withForm } from './avatar-form.ts';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';

const AvatarParams = z.object({ avatar: z.string().min(1).max(64) });
const tags = ['avatars'];

/** Forms are taken here only, so they are known in a scope of their own. */
export async function avatars(app: App, options: HttpOptions, guard: Guard): Promise<void> {
  read(app, options, guard);
  await app.register(async (scope) => {
    await scope.register(multipart, { limits: FORM_LIMITS, throwFileSizeLimit: false });
    // The same app inside; its type forgets which log it writes to.
    write(scope as unknown as App, options, guard);
  });
}

function read(app: App, { avatars }: HttpOptions, guard: Guard): void {
  app.get(
    '/v1/avatars',
    {
      onRequest: guard.open,
      schema: { summary: 'The avatars of this server', tags, response: { 200: Avatars, ...FAILURES } },
    },
    async () => ({ avatars: avatars.list() }),
  );

  app.get(
    '/v1/avatars/:avatar',
    {
      onRequest: guard.create,
      schema: {
        summary: 'One avatar, and how far its making is',
        tags,
        params: AvatarParams,
        response: { 200: AvatarDetails, ...FAILURES },
      },
    },
    async (request) => avatars.get(request.params.avatar),
  );

  app.delete(
    '/v1/avatars/:avatar',
    {
      onRequest: guard.create,
      schema: {
        summary: 'Delete an avatar',
        description: 'No new session gets it; those that have it go on to their end.',
        tags,
        params: AvatarParams,
        response: { 204: z.null(), ...FAILURES },
      },
    },
    async (request, reply) => {
      await avatars.remove(request.params.avatar);
      return reply.status(204).send(null);
    },
  );
}

function write(app: App, { avatars, limits }: HttpOptions, guard: Guard): void {
  const form = {
    onRequest: guard.create,
    bodyLimit: MAX_FORM,
    config: { contentType: FORM_TYPE },
    // A form is checked part by part as it comes; its schema is there to be read.
    validatorCompiler: () => () => true,
  };
  const about = { tags, consumes: [FORM_TYPE], body: AvatarForm, response: { 202: AvatarDetails, ...FAILURES } };

  app.post(
    '/v1/avatars',
    {
      ...form,
      schema: {
        ...about,
        summary: 'Make an avatar',
        description:
          'From one `image` or `clip`, in the background: `GET` its `Location` to see how far it is. Sessions may have it once it is `ready`.',
      },
    },
    async (request, reply) => {
      await limits.use('avatar', addressKey(request.ip));
      const made = await withForm(
        request,
        () => avatars.incoming(),
        ({ fields, upload }) => avatars.create(fields, upload),
      );
      return reply.status(202).header('location', `/v1/avatars/${made.id}`).send(made);
    },
  );

  app.put(
    '/v1/avatars/:avatar',
    {
      ...form,
      schema: {
        ...about,
        summary: 'Replace an avatar',
        description: 'With all its fields. The old one serves until the new one is `ready`, and stays if that fails.',
      },
    },
    async (request, reply) => {
      const { avatar } = AvatarParams.parse(request.params);
      avatars.get(avatar);
      await limits.use('avatar', addressKey(request.ip));
      const made = await withForm(
        request,
        () => avatars.incoming(),
        ({ fields, upload }) => avatars.replace(avatar, fields, upload),
      );
      return reply.status(202).send(made);
    },
  );
}
