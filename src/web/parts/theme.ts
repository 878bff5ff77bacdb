/** @file Light and dark: as the system has it, until somebody chooses. */

export type Theme = 'light' | 'dark' | 'system';
const key = 'moonlet theme';

export const storedTheme = (): Theme => {
  const found = localStorage.getItem(key);
  return found === 'light' || found === 'dark' ? found : 'system';
};

export function applyTheme(theme: Theme = storedTheme()): void {
  if (theme === 'system') {
    delete document.documentElement.dataset['theme'];
    localStorage.removeItem(key);
  } else {
    document.documentElement.dataset['theme'] = theme;
    localStorage.setItem(key, theme);
  }
}
