/** @file fast-check with a seed that stays, so that a run that passed passes again. MOONLET_SEED=random tries others. */
import fc from 'fast-check';

const wanted = process.env['MOONLET_SEED'] ?? '20240229';
if (wanted !== 'random') fc.configureGlobal({ seed: Number(wanted) });

export { fc };
