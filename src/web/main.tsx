/** @file The page begins here. */
import { render } from 'preact';
import './style/base.css';
import './style/shell.css';
import './style/parts.css';
import { App } from './app.tsx';
import { applyTheme } from './parts/theme.ts';

applyTheme();
const place = document.getElementById('app');
if (place) render(<App />, place);
if (import.meta.env.PROD && 'serviceWorker' in navigator && globalThis.isSecureContext)
  void navigator.serviceWorker.register('./service-worker.js');
