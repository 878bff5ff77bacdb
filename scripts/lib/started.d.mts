/** Starts a program of the scripts folder in this process, with the words that stand behind it. */
export function started(path: string, args: readonly string[]): Promise<void>;
