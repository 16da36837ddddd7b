import '#client/sdk/no-eval.ts';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import type { AvatarClient } from '#client/sdk/index.ts';
import { App } from './app.tsx';
import './style.css';
import { start } from './visit.ts';

declare global {
  interface Window {
    /** The page's client, for tests and for scripts that embed the page. */
    avatar: AvatarClient;
  }
}

// Before the first render: the socket connects while React draws.
window.avatar = start();

createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    <App client={window.avatar} />
  </StrictMode>,
);
