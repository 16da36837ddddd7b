import { config } from 'zod';

// zod tries whether it may compile schemas, which a strict Content-Security-Policy reports as an attack. To be imported before any schema.
config({ jitless: true });
