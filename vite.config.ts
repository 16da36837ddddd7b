import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

const SERVER = 'http://127.0.0.1:3000';

/** The page. hls.js is imported where it is needed, so it is a file of its own that most viewers never load. */
export default defineConfig({
  root: 'client/app',
  plugins: [react()],
  build: {
    outDir: '../../dist/client',
    rolldownOptions: { input: ['client/app/index.html', 'client/app/example.html'] },
    emptyOutDir: true,
    target: 'es2022',
    // Nothing inline: the server's Content-Security-Policy is strict.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 700,
  },
  server: {
    proxy: {
      '/v1': SERVER,
      '/hls': SERVER,
      '/socket.io': { target: SERVER, ws: true },
    },
  },
});
