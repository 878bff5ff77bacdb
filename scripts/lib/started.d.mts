/**
 * Starts a program of the scripts folder in this process, with the words that stand behind it.
 * @param chosen whether the program is one of a folder, by its name: then `--help` always prints a help, and does nothing else.
 */
export function started(path: string, args: readonly string[], chosen?: boolean): Promise<void>;
