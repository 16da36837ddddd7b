import { AvatarError } from '#base/errors.ts';
import { IMAGE, ImageShown } from '#protocol/http.ts';
import { readStill } from '#server/sessions/still.ts';
import { IMAGE_TYPE } from './bodies.ts';
import type { Guard } from './guard.ts';
import { FAILURES, type App, type HttpOptions } from './options.ts';
import { SessionParams } from './sessions.ts';
import { z } from 'zod';

const File = z.string().meta({ format: 'binary', description: `a JPEG of at most ${IMAGE.bytes} bytes` });

export function images(app: App, { sessions, limits }: HttpOptions, guard: Guard): void {
  app.post(
    '/v1/sessions/:id/images',
    {
      onRequest: guard.session('host'),
      bodyLimit: IMAGE.bytes,
      config: { contentType: IMAGE_TYPE },
      // Bytes are checked as what they are.
      validatorCompiler: () => () => true,
      schema: {
        summary: 'Show the avatar an image',
        description: `A JPEG with sides of ${IMAGE.least} to ${IMAGE.most} px, for one prompt that names it, or for the turn that asks for it by \`look\`. It goes to the model with that turn and is kept nowhere.`,
        tags: ['talk'],
        consumes: [IMAGE_TYPE],
        params: SessionParams,
        body: File,
        response: { 201: ImageShown, ...FAILURES },
      },
    },
    async (request, reply) => {
      const { id } = SessionParams.parse(request.params);
      await limits.use('image', id);
      const body: unknown = request.body;
      if (!(body instanceof Uint8Array)) throw new AvatarError('bad_request', 'The body must be a JPEG.');
      const session = await sessions.get(id);
      return reply.status(201).send(session.sight.show(readStill(body)));
    },
  );
}
